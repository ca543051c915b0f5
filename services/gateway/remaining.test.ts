/** What a run tells that it left in the world: every way in which something stays. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { given } from '@reel/bus/testing/given.ts';
import { askedAbout, type Place, planRevision, theRun, undoOf } from '@reel/contracts/address.ts';
import type { Draft, Json } from '@reel/contracts/envelope.ts';
import { planApproved, planProposed } from '@reel/contracts/plan.ts';
import * as r from '@reel/contracts/run.ts';
import * as s from '@reel/contracts/step.ts';
import * as u from '@reel/contracts/undo.ts';
import { Workflow } from '@reel/contracts/workflow/format.ts';
import { runState } from './run-state.ts';
import { Run } from './shapes.ts';

const grounds = { policies: [], policySet: 'p', question: 'q' };
const problem = { code: 'no', message: 'so' };
const workflow = Workflow.parse({ name: 'w', steps: [{ id: 'pay', uses: 'pay' }] });
const at: Place = { kind: 'tool', id: 'pay', n: 1 };
const request = r.runRequested(theRun, { requestedBy: 'ann', workflow, input: {}, tools: {}, deadlineMs: 1 });
const begun = [
  request,
  r.runApproved(theRun, grounds),
  planProposed(planRevision(1), { plan: workflow }),
  planApproved(planRevision(1), grounds),
];

function started(compensated: boolean): Draft[] {
  const call = { uses: 'charge', arguments: {}, effect: 'once' as const, timeoutMs: 1 };
  const whole = compensated ? { ...call, compensation: { uses: 'repay', with: {} } } : call;
  return [...begun, s.stepRequested(at, { call: whole }), s.stepApproved(at, grounds), s.stepStarted(at, { nonce: 'x' })];
}
const paid = (compensated = true, output: Json = { id: 7 }): Draft[] => [...started(compensated), s.stepSucceeded(at, { output })];
const turn = r.closingFailing(theRun, { problem });
const undo = undoOf(at, 1);
const undoing = [
  u.undoRequested(undo, { call: { uses: 'repay', arguments: {}, effect: 'once', timeoutMs: 1 } }),
  u.undoApproved(undo, grounds),
];
const failed = (remaining: r.Remainder[] = []): Draft => r.runFailed(theRun, { problem, undone: [], remaining });
const stranded = r.runStranded(theRun, { problem, undone: [], stranded: [{ ...at, problem }], remaining: [] });
const lasting = { ...at, problem: { code: 'no-compensation', message: 'nothing undoes it' } };

const remaining = (...facts: Draft[]): Run['remaining'] => Run.parse(runState(given(facts).history)).remaining;
const told = (...facts: Draft[]): unknown[] => remaining(...facts).map(({ id, uses, why, result }) => [id, uses, why, result]);
const one = (why: string, result: unknown = { id: 7 }): unknown[] => [['pay', 'charge', why, result]];

test('nothing is told to remain while a run goes on, nor of one that took back or completed what it did', () => {
  assert.deepEqual(told(...paid(), turn), []);
  assert.deepEqual(
    told(...paid(), turn, ...undoing, u.undoStarted(undo, { nonce: 'x' }), u.undoSucceeded(undo, { output: 1 }), failed()),
    [],
  );
  assert.deepEqual(told(...paid(false), r.closingCompleted(theRun, {}), r.runCompleted(theRun, { answer: 1 })), []);
});

test('what nothing undoes remains, with what it returned; where its result was rejected, that is said as well', () => {
  assert.deepEqual(told(...paid(false), s.stepAccepted(at, {}), turn, failed([lasting])), one('no-compensation'));
  const [rejected] = remaining(...paid(false), s.stepRejected(at, { problem }), turn, failed([lasting]));
  assert.deepEqual([rejected?.why, rejected?.rejected, rejected?.fact], ['no-compensation', problem, 'reel.0.R.tool.pay.1.outcome']);
});

test('what could not be undone remains, and why', () => {
  const tried = [...paid(), turn, ...undoing];
  const start = u.undoStarted(undo, { nonce: 'x' });
  assert.deepEqual(told(...tried, start, u.undoFailed(undo, { problem }), stranded), one('undo-failed'));
  assert.deepEqual(told(...tried, start, u.undoUnknown(undo, { problem }), stranded), one('undo-in-doubt'));
  assert.deepEqual(told(...tried, start, u.undoTimedOut(undo, { problem }), stranded), one('undo-in-doubt'));
  assert.deepEqual(told(...tried.slice(0, -1), u.undoDenied(undo, { ...grounds, problem }), stranded), one('undo-denied'));
  assert.deepEqual(told(...paid(), turn, stranded), one('undo-failed'), 'its arguments could not be made');
  const late = u.undoLate(undo, { output: 1 });
  assert.deepEqual(told(...tried, start, u.undoUnknown(undo, { problem }), stranded, late), [], 'it was undone after all');
});

test('what nobody can tell remains in doubt; what came late, or was needed by nothing, is told of by its residue', () => {
  const doubtful = [...started(true), s.stepUnknown(at, { problem })];
  assert.deepEqual(told(...doubtful, turn, stranded), [['pay', 'charge', 'in-doubt', undefined]]);
  const late = [...doubtful, turn, failed(), s.stepLate(at, { output: { id: 7 } }), s.stepResidue(at, { problem })];
  assert.deepEqual(told(...late), one('late'));
  const completed = [r.closingCompleted(theRun, {}), r.runCompleted(theRun, { answer: 1 })];
  const unused = [...paid(), s.stepRejected(at, { problem }), ...completed, s.stepResidue(at, { problem })];
  assert.deepEqual(told(...unused), one('result-rejected'));
});

test('what a person said that it returned is told as well, and a long result is named and not shown', () => {
  const asked = askedAbout(at, 1);
  const call = {
    uses: 'operators',
    arguments: { attempt: at } as unknown as { [name: string]: Json },
    effect: 'read-only' as const,
    timeoutMs: 1,
  };
  const supplied = [
    u.undoRequested(asked, { call }),
    u.undoHeld(asked, { ...grounds, prompt: '?' }),
    u.undoGranted(asked, { who: 'eve', why: 'so', vote: 'v' }),
    u.undoSucceeded(asked, { output: { action: 'supply', result: { id: 9 } } }),
  ];
  assert.deepEqual(
    told(...started(false), s.stepUnknown(at, { problem }), turn, ...supplied, failed([lasting])),
    one('no-compensation', { id: 9 }),
  );
  const [long] = remaining(...paid(false, 'x'.repeat(3000)), turn, failed([lasting]));
  assert.deepEqual([long?.result, long?.fact], [undefined, 'reel.0.R.tool.pay.1.outcome']);
});
