import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Failure } from '@reel/bus/service.ts';
import type { Json } from '@reel/contracts/envelope.ts';
import humanExecutor from './human-executor.ts';

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
  return humanExecutor.perform(
    { ...call, form },
    { signal: new AbortController().signal, key: 'R.person.pick', log, used() {}, show() {} },
  );
};

test('the form that a person filled in is the result, an empty form and null included', async () => {
  for (const form of [{ hotel: 'Sol' }, {}, null]) assert.deepEqual(await perform(form), form);
});

test('a step that was approved without asking a person fails, and says so', async () => {
  await assert.rejects(perform(), (error: Failure) => error instanceof Failure && error.problem.code === 'no-one-to-ask');
});
