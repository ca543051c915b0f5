/** Taking back one attempt that took effect: a step like any other, asked for by the saga tracker. Its words mean what a step's mean. */
import { fact, Json, Problem } from './envelope.ts';
import { Call, Started } from './step.ts';
import { Approved, Denied, Expired, Granted, Held, Refused } from './verdict.ts';

const performed = ['verdict.approved', 'ruling.granted'];

/** saga-tracker: what this attempt did should be undone, with exactly these arguments. */
export const undoRequested = fact('undo', 'request', 'requested', { call: Call });
/** policy: it may be undone. */
export const undoApproved = fact('undo', 'verdict', 'approved', Approved, ['request.requested']);
/** policy: it may not be undone. */
export const undoDenied = fact('undo', 'verdict', 'denied', Denied, ['request.requested']);
/** policy: a person has to say whether it may be undone. */
export const undoHeld = fact('undo', 'verdict', 'held', Held, ['request.requested']);
/** policy: a person let it be undone. */
export const undoGranted = fact('undo', 'ruling', 'granted', Granted, ['verdict.held']);
/** policy: a person did not let it be undone. */
export const undoRefused = fact('undo', 'ruling', 'refused', Refused, ['verdict.held']);
/** saga-tracker: nobody decided in time. */
export const undoExpired = fact('undo', 'ruling', 'expired', Expired, ['verdict.held']);
/** performers: the point of no return. */
export const undoStarted = fact('undo', 'start', 'started', Started, performed);
/** performers: it is undone. */
export const undoSucceeded = fact('undo', 'outcome', 'succeeded', { output: Json }, performed);
/** performers: it is not undone. */
export const undoFailed = fact('undo', 'outcome', 'failed', { problem: Problem }, performed);
/** performers: nobody can tell whether it is undone. */
export const undoUnknown = fact('undo', 'outcome', 'unknown', { problem: Problem }, performed);
/** saga-tracker: nothing was heard of it in time. */
export const undoTimedOut = fact('undo', 'outcome', 'timed-out', { problem: Problem }, ['request.requested']);
/** performers: it was undone after all, after its outcome had been decided otherwise. */
export const undoLate = fact('undo', 'late', 'succeeded', { output: Json }, performed);
