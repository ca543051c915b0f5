import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Failure } from '@reel/bus/service.ts';
import type { Json } from '@reel/contracts/envelope.ts';
import desk from './human-executor.ts';

const log = { debug() {}, info() {}, warn() {}, error() {} };

const perform = (form?: Json) => {
  const call = {
    run: 'R',
    at: { kind: 'person', id: 'pick', n: 1 },
    uses: 'traveller',
    arguments: {},
    effect: 'read-only' as const,
    timeoutMs: 1,
  };
  return desk.perform({ ...call, form }, { signal: new AbortController().signal, key: 'R.person.pick', log, used() {}, show() {} });
};

test('what a person filled in is what comes of the step, an empty form and a null included', async () => {
  for (const form of [{ hotel: 'Sol' }, {}, null]) assert.deepEqual(await perform(form), form);
});

test('a step that nobody was asked about fails, and says so', async () => {
  await assert.rejects(perform(), (error: Failure) => error instanceof Failure && error.problem.code === 'no-one-to-ask');
});
