import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { answerRevision, type Place, planRevision, theRun, undoOf } from '@reel/contracts/address.ts';
import { answerAccepted, answerApproved, answerProposed } from '@reel/contracts/answer.ts';
import type { Draft } from '@reel/contracts/envelope.ts';
import { planProposed } from '@reel/contracts/plan.ts';
import { runApproved, runCompleted, runFailed, runRequested, turnedCompleted, turnedFailing } from '@reel/contracts/run.ts';
import { stepAccepted, stepApproved, stepRequested, stepStarted, stepSucceeded } from '@reel/contracts/step.ts';
import { undoApproved, undoRequested, undoStarted, undoSucceeded } from '@reel/contracts/undo.ts';
import { Workflow } from '@reel/contracts/workflow/format.ts';
import { digestOf } from './digest.ts';
import { given } from './given.ts';
import { findings } from './protocol.ts';

const problem = { code: 'x', message: 'x' };
const grounds = (question: unknown) => ({ policies: [], policySet: 's', question: digestOf(question) });
const workflow = Workflow.parse({ name: 'w', steps: [{ id: 'a', uses: 'x' }] });
const at = (id: string): Place => ({ kind: 'tool', id, n: 1 });
const asked = {
  call: { uses: 'book', arguments: {}, effect: 'idempotent' as const, timeoutMs: 1, compensation: { uses: 'cancel', with: {} } },
};
const undoing = { call: { uses: 'cancel', arguments: {}, effect: 'idempotent' as const, timeoutMs: 1 } };
const begin: Draft[] = [
  runRequested(theRun, { requestedBy: 'a', workflow, input: {}, tools: {}, deadlineMs: 1 }),
  runApproved(theRun, grounds(1)),
  planProposed(planRevision(1), { plan: workflow }),
] as Draft[];
const done = (id: string): Draft[] =>
  [
    stepRequested(at(id), asked),
    stepApproved(at(id), grounds(asked)),
    stepStarted(at(id), { nonce: id }),
    stepSucceeded(at(id), { output: 1 }),
    stepAccepted(at(id), {}),
  ] as Draft[];
const undone = (id: string): Draft[] => {
  const place = undoOf(at(id), 1);
  return [
    undoRequested(place, undoing),
    undoApproved(place, grounds(undoing)),
    undoStarted(place, { nonce: id }),
    undoSucceeded(place, { output: 1 }),
  ] as Draft[];
};
const failing = turnedFailing(theRun, { problem }) as Draft;
const failed = runFailed(theRun, { problem, undone: [] }) as Draft;
const answered = [
  answerProposed(answerRevision(1), { answer: 1 }),
  answerAccepted(answerRevision(1), {}),
  answerApproved(answerRevision(1), grounds(1)),
] as Draft[];
const completed = [turnedCompleted(theRun, {}), runCompleted(theRun, { answer: 1 })] as Draft[];
const found = (drafts: Draft[]): string => findings(given(drafts).log.entries).join('\n');

describe('the protocol', () => {
  it('is kept by a run that completes, and by one that takes everything back', () => {
    assert.equal(found([...begin, ...done('a'), ...answered, ...completed]), '');
    assert.equal(found([...begin, ...done('a'), ...done('b'), failing, ...undone('b'), ...undone('a'), failed]), '');
  });
  it('is broken by an effect that is neither undone nor listed', () =>
    assert.match(found([...begin, ...done('a'), failing, failed]), /tool\.a\.1\.outcome: neither undone nor listed/));
  it('is broken by undoing in the order of doing', () =>
    assert.match(found([...begin, ...done('a'), ...done('b'), failing, ...undone('a'), ...undone('b'), failed]), /undone out of order/));
  it('is broken by undoing what completed', () =>
    assert.match(found([...begin, ...done('a'), ...answered, ...completed, ...undone('a')]), /a completed run undoes nothing/));
  it('is broken by an answer that nobody checked', () =>
    assert.match(found([...begin, ...done('a'), ...completed]), /no answer was checked and approved/));
  it('is broken by performing what was not approved, or something else than that', () => {
    const [request, , start, outcome] = done('a') as [Draft, Draft, Draft, Draft];
    assert.match(found([...begin, request, start, outcome]), /is void/);
    assert.match(
      found([...begin, request, stepApproved(at('a'), grounds('else')), start, outcome]),
      /what was approved is not what was requested/,
    );
  });
  it('is broken by an end without a turn, and by deeds after the end', () => {
    assert.match(found([...begin, failed]), /void|without a turn/);
    assert.match(found([...begin, failing, failed, ...done('late')]), /started after the run had ended/);
  });
});
