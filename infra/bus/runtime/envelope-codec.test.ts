import assert from 'node:assert/strict';
import { hash } from 'node:crypto';
import { describe, it } from 'node:test';
import type { Envelope } from '@reel/contracts/envelope.ts';
import { isInvalid } from '../history.ts';
import { decode, peek } from './envelope-codec.ts';
import { DEEPEST, isTooDeep, readJson } from './json.ts';
import { MAX_BYTES, pack, unpack } from './large-values.ts';

const address = 'reel.0.R.tool.s.1.outcome';
const fact = (changed: object = {}): Envelope => ({
  specversion: '1.0',
  id: address,
  source: 'tool-executor',
  type: 'step.outcome.succeeded',
  time: '2026-11-21T00:00:00.000Z',
  runid: 'R',
  causationid: 'reel.0.R.tool.s.1.verdict',
  data: { output: 1 },
  ...changed,
});
const nested = (levels: number): string => '['.repeat(levels) + ']'.repeat(levels);
/** Why a body is void, or `read`. */
function read(body: string): string {
  const entry = decode(address, body, 1, 0);
  return entry === undefined ? 'nothing' : isInvalid(entry) ? entry.invalid : 'read';
}

describe('a fact is read', () => {
  it('with fields that it does not know, in the envelope and in its data', () => {
    assert.equal(read(JSON.stringify({ ...fact({ data: { output: 1, mood: 'good' } }), partition: 7 })), 'read');
  });

  it('when its type is not known, as long as that names the place where it stands', () => {
    assert.equal(read(JSON.stringify(fact({ type: 'step.outcome.half-done', data: { any: ['thing'] } }))), 'read');
    assert.match(read(JSON.stringify(fact({ type: 'step.verdict.half-done' }))), /does not belong here/);
  });

  it('up to its depth, and no further, however deep it is', () => {
    const at = (levels: number): string => JSON.stringify(fact()).replace('"output":1', `"output":${nested(levels)}`);
    assert.equal(read(at(DEEPEST - 2)), 'read');
    for (const levels of [DEEPEST - 1, 100_000, 500_000]) assert.match(read(at(levels)), /go deeper than 500 levels/);
    assert.match(read('['.repeat(1_000_000)), /go deeper than 500 levels/);
  });
});

it('what is too large to be said is not read either, and what is as large as a result may be is both, whoever says it', () => {
  const carrying = (bytes: number): Envelope => fact({ data: { output: 'x'.repeat(bytes - 2) }, source: 's'.repeat(200) });
  assert.equal(read(JSON.stringify(carrying(MAX_BYTES))), 'read');
  assert.doesNotThrow(() => pack(carrying(MAX_BYTES)));
  assert.equal(read(JSON.stringify(carrying(MAX_BYTES + 20_000))), 'its data have more than 1000000 bytes');
  assert.throws(() => pack(carrying(MAX_BYTES + 20_000)), /data\.output has 1020000 bytes and a fact at most 1000000/);
});

it('brackets within strings nest nothing', () => {
  assert.equal(isTooDeep(JSON.stringify('["{\\"'.repeat(10_000))), false);
  assert.equal(readJson('"\\""'), '"');
});

it('why something is void is told in a few words, whatever it says of itself', () => {
  for (const changed of [{ id: 'x'.repeat(900_000) }, { type: 'y'.repeat(900_000) }, { time: 'z'.repeat(900_000) }])
    assert.ok(read(JSON.stringify(fact(changed))).length <= 300);
});

it('a glance tells the type of a fact in the form that services write, and nothing of any other', () => {
  assert.equal(peek(JSON.stringify(fact())), 'step.outcome.succeeded');
  const { type, ...rest } = fact();
  assert.equal(peek(JSON.stringify({ ...rest, type })), undefined);
  assert.equal(peek(JSON.stringify(fact({ source: 'a","type":"run.closing.failing' }))), undefined);
});

it('a fact that says twice what it is, is void: one could be passed over for the first and handled for the second', () => {
  const body = JSON.stringify(fact()).replace(/}$/, ',"type":"step.outcome.failed"}');
  assert.equal(peek(body), 'step.outcome.succeeded');
  assert.equal(read(body), 'it says twice what it is');
});

it('a fact that is nested too deeply is not said', () => {
  assert.throws(() => pack(fact({ data: { output: JSON.parse(nested(DEEPEST)) } })), /nested deeper than 500 levels/);
});

describe('large values', () => {
  const store = new Map<string, string>();
  const keep = (value: string): { blob: string; bytes: number } => {
    const digest = hash('sha256', value);
    store.set(digest, value);
    return { blob: digest, bytes: value.length };
  };
  const loaded: string[] = [];
  const load = async (_writer: string, digest: string): Promise<string | undefined> => {
    loaded.push(digest);
    return store.get(digest);
  };
  const of = (data: object, blobs = Object.keys(data).join(',')): string => JSON.stringify(fact({ blobs, data }));
  const whole = async (body: string): Promise<unknown> => (JSON.parse(await unpack(body, load)) as Envelope).data;

  it('come back to their places', async () => {
    assert.deepEqual(await whole(of({ output: keep('{"a":1}') })), { output: { a: 1 } });
  });

  it('come back whatever they are, as large as they may be', async () => {
    const { body, blobs } = pack(fact({ data: { output: 'x'.repeat(MAX_BYTES + 10_000), usage: 'y'.repeat(5_000) } }));
    for (const blob of blobs) store.set(blob.digest, blob.body);
    assert.equal(read(await unpack(body, load)), 'step.outcome.succeeded: usage: Invalid input: expected object, received string');
  });

  it('that are missing, no JSON, too deep, of another content or beside the data leave their references, and the fact is void', async () => {
    const wrong = { ...keep('1'), blob: hash('sha256', '2') };
    store.set(wrong.blob, '1');
    for (const reference of [
      { blob: hash('sha256', 'nowhere') },
      keep('{"not":'),
      keep(nested(100_000)),
      wrong,
      { blob: '../x' },
      null,
      7,
    ]) {
      assert.deepEqual(await whole(of({ output: reference })), { output: reference });
      assert.equal(read(await unpack(of({ output: reference }), load)), 'data.output: the value that stands beside it cannot be read');
    }
    for (const name of ['__proto__', 'constructor', 'toString', '', 'nothing'])
      assert.deepEqual(await whole(of({ output: 1 }, name)), { output: 1 }, name);
    assert.equal(({} as Record<string, unknown>)['blob'], undefined);
  });

  it('are not searched for without end, nor put together beyond what a fact may have', async () => {
    loaded.length = 0;
    store.clear();
    const many = Object.fromEntries(Array.from({ length: 5_000 }, (_, n) => [`f${n}`, { blob: hash('sha256', `${n}`), bytes: 1 }]));
    assert.equal(JSON.stringify(await whole(of(many))), JSON.stringify(many));
    assert.ok(loaded.length <= 32, `${loaded.length} were looked for`);
    const large = keep(JSON.stringify('x'.repeat(MAX_BYTES * 0.6)));
    const grown = await unpack(of({ a: large, b: large, c: large }), load);
    assert.ok(grown.length < MAX_BYTES * 1.1, `it has grown to ${grown.length}`);
  });

  it('make nothing of what is no fact', async () => {
    for (const body of ['null', '[{"blobs":"a"}]', '{"blobs":"a"}', '{"blobs":"a","data":null}', '{"blobs":"a","data":', nested(200_000)])
      assert.ok((await unpack(body, load)) !== '');
  });
});
