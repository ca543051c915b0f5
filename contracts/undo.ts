/** The undo of one attempt that took effect: a step like any other, requested by the saga tracker. Its facts mean what a step's mean. */
import { fact, Json, Problem } from './envelope.ts';
import { Call, Started } from './step.ts';
import { Approved, Denied, Expired, Granted, Held, Refused } from './verdict.ts';

const performed = ['verdict.approved', 'ruling.granted'];

/** saga-tracker: the undo of an attempt is requested, with exactly these arguments. */
export const undoRequested = fact('undo', 'request', 'requested', { call: Call });
/** policy: the undo may be performed. */
export const undoApproved = fact('undo', 'verdict', 'approved', Approved, ['request.requested']);
/** policy: the undo may not be performed. */
export const undoDenied = fact('undo', 'verdict', 'denied', Denied, ['request.requested']);
/** policy: a person must decide whether the undo may be performed. */
export const undoHeld = fact('undo', 'verdict', 'held', Held, ['request.requested']);
/** policy: a person allowed the undo. */
export const undoGranted = fact('undo', 'ruling', 'granted', Granted, ['verdict.held']);
/** policy: a person refused the undo. */
export const undoRefused = fact('undo', 'ruling', 'refused', Refused, ['verdict.held']);
/** saga-tracker: the undo was not decided on in time. */
export const undoExpired = fact('undo', 'ruling', 'expired', Expired, ['verdict.held']);
/** performers: the point of no return. */
export const undoStarted = fact('undo', 'start', 'started', Started, performed);
/** performers: the undo succeeded. */
export const undoSucceeded = fact('undo', 'outcome', 'succeeded', { output: Json }, performed);
/** performers: the undo failed and had no effect. */
export const undoFailed = fact('undo', 'outcome', 'failed', { problem: Problem }, performed);
/** performers: the undo was started, and it is unknown whether it took effect. */
export const undoUnknown = fact('undo', 'outcome', 'unknown', { problem: Problem }, performed);
/** saga-tracker: the undo had no outcome in time. */
export const undoTimedOut = fact('undo', 'outcome', 'timed-out', { problem: Problem }, ['request.requested']);
/** performers: the undo succeeded after its outcome had been decided otherwise. */
export const undoLate = fact('undo', 'late', 'succeeded', { output: Json }, performed);
