import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Edge, Tokens } from '@reel/bus/edge.ts';
import type { Entry } from '@reel/bus/history.ts';
import { LogUnavailable } from '@reel/bus/log.ts';
import { simulate } from '@reel/bus/simulator/simulator.ts';
import { given } from '@reel/bus/testing/given.ts';
import { theRun } from '@reel/contracts/address.ts';
import type { Draft } from '@reel/contracts/envelope.ts';
import { closingCompleted, runApproved, runCompleted, runRequested } from '@reel/contracts/run.ts';
import { stepSkipped } from '@reel/contracts/step.ts';
import { Workflow } from '@reel/contracts/workflow/format.ts';
import { streamOf } from './events.ts';

const workflow = Workflow.parse({ name: 'long', steps: [{ id: 's', uses: 't' }] });
const begun = [
  runRequested(theRun, { requestedBy: 'ann', workflow, input: {}, tools: {}, deadlineMs: 1 }),
  runApproved(theRun, { policies: [], policySet: 'sha256:0', question: 'sha256:0' }),
];
const skipped = (count: number) =>
  Array.from({ length: count }, (_, n) => stepSkipped({ kind: 'tool', id: `s${n}`, n: 1 }, { when: 'no' }));
const over = [closingCompleted(theRun, {}), runCompleted(theRun, { answer: null })];
const piece: Tokens = { at: { kind: 'model', id: 'm', n: 1 }, text: 'word ' };

/** A stream of a run of which `begun` has been said; what is said and shown after that is the test's to say. */
function open(tokens = true) {
  const closing = new AbortController();
  let log: Draft[] = [...begun];
  let { history } = given(log);
  let away = 0;
  const listening = { said: new Set<(entry: Entry) => void>(), shown: new Set<(shown: Tokens) => void>() };
  const listen = <One>(to: Set<One>, one: One): (() => void) => {
    to.add(one);
    return () => void to.delete(one);
  };
  const edge: Edge = {
    ...simulate({ players: [], seed: 1 }).edge,
    history: async () => {
      if (away-- > 0) throw new LogUnavailable('for a moment');
      return history;
    },
    follow: (listener) => listen(listening.said, listener),
    watch: (_, listener) => listen(listening.shown, listener),
  };
  const response = streamOf(edge, { shard: 0, run: 'R', lastSeq: 0, tokens, closing: closing.signal, leave: () => {} });
  const reader = (response.body as ReadableStream<Uint8Array>).getReader();
  const frame = async (): Promise<string | undefined> => {
    const { value } = await reader.read();
    return value === undefined ? undefined : Buffer.from(value).toString();
  };
  const rest = async (): Promise<string[]> => {
    const frames: string[] = [];
    for (let one = await frame(); one !== undefined; one = await frame()) frames.push(one);
    return frames;
  };
  return {
    frame,
    rest,
    say: (drafts: readonly Draft[]) => {
      const from = log.length;
      log = [...log, ...drafts];
      const now = given(log);
      ({ history } = now);
      for (const entry of now.log.entries.slice(from)) for (const listener of listening.said) listener(entry);
    },
    lose: () => {
      away = 1;
    },
    show: (count: number) => {
      for (let n = 0; n < count; n += 1) for (const listener of listening.shown) listener(piece);
    },
    leave: () => reader.cancel(),
    close: () => closing.abort(),
    listeners: () => listening.said.size + listening.shown.size,
  };
}
const kindOf = (frame: string): string => /^event: (.*)$/m.exec(frame)?.[1] ?? '';

test('a slow reader misses tokens, and gets every fact', async () => {
  const { frame, rest, say, show } = open();
  assert.equal(kindOf((await frame()) ?? ''), 'run.request.requested');
  show(10_000);
  say([...skipped(100), ...over]);
  const kinds = (await rest()).map(kindOf);
  assert.ok(kinds.filter((kind) => kind === 'tokens').length < 500);
  assert.deepEqual(
    kinds.filter((kind) => kind !== 'tokens'),
    ['run.verdict.approved', ...skipped(100).map(({ type }) => type), 'run.closing.completed', 'run.outcome.completed'],
  );
});

test('a fast reader gets every token, and one that did not ask gets none', async () => {
  const asked = open();
  await asked.frame();
  await asked.frame();
  for (let n = 0; n < 100; n += 1) {
    const next = asked.frame();
    asked.show(1);
    assert.equal(await next, `event: tokens\ndata: ${JSON.stringify(piece)}\n\n`);
  }
  await asked.leave();
  const other = open(false);
  await other.frame();
  other.show(1);
  other.say(over);
  assert.deepEqual((await other.rest()).map(kindOf), ['run.verdict.approved', 'run.closing.completed', 'run.outcome.completed']);
});

test('a reader thousands of facts behind gets them all, each once and in order', async () => {
  const { rest, frame, say, listeners } = open();
  await frame();
  say(skipped(3000));
  say(over);
  const seqs = (await rest()).map((one) => Number(/^id: (.*)$/m.exec(one)?.[1]));
  assert.deepEqual(
    seqs,
    Array.from({ length: 3003 }, (_, i) => i + 2),
  );
  assert.equal(listeners(), 0);
});

test('a log that is unavailable for a moment is read again, without an error to the reader', async () => {
  const { frame, rest, say, lose } = open();
  await frame();
  await frame();
  lose();
  say(over);
  assert.deepEqual((await rest()).map(kindOf), ['run.closing.completed', 'run.outcome.completed']);
});

test('a reader that leaves, and a gateway that closes, leave no listener behind', async () => {
  for (const end of ['leave', 'close'] as const) {
    const stream = open();
    await stream.frame();
    assert.equal(stream.listeners(), 2);
    await stream[end]();
    assert.equal(stream.listeners(), 0);
  }
});
