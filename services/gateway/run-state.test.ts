import assert from 'node:assert/strict';
import { test } from 'node:test';
import { given } from '@reel/bus/testing/given.ts';
import { theRun } from '@reel/contracts/address.ts';
import type { Draft } from '@reel/contracts/envelope.ts';
import type { Usage } from '@reel/contracts/model.ts';
import { runRequested } from '@reel/contracts/run.ts';
import { stepApproved, stepFailed, stepRequested, stepSucceeded } from '@reel/contracts/step.ts';
import { Workflow } from '@reel/contracts/workflow/format.ts';
import { runState } from './run-state.ts';
import { Run } from './shapes.ts';

const workflow = Workflow.parse({ name: 'asks', steps: [{ id: 's', uses: 't' }] });
const grounds = { policies: [], policySet: 'sha256:0', question: 'sha256:0' };
const problem = { code: 'model-unavailable', message: 'm1 is away', retryable: true };
const usage = (model: string, more: Partial<Usage> = {}): Usage => ({
  model,
  inputTokens: 100,
  outputTokens: 10,
  latencyMs: 5,
  finishReason: 'stop',
  ...more,
});
/** An attempt at a model step, up to its outcome. */
function attempt(id: string, n: number, outcome: (at: { kind: string; id: string; n: number }) => Draft): Draft[] {
  const at = { kind: 'model', id, n };
  const call = { uses: 'm', arguments: {}, effect: 'metered' as const, timeoutMs: 1000 };
  return [stepRequested(at, { call }), stepApproved(at, grounds), outcome(at)];
}
const stateOf = (...drafts: Draft[][]): Run => {
  const request = runRequested(theRun, { requestedBy: 'ann', workflow, input: {}, tools: {}, deadlineMs: 1 });
  return Run.parse(runState(given([request, ...drafts.flat()]).history));
};

test('a run without model calls has no usage', () => {
  assert.deepEqual(stateOf().usage, { calls: 0, inputTokens: 0, outputTokens: 0 });
});

test('every attempt counts, failed ones too; a step shows its newest', () => {
  const { usage: total, steps } = stateOf(
    attempt('a', 1, (at) => stepFailed(at, { problem, usage: usage('m1', { outputTokens: 0, costMicrousd: 3, finishReason: 'none' }) })),
    attempt('a', 2, (at) => stepSucceeded(at, { output: 1, usage: usage('m2', { costMicrousd: 4 }) })),
    attempt('b', 1, (at) => stepSucceeded(at, { output: 1, usage: usage('m3') })),
    attempt('c', 1, (at) => stepFailed(at, { problem })),
  );
  assert.deepEqual(total, { calls: 3, inputTokens: 300, outputTokens: 20, costMicrousd: 7 });
  assert.deepEqual(
    steps.map((step) => [step.id, step.usage?.model]),
    [
      ['a', 'm2'],
      ['b', 'm3'],
      ['c', undefined],
    ],
  );
});

test('one answer from a script makes a run scripted; without a known price there is no cost', () => {
  const { usage: total } = stateOf(
    attempt('a', 1, (at) => stepSucceeded(at, { output: 1, usage: usage('scripted', { scripted: true }) })),
    attempt('b', 1, (at) => stepSucceeded(at, { output: 1, usage: usage('m') })),
  );
  assert.deepEqual(total, { calls: 2, inputTokens: 200, outputTokens: 20, scripted: true });
});
