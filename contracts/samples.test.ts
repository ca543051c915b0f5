/**
 * Facts that earlier versions have said stay readable: `samples/<number>-<commit>.jsonl` holds facts as that version said them. A file is
 * never changed once a later version has been recorded; what is new gets its samples in the newest one.
 */
import assert from 'node:assert/strict';
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import { aboutOf, parseAddress } from './address.ts';
import { Envelope } from './envelope.ts';
import { definitionOf, story } from './story.ts';

const folder = join(import.meta.dirname, 'samples');
const files = readdirSync(folder).sort();
const samples = files.flatMap((file) =>
  readFileSync(join(folder, file), 'utf8')
    .trim()
    .split('\n')
    .map((line, index) => ({ line, where: `${file}:${index + 1}` })),
);

/** Where `whole` lacks something that `part` says, if anywhere. */
function lacking(part: unknown, whole: unknown, path = 'data'): string | undefined {
  if (typeof part !== 'object' || part === null) return Object.is(part, whole) ? undefined : path;
  if (typeof whole !== 'object' || whole === null) return path;
  for (const [key, value] of Object.entries(part)) {
    const found = lacking(value, (whole as { [key: string]: unknown })[key], `${path}.${key}`);
    if (found !== undefined) return found;
  }
  return undefined;
}

describe('facts of earlier versions', () => {
  for (const file of files) {
    it(`are read and lose nothing: ${file}`, () => {
      for (const { line, where } of samples.filter(({ where }) => where.startsWith(file))) {
        const { data, type, id } = Envelope.parse(JSON.parse(line));
        const definition = definitionOf(type);
        assert.ok(definition, `${where}: ${type} is not known any more: facts can be given up only when none is in any log`);
        const at = parseAddress(id);
        assert.ok(at && aboutOf(at.kind) === definition.about && at.slot === definition.slot, `${where}: ${type} has moved from ${id}`);
        const read = definition.shape.safeParse(data);
        assert.ok(read.success, `${where}: ${type} is not read any more: ${read.error?.message}`);
        assert.equal(lacking(data, read.data), undefined, `${where}: ${type} is read without it`);
      }
    });
  }

  it('are no more than what can be said today: a field has gone, or was renamed, that was said', () => {
    for (const { line, where } of samples) {
      const { data, type } = Envelope.parse(JSON.parse(line));
      const said = definitionOf(type)?.strict.safeParse(data);
      assert.ok(said?.success, `${where}: ${type} could not be said today: ${said?.error?.message}`);
    }
  });
});

/** Every object in a value, by its path. */
const objectsIn = (value: unknown, path: readonly string[] = []): (readonly string[])[] =>
  typeof value !== 'object' || value === null
    ? []
    : [...(Array.isArray(value) ? [] : [path]), ...Object.entries(value).flatMap(([key, one]) => objectsIn(one, [...path, key]))];

/** The same value, with a field at `path` that a later version might have added. */
function grown<T>(value: T, [key, ...rest]: readonly string[]): T {
  if (key === undefined) return { ...value, newer: { than: 'today' } };
  const copy = (Array.isArray(value) ? [...value] : { ...value }) as { [key: string]: unknown };
  copy[key] = grown(copy[key], rest);
  return copy as T;
}

/** Where names stand in the place of fields, and whatever stands under one of them is a tool. */
const named = (path: readonly string[]): boolean => path.join('.') === 'tools';

it('facts of later versions are read: a field more, wherever it is, does no harm, and the call that is judged and performed keeps it', () => {
  for (const { line, where } of samples) {
    const { data, type } = Envelope.parse(JSON.parse(line));
    for (const path of objectsIn(data).filter((path) => !named(path))) {
      const read = definitionOf(type)?.shape.safeParse(grown(data, path));
      assert.ok(read?.success, `${where}: ${type} with a field more at data.${path.join('.')} is not read: ${read?.error?.message}`);
      if (type.endsWith('.request.requested') && path[0] === 'call')
        assert.equal(lacking(grown(data, path), read.data), undefined, `${where}: ${path.join('.')}`);
    }
  }
});

it('every fact has a sample: paste one of GET /v1/runs/{id}/events as a line into the newest file of contracts/samples', () => {
  const sampled = new Set(samples.map(({ line }) => (JSON.parse(line) as Envelope).type));
  assert.deepEqual(
    story.map(({ type }) => type).filter((type) => !sampled.has(type)),
    [],
  );
});
