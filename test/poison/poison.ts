/** Facts gone bad in every way that bytes can: what fast-check makes of a good one, as somebody with the broker's own credentials could store it. */
import { hash } from 'node:crypto';
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { aboutOf, type Place, parseAddress, theRun } from '@reel/contracts/address.ts';
import type { Envelope } from '@reel/contracts/envelope.ts';
import { story } from '@reel/contracts/story.ts';
import fc from 'fast-check';

/** What is stored, and what has to stand in the blob store for it. */
export type Poison = {
  readonly type: string;
  readonly how: string;
  readonly at: Place & { readonly slot: string };
  /** Stored before its run is requested, so that every service comes upon it; otherwise in the midst of the run. */
  readonly ahead: boolean;
  /** The body, as it stands in this run. */
  readonly body: (run: string) => Buffer;
  readonly blobs: readonly (Value & { readonly writer: string })[];
};
type Value = { readonly digest: string; readonly body: string };

const folder = join(import.meta.dirname, '../../contracts/samples');
const newest = readdirSync(folder)
  .sort((a, b) => Number.parseInt(a, 10) - Number.parseInt(b, 10))
  .at(-1) as string;
const samples = readFileSync(join(folder, newest), 'utf8')
  .trim()
  .split('\n')
  .map((line) => JSON.parse(line) as Envelope);

/** The largest body that the broker takes, less what the subject and the headers of the protocol need. */
const LARGEST = 1_048_000;
const DEEP = 100_000;
const nested = (inside: string): string => `${'{"a":['.repeat(DEEP / 2)}${inside}${']}'.repeat(DEEP / 2)}`;
/** A value that stands for a piece of JSON text which no value can say. */
const HOLE = '\u0001hole\u0001';
const filled = (value: unknown, text: string): string => JSON.stringify(value).replace(JSON.stringify(HOLE), () => text);

/** Where a fact of this type belongs in a run with the steps `mark` (a tool that can be undone), `ask` (a person) and `later`. */
function placeOf(sample: Envelope, ahead: boolean): Poison['at'] {
  const { kind, slot } = parseAddress(sample.id) as { kind: string; slot: string };
  const at: { [about: string]: Place } = {
    run: theRun,
    plan: { kind: 'plan', id: 'plan', n: ahead ? 1 : 2 },
    answer: { kind: 'answer', id: 'answer', n: 1 },
    step: ahead
      ? { kind: 'tool', id: 'mark', n: 1 }
      : ['request', 'verdict'].includes(slot)
        ? { kind: 'tool', id: 'later', n: 1 }
        : { kind: 'person', id: 'ask', n: 1 },
    undo: { kind: 'undo-tool', id: 'mark-1', n: 1 },
    vote: { kind: 'vote', id: 'eve', n: 1 },
    fault: { kind: 'fault', id: 'policy', n: 7 },
    claim: { kind: 'claim', id: 'key', n: 1 },
  };
  return { ...(at[aboutOf(kind)] as Place), slot };
}

type Path = readonly string[];
const pathsIn = (value: unknown, path: Path = []): Path[] =>
  typeof value !== 'object' || value === null
    ? []
    : Object.entries(value).flatMap(([key, one]) => [[...path, key], ...pathsIn(one, [...path, key])]);

/** The same fact with something else at one place, `undefined` for nothing. */
function replaced<T>(whole: T, [key, ...rest]: Path, value: unknown): T {
  if (key === undefined) return value as T;
  const copy = (Array.isArray(whole) ? [...whole] : { ...whole }) as { [key: string]: unknown };
  if (rest.length === 0 && value === undefined) delete copy[key];
  else copy[key] = replaced(copy[key], rest, value);
  return copy as T;
}

type Made = (fact: Envelope) => string | Buffer;
type Mutation = fc.Arbitrary<{ readonly make: Made; readonly blobs?: readonly Value[] }>;

const plainly = (arbitrary: fc.Arbitrary<Made>): Mutation => arbitrary.map((make) => ({ make }));
const share = fc.double({ min: 0, max: 1, noNaN: true });
const one = <T>(all: readonly T[], where: number): T => all[Math.min(all.length - 1, Math.floor(where * all.length))] as T;
const other = fc.constantFrom(...samples);
const somewhere = (fact: Envelope, where: number): Path => one(pathsIn(fact), where);
/** A field of the data; of facts that have none, one that nobody knows. */
const fieldOf = (fact: Envelope, where: number): string => one(Object.keys(fact.data), where) ?? 'more';
const blobOf = (body: string): Value => ({ digest: hash('sha256', body), body });
const blobbed = (body: string, stored = true): Mutation =>
  share.map((where) => {
    const blob = blobOf(body);
    const make: Made = (fact) => {
      const field = fieldOf(fact, where);
      return JSON.stringify({ ...fact, blobs: field, data: { ...fact.data, [field]: { blob: blob.digest, bytes: body.length } } });
    };
    return { make, blobs: stored ? [blob] : [] };
  });

const NUMBERS = ['1e400', '-1e400', '9007199254740993', '9e15', '-1', '1e308', '0.1e-400', '1.5', '123456789012345678901234567890'];

/** Every way in which a fact goes bad, by name. */
export const mutations: { readonly [how: string]: Mutation } = {
  truncated: plainly(share.map((where) => (fact) => JSON.stringify(fact).slice(0, Math.floor(where * (JSON.stringify(fact).length - 1))))),
  'not JSON': plainly(
    fc.constantFrom('', ' ', 'null', '[]', '7', '"fact"', '{', '{"a":}', 'NaN', '<xml/>', '\u0000').map((text) => () => text),
  ),
  'random bytes': plainly(fc.uint8Array({ maxLength: 200 }).map((bytes) => () => Buffer.from(bytes))),
  'invalid UTF-8': plainly(
    share.map((where) => (fact) => {
      const bytes = Buffer.from(JSON.stringify(fact));
      const cut = Math.floor(where * bytes.length);
      return Buffer.concat([bytes.subarray(0, cut), Buffer.from([0xff, 0xc3, 0x28]), bytes.subarray(cut)]);
    }),
  ),
  'another value': plainly(
    fc.tuple(share, fc.jsonValue()).map(
      ([where, value]) =>
        (fact) =>
          JSON.stringify(replaced(fact, somewhere(fact, where), value)),
    ),
  ),
  'something missing': plainly(share.map((where) => (fact) => JSON.stringify(replaced(fact, somewhere(fact, where), undefined)))),
  'a body of another type': plainly(
    other.map(
      ({ type, data }) =>
        (fact) =>
          JSON.stringify({ ...fact, type, data }),
    ),
  ),
  'the data of another type': plainly(
    other.map(
      ({ data }) =>
        (fact) =>
          JSON.stringify({ ...fact, data }),
    ),
  ),
  'a body of another run': plainly(
    fc.constant((fact) => JSON.stringify({ ...fact, runid: 'another', id: fact.id.replace(fact.runid, 'another') })),
  ),
  'a body of another address': plainly(
    other.map(
      ({ id }) =>
        (fact) =>
          JSON.stringify({ ...fact, id }),
    ),
  ),
  'a cause that is not there': plainly(
    fc
      .constantFrom('', 'nowhere', 'reel.0.x.run.run.1.request', '*', 'x'.repeat(5000))
      .map((causationid) => (fact) => JSON.stringify({ ...fact, causationid, traceparent: causationid })),
  ),
  'as large as can be': plainly(
    fc.boolean().map((known) => (fact) => {
      const field = known ? fieldOf(fact, 0) : 'more';
      const text = (length: number): string => JSON.stringify({ ...fact, data: { ...fact.data, [field]: 'x'.repeat(length) } });
      return text(LARGEST - text(0).length);
    }),
  ),
  'many members': plainly(
    fc.constant((fact) =>
      JSON.stringify({
        ...fact,
        data: { ...fact.data, [fieldOf(fact, 0)]: Object.fromEntries(Array.from({ length: 60_000 }, (_, n) => [`k${n}`, n])) },
      }),
    ),
  ),
  'nested without end': plainly(
    fc.tuple(share, fc.boolean()).map(
      ([where, known]) =>
        (fact) =>
          filled({ ...fact, data: { ...fact.data, [known ? fieldOf(fact, where) : 'more']: HOLE } }, nested('1')),
    ),
  ),
  'said twice': plainly(
    fc.tuple(fc.constantFrom('type', 'id', 'data', 'source', 'specversion'), other).map(
      ([key, from]) =>
        (fact) =>
          JSON.stringify(fact).replace(/}$/, () => `,${JSON.stringify(key)}:${JSON.stringify(from[key as 'type'])}}`),
    ),
  ),
  'a prototype': plainly(
    fc.tuple(fc.constantFrom('__proto__', 'constructor', 'toString', 'hasOwnProperty'), share).map(([key, where]) => (fact) => {
      const poisoned = `{${JSON.stringify(key)}:{"polluted":true,"prototype":{"polluted":true}}}`;
      const within = JSON.stringify(fact)
        .replace('"data":{', () => `${JSON.stringify(key)}:{"polluted":true},"data":{${poisoned.slice(1, -1)},`)
        .replace(',}', '}');
      return where < 0.5 ? within : filled({ ...fact, data: { ...fact.data, [fieldOf(fact, where)]: HOLE } }, poisoned);
    }),
  ),
  'numbers beyond measure': plainly(
    fc.tuple(share, fc.constantFrom(...NUMBERS)).map(([where, number]) => (fact) => {
      const numbers = pathsIn(fact.data).filter(
        (path) => typeof path.reduce<unknown>((value, key) => (value as { [key: string]: unknown })[key], fact.data) === 'number',
      );
      const path = one(numbers.length > 0 ? numbers : [[fieldOf(fact, where)]], where);
      return filled({ ...fact, data: replaced(fact.data, path, HOLE) }, number);
    }),
  ),
  'a large value that is not there': blobbed('nowhere', false),
  'a large value that is not JSON': blobbed('{"not":'),
  'a large value nested without end': blobbed(nested('1')),
  'a large value of another form': blobbed('{"another":["form"]}'),
};

/** One fact of every type, gone bad in one way each, as often as `rounds` says. */
export function poisons(seed: number, rounds: number): Poison[] {
  const names = Object.keys(mutations);
  return story.flatMap(({ type }, index) => {
    const own = samples.filter((sample) => sample.type === type);
    return Array.from({ length: rounds }, (_, round) => {
      // Not by lot: so that so many rounds as there are ways go through all of them, and fewer through different ones for every type.
      const how = names[(index * rounds + round + seed) % names.length] as string;
      const chosen = fc.record({ mutation: mutations[how] as Mutation, sample: fc.constantFrom(...own), ahead: fc.boolean() });
      const { mutation, sample, ahead } = one(fc.sample(chosen, { seed: seed + index * 1000 + round, numRuns: 1 }), 0);
      return poison({ type, how, make: mutation.make, blobs: mutation.blobs ?? [], sample, ahead });
    });
  });
}

function poison(made: { type: string; how: string; make: Made; blobs: readonly Value[]; sample: Envelope; ahead: boolean }): Poison {
  const { type, how, make, blobs, sample, ahead } = made;
  const at = placeOf(sample, ahead);
  const body = (run: string): Buffer => {
    const id = `reel.0.${run}.${at.kind}.${at.id}.${at.n}.${at.slot}`;
    const text = make({ ...sample, id, runid: run, causationid: `reel.0.${run}.run.run.1.request` });
    return (typeof text === 'string' ? Buffer.from(text) : text).subarray(0, LARGEST);
  };
  return { type, how, at, ahead, body, blobs: blobs.map((value) => ({ ...value, writer: sample.source })) };
}
