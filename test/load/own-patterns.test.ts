/**
 * Every regular expression of our own, tried on texts that repeat what it looks for: none may take more than linear time. What is measured
 * is how the time grows with the text, and not how long it is: a slow machine is slow for both.
 */
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { pathToFileURL } from 'node:url';
import { filesBelow, root } from '@reel/scripts/check/tree.ts';
import { patternsIn } from './own-patterns.ts';

/** Characters of the shortest text. A search that goes back from each of them takes some milliseconds, a linear one some microseconds. */
const SHORT = 2_000;
const TINY = 22;
/** What takes less is not looked at more closely. */
const FLOOR_MS = 0.5;
/** By how much it may grow from a text to one of four times the length: linear growth is 4, that of all pairs 16. */
const STEEP = 8;

function costOf(expression: RegExp, pump: string, characters: number, tries: number): number {
  const text = `${pump.repeat(Math.ceil(characters / pump.length))}\u0001`;
  let least = Number.POSITIVE_INFINITY;
  for (let n = 0; n < tries; n += 1) {
    const before = performance.now();
    expression.lastIndex = 0;
    text.replace(expression, '');
    least = Math.min(least, performance.now() - before);
  }
  return least;
}

/** What a pattern is made of, and what stops it. */
function seedsFor({ source }: RegExp): string[] {
  const letters = [...new Set(source.replace(/\\[wdsbSDWBuxpP]|[\\^$()[\]{}|?*+]/g, ''))].slice(0, 24);
  const words = source.match(/[A-Za-z]{2,}/g)?.slice(0, 8) ?? [];
  return [...new Set([' ', '\n', 'a', 'A', '0', '-', '.', '/', ':', '"', '\\', 'é', ...letters, ...words])];
}

/** A text on which it takes more than linear time, and by how much that grows. */
function steep(expression: RegExp): string | undefined {
  const seeds = seedsFor(expression);
  const first = seeds.slice(0, 24);
  // One that tries everything in every way does not come back from a longer text.
  for (const pump of seeds)
    if (costOf(expression, pump, TINY, 3) > FLOOR_MS) return `${expression} takes long for ${TINY} characters of ${JSON.stringify(pump)}`;
  for (const pump of [...seeds, ...first.flatMap((a) => first.map((b) => a + b))]) {
    if (costOf(expression, pump, SHORT, 1) < FLOOR_MS || costOf(expression, pump, SHORT, 3) < FLOOR_MS) continue;
    // The least of several tries: in one of them the machine had time.
    const [short, long] = [costOf(expression, pump, SHORT, 5), costOf(expression, pump, 4 * SHORT, 5)];
    if (short < FLOOR_MS) continue;
    // What the machine was late for once is not so again.
    if (long > STEEP * short && costOf(expression, pump, 4 * SHORT, 20) > STEEP * short)
      return `${expression} takes ${short.toFixed(1)} ms for ${SHORT} characters of ${JSON.stringify(pump)}, and ${long.toFixed(1)} for four times as many`;
  }
  return undefined;
}

/** What is put together when the program runs: for each place an example, as bad as it can become there. */
const COMPOSED: { readonly [call: string]: readonly RegExp[] } = {
  // Only what `isSimple` lets through: the test of patterns tries it.
  'new RegExp(source, `${flags}g`)': [],
  "new RegExp(`^${path.replace(/:[^/]+/g, '[^/]+')}$`)": [/^\/v1\/runs\/[^/]+\/steps\/[^/]+\/attempts\/[^/]+$/],
  'new RegExp(`@\\\\s*${name}\\\\b`)': [/@\s*hold\b/],
  'new RegExp(`${field}:\\\\s+(\\\\d+)`)': [/Rss:\s+(\d+)/],
  'new RegExp(`\\\\.s${gone}\\\\b`)': [/\.s17\b/],
  "new RegExp(`^(?:[ -]?[A-Z0-9]){${length}}(?![A-Z0-9])`, 'i')": [/^(?:[ -]?[A-Z0-9]){34}(?![A-Z0-9])/i],
};

/** These put theirs together when they are loaded, and only then. */
const AT_LOAD = ['infra/bus/process/terminal.ts', 'services/policy/detect/secret.ts'];

/** Every pattern that a module puts together while it is loaded. */
async function builtBy(path: string): Promise<RegExp[]> {
  const built: RegExp[] = [];
  const own = globalThis.RegExp;
  globalThis.RegExp = new Proxy(own, {
    construct: (target, args: [string, string]) => {
      const one = new target(...args);
      built.push(one);
      return one;
    },
  });
  try {
    await import(`${pathToFileURL(join(root, path)).href}?patterns`);
  } finally {
    globalThis.RegExp = own;
  }
  return built;
}

const rooms = ['contracts', 'infra', 'services', 'scripts'];
const files = filesBelow(rooms, (path) => path.endsWith('.ts') && !path.endsWith('.test.ts'));
const own = files.map((path) => ({ path, ...patternsIn(path, readFileSync(join(root, path), 'utf8')) }));

test('every pattern that stands in a source takes linear time', (context) => {
  const found = own.flatMap(({ path, literals }) => literals.flatMap((one) => steep(one)?.replace(/^/, `${path}: `) ?? []));
  context.diagnostic(`${own.reduce((sum, { literals }) => sum + literals.length, 0)} patterns`);
  assert.deepEqual(found, []);
});

test('so does every pattern that is put together', async () => {
  const found = own.flatMap(({ path, compositions }) =>
    compositions.flatMap(({ text }) => {
      if (AT_LOAD.includes(path)) return [];
      const examples = COMPOSED[text];
      if (examples === undefined) return [`${path}: ${text}: give an example of it, as bad as it can become`];
      return examples.flatMap((one) => steep(one) ?? []);
    }),
  );
  for (const path of AT_LOAD) {
    const built = await builtBy(path);
    assert.ok(built.length > 0, `${path} puts none together`);
    found.push(...built.flatMap((one) => steep(one) ?? []));
  }
  assert.deepEqual(found, []);
});

test('one that goes back from every character is found, and one that does so in every way', () => {
  for (const expression of [/\s+$/, /^(a+)+$/, /[a-z]+!/]) assert.notEqual(steep(expression), undefined, String(expression));
  assert.equal(steep(/^[a-z]+$/), undefined);
});
