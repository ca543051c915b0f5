/** When a step is tried again, and when it is not: how often, how long after, and for how long altogether. */

import type { History } from '@reel/bus/history.ts';
import { backoffMs } from '@reel/bus/runtime/backoff.ts';
import type { Place } from '@reel/contracts/address.ts';
import { circuitOpenBefore } from '@reel/contracts/run/tries.ts';
import { stepRequested } from '@reel/contracts/step.ts';
import type { Planned, PlannedAttempt } from '@reel/contracts/workflow/attempt.ts';
import { candidatesFor, modelFor } from '@reel/contracts/workflow/route.ts';
import { type AttemptFailure, attemptFailureOf } from './attempt-failure.ts';
import type { RunRequest } from './request.ts';
import { retryDecidedAt } from './retry-time.ts';

/** A model that is asked again gets so long to come round, where the plan does not say. */
const MODEL_DELAY_MS = 500;

/** How long to wait before the next attempt, in ms; undefined when there is to be none. */
export function waitBefore(
  history: History,
  planned: Planned,
  at: Place,
  setback: AttemptFailure,
  models: RunRequest['models'],
): number | undefined {
  const { attempt, attempts } = planned;
  const { again, problem, time } = setback;
  const counted = at.n - circuitOpenBefore(history, { ...at, n: at.n + 1 });
  if (!again || counted >= attempts) return undefined;
  const askedMs = at.kind === 'model' ? askedToWaitMs(history, planned, at, time, models) : (problem.retryAfterMs ?? 0);
  const waitMs = Math.max(grownMs(history, planned, at, models), askedMs);
  return Math.max(time + waitMs, retryDecidedAt(history, at, setback)) < endsAt(history, attempt, at) ? waitMs : undefined;
}

/** The models take turns: each is not called for as long as its last response asked, regardless of calls to others since. */
function askedToWaitMs(history: History, { attempt }: Planned, at: Place, time: number, models: RunRequest['models'] = []): number {
  const next = modelFor(candidatesFor(attempt, models), at.n + 1)?.name;
  for (let n = at.n; n >= 1; n -= 1) {
    if (history.find(stepRequested, { ...at, n })?.data.call.uses !== next) continue;
    const last = attemptFailureOf(history, { ...at, n });
    return last === undefined ? 0 : Math.max(last.time + (last.problem.retryAfterMs ?? 0) - time, 0);
  }
  return 0;
}

/** When its time is over, with all its attempts, in ms since the epoch. */
export function endsAt(history: History, { withinMs }: PlannedAttempt, at: Place): number {
  const begun = withinMs === undefined ? undefined : history.find(stepRequested, { ...at, n: 1 });
  return begun === undefined ? Number.POSITIVE_INFINITY : begun.time + (withinMs as number);
}

function grownMs(history: History, { attempt }: Planned, at: Place, models: RunRequest['models'] = []): number {
  // A model that was not asked yet need not come round.
  const isFresh = at.kind === 'model' && at.n < candidatesFor(attempt, models).length;
  const { retry } = attempt;
  if (retry === undefined && (at.kind !== 'model' || isFresh)) return 0;
  const { delayMs = MODEL_DELAY_MS, maxDelayMs } = retry ?? {};
  return backoffMs([history.run, at.kind, at.id, at.n], at.n, delayMs, maxDelayMs);
}
