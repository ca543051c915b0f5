/**
 * When something is overdue, and when to look next. A run has one alarm, always set to the earliest moment at which anything could be
 * overdue; every setting computes it from the whole history, so that no step needs an alarm of its own.
 */

import type { History } from '@reel/bus/history.ts';
import { aboutOf } from '@reel/contracts/address.ts';
import type { Draft, Problem } from '@reel/contracts/envelope.ts';
import { approvedPlan } from '@reel/contracts/run/approved.ts';
import { type AttemptFacts, answerIn, callOf, isBegun, isHeld, isReadOnly, nameOf, outputOf } from '@reel/contracts/run/attempt-facts.ts';
import { expiresAt } from '@reel/contracts/run/expiry.ts';
import { stepExpired, stepTimedOut, stepWithdrawn } from '@reel/contracts/step.ts';
import type { EventOf } from '@reel/contracts/story.ts';
import { undoExpired, undoTimedOut } from '@reel/contracts/undo.ts';
import type { Saga } from './effects.ts';

type RunRequest = EventOf<'run.request.requested'>['data'];

/** How long a performer's word may take to reach the log after the call's time is up. */
export const GRACE_MS = 2000;

/** The shortest time that a call is expected to be given when neither the plan nor a tool says how long it may take. */
const UNSAID_TIMEOUT_MS = 10_000;

/** When an open attempt becomes overdue. It only ever moves to later: from the request to the approval to the start. */
export function dueAt(attempt: AttemptFacts, deadlineMs: number): number {
  const { request, verdict, ruling, start } = attempt.slots;
  const call = callOf(attempt);
  if (isHeld(attempt)) return expiresAt(attempt.at, verdict?.time ?? 0, call, deadlineMs);
  return ((start ?? ruling ?? verdict ?? request)?.time ?? 0) + timeOf(attempt);
}

const timeOf = (attempt: AttemptFacts): number => (callOf(attempt)?.timeoutMs ?? 0) + GRACE_MS;

/** What to say about an open attempt that is overdue; undefined for one that is not. */
export function overdue(attempt: AttemptFacts, time: number, deadlineMs: number): Draft | undefined {
  if (time < dueAt(attempt, deadlineMs)) return undefined;
  const { at } = attempt;
  const isUndo = aboutOf(at.kind) === 'undo';
  if (isHeld(attempt))
    return (isUndo ? undoExpired : stepExpired)(at, {
      problem: { code: 'expired', message: `no person decided on ${nameOf(at)} in time` },
    });
  if (isUndo) return undoTimedOut(at, { problem: lateness(attempt) });
  // If a performer starts it first, its time runs from the start. Otherwise it times out once this fact is stored.
  return isReadOnly(attempt) || isBegun(attempt) ? timedOut(attempt) : stepWithdrawn(at, { problem: lateness(attempt) });
}

/** The time-out of a step without an outcome, or of one withdrawn for lateness. */
export const timedOut = (attempt: AttemptFacts): Draft => stepTimedOut(attempt.at, { problem: lateness(attempt) });

function lateness(attempt: AttemptFacts): Problem {
  const within = `within ${callOf(attempt)?.timeoutMs} ms`;
  const { verdict, ruling } = attempt.slots;
  const name = nameOf(attempt.at);
  if (isBegun(attempt))
    return {
      code: 'timed-out',
      message: `${name} was started and gave no result ${within}`,
      retryable: callOf(attempt)?.effect !== 'once',
    };
  const what = (ruling ?? verdict) === undefined ? 'got no verdict' : 'was approved, but no performer started it';
  return { code: 'timed-out', message: `${name} ${what} ${within}`, retryable: true };
}

/** When to look again at an open attempt: when it is due. If it is overdue already, when a faster performer must be done. */
export function lookAt(attempt: AttemptFacts, time: number, deadlineMs: number): number {
  const due = dueAt(attempt, deadlineMs);
  return due > time ? due : time + timeOf(attempt);
}

/**
 * When to look next at a run that has not turned. It is exact without hearing a single request: what was asked for before now stands in
 * the history and has its due time there; what is asked for later is due a whole period later at the earliest, and by then we look again,
 * or when the time of a step is over that was begun before.
 * Only when nothing is under way and the log has been silent for a period is there no need to: what ends the silence (a ruling, a
 * time that has come) is heard. If it is ended by a service that had been away that long, the sweep notices.
 */
export function nextLook(saga: Saga, history: History, request: RunRequest, time: number): number {
  let next = request.deadlineMs;
  let busy = false;
  for (const attempt of saga.unsettled) {
    next = Math.min(next, lookAt(attempt, time, request.deadlineMs));
    busy ||= !isHeld(attempt);
  }
  // The last attempt gets what is left of the time for all of them, which may be next to nothing.
  for (const attempt of saga.steps.values()) {
    const ends = outputOf(attempt) === undefined ? endOf(attempt) : undefined;
    if (ends !== undefined && ends > time) next = Math.min(next, ends);
  }
  const period = periodOf(history, request);
  if (busy || (history.entries().at(-1)?.time ?? 0) > time - period) next = Math.min(next, time + period);
  return next;
}

/** When all attempts after this one are overdue as well, where their time is bounded. */
function endOf(attempt: AttemptFacts): number | undefined {
  const leftMs = callOf(attempt)?.leftMs;
  return leftMs === undefined ? undefined : (attempt.slots.request?.time ?? 0) + leftMs + GRACE_MS;
}

/** The shortest time after which anything that this plan may still ask for could be overdue. Persons are not asked by the minute. */
function periodOf(history: History, { tools, models = [] }: RunRequest): number {
  const attempts = approvedPlan(history)?.steps.flatMap((step) => (step.fallback === undefined ? [step] : [step, step.fallback])) ?? [];
  const times = attempts
    .filter(({ kind }) => kind !== 'person')
    .flatMap(({ kind, timeoutMs, uses, withinMs = Number.POSITIVE_INFINITY }) => {
      const called = kind === 'model' ? models : [tools[uses]];
      return [withinMs, ...(timeoutMs === undefined ? called.map((one) => one?.timeoutMs ?? UNSAID_TIMEOUT_MS) : [timeoutMs])];
    });
  return times.reduce((shortest, timeMs) => Math.min(shortest, timeMs), Number.POSITIVE_INFINITY) + GRACE_MS;
}

/** True for a step that was withdrawn for being overdue, and did not time out yet. */
export const isAbandoned = (attempt: AttemptFacts): boolean =>
  answerIn(attempt, 'start') === 'withdrawn' && attempt.slots.outcome === undefined;
