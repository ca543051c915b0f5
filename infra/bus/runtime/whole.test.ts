/** Whoever is asked for a large value may not know of it yet: that is no loss, and nobody may take the reference for the value. */
import assert from 'node:assert/strict';
import { it } from 'node:test';
import { isInvalid } from '../history.ts';
import { LogUnavailable } from '../log.ts';
import { decode } from './envelope-codec.ts';
import { pack } from './large-values.ts';
import { whole } from './whole.ts';

const subject = 'reel.0.R.tool.a.1.outcome';
const output = 'x'.repeat(100_000);
const { body, blobs } = pack({
  specversion: '1.0',
  id: subject,
  source: 'tool-executor',
  type: 'step.outcome.succeeded',
  time: '2026-01-01T00:00:00.000Z',
  runid: 'R',
  causationid: subject,
  data: { output },
});
const stored = new Map(blobs.map((blob) => [blob.digest, blob.body]));
const NOW_MS = Date.UTC(2026, 0, 1);
const storedBefore = (ms: number) => ({ subject, body, seq: 1, time: NOW_MS - ms });
const read = async (ms: number, load: (digest: string) => string | undefined) => {
  const { body: text, seq, time } = await whole(storedBefore(ms), async (_, digest) => load(digest), NOW_MS);
  return decode(subject, text, seq, time);
};

it('is waited for where the fact that names it is young', async () => {
  await assert.rejects(
    read(0, () => undefined),
    (error) => error instanceof LogUnavailable && /outcome: its value [0-9a-f]{64} is not there yet/.test(error.message),
  );
  const entry = await read(0, (digest) => stored.get(digest));
  assert.deepEqual(entry !== undefined && !isInvalid(entry) && entry.data, { output });
});

it('is lost where it is not there for longer than anybody can be behind, and the fact is void, though its field takes anything', async () => {
  const entry = await read(30_000, () => undefined);
  assert.match(
    entry !== undefined && isInvalid(entry) ? entry.invalid : '',
    /data\.output: the value that stands beside it cannot be read/,
  );
});

it('is not waited for where it is there and is another', async () => {
  const entry = await read(0, () => '"something else"');
  assert.ok(entry !== undefined && isInvalid(entry));
});
