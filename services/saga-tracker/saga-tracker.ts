/** Decides how a run ends and sees to it: its turn, its outcome, what has to be undone on the way, and what takes too long. */

import type { History } from '@reel/bus/history.ts';
import { type Answers, defineService } from '@reel/bus/service.ts';
import { answerExpired } from '@reel/contracts/answer.ts';
import type { Event } from '@reel/contracts/envelope.ts';
import { planExpired } from '@reel/contracts/plan.ts';
import * as run from '@reel/contracts/run.ts';
import { stepDue, stepExpired, stepResidue, stepTimedOut, stepWithdrawn } from '@reel/contracts/step.ts';
import { undoExpired, undoRequested, undoTimedOut } from '@reel/contracts/undo.ts';
import { cancelled, completed, failed, faulted } from './closing.ts';
import { conclude, look, postpone, rearm, settle, withdraw } from './decide.ts';

type Context = { readonly history: History };

const succeeds = (event: Event, { history }: Context): Promise<Answers> => conclude(completed(), history, event.time);
const fails = (event: Event, { history }: Context): Promise<Answers> => conclude(failed(event), history, event.time);
const settles = (event: Event, { history }: Context): Promise<Answers> => settle(history, event.time);
const rearms = (event: Event, { history }: Context): Promise<Answers> => rearm(history, event.time);

/** Keeps the saga of every run, and its clock. */
export default defineService({
  name: 'saga-tracker',
  publishes: [
    run.closingCompleted,
    run.closingFailing,
    run.closingCancelling,
    run.closingExhausted,
    run.runCompleted,
    run.runFailed,
    run.runCancelled,
    run.runExhausted,
    run.runStranded,
    run.runExpired,
    planExpired,
    answerExpired,
    stepWithdrawn,
    stepTimedOut,
    stepExpired,
    stepDue,
    stepResidue,
    undoRequested,
    undoTimedOut,
    undoExpired,
  ],
  on: {
    // What decides the run.
    'run.verdict.denied': fails,
    'run.ruling.refused': fails,
    'run.ruling.expired': fails,
    'plan.proposal.abandoned': fails,
    'plan.ruling.refused': fails,
    'plan.ruling.expired': fails,
    'answer.ruling.refused': fails,
    'answer.ruling.expired': fails,
    'answer.verdict.approved': succeeds,
    'answer.ruling.granted': succeeds,
    'run.control.cancel-requested': (event, { history }) => conclude(cancelled(event), history, event.time),
    'fault.fault.raised': (event, { history }) => conclude(faulted(event), history, event.time),

    // What follows from its turn, and every fact that may be the last which its end waits for.
    'run.closing.completed': settles,
    'run.closing.failing': settles,
    'run.closing.cancelling': settles,
    'run.closing.exhausted': settles,
    'run.verdict.held': settles,
    'plan.verdict.held': settles,
    'answer.verdict.held': settles,
    'step.verdict.denied': settles,
    'step.ruling.refused': rearms,
    'step.ruling.expired': rearms,
    'step.start.withdrawn': (event, { history }) => withdraw(event, history),
    'step.outcome.succeeded': settles,
    'step.outcome.failed': settles,
    'step.outcome.unknown': settles,
    'step.outcome.timed-out': settles,
    'step.late.succeeded': settles,
    'undo.verdict.denied': settles,
    'undo.verdict.held': settles,
    'undo.ruling.granted': settles,
    'undo.ruling.refused': settles,
    'undo.ruling.expired': settles,
    'undo.outcome.succeeded': settles,
    'undo.outcome.failed': settles,
    'undo.outcome.unknown': settles,
    'undo.outcome.timed-out': settles,
    'undo.late.succeeded': settles,

    // The clock: set when there is a plan, and again when something begins that takes a person's time, or ends it.
    'plan.verdict.approved': rearms,
    'plan.ruling.granted': rearms,
    'step.verdict.held': rearms,
    'step.ruling.granted': rearms,
    'step.retry.postponed': (event, { history }) => postpone(event, history),
    'timer.fired': (ring, { history }) => look(ring, history),
  },
});
