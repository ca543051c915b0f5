/** How the undoing of one attempt goes: several tries, further apart each time; a server that is left alone for a while costs none. */
import { backoffMs } from '@reel/bus/runtime/backoff.ts';
import { undoOf } from '@reel/contracts/address.ts';
import type { Problem } from '@reel/contracts/envelope.ts';
import {
  type AttemptFacts,
  type Attempts,
  answerIn,
  callOf,
  isHarmless,
  isSettled,
  outputOf,
  placeKey,
  problemIn,
  type Slot,
} from '@reel/contracts/run/attempt-facts.ts';
import { isUnavailable, type Retry } from '@reel/contracts/tool.ts';

/** Where the registration of the tool that undoes it says nothing. */
const RETRY: Retry = { attempts: 3, delayMs: 2000 };
/** So often it may meet a server that rests: that takes over half an hour, and a person should know then. */
const MAX_RESTS = 20;

/**
 * `open`: it was not requested yet, or a service or person may still act on it. `againMs`: when the next try may be asked for, if there is one.
 * `doubt`: the newest try with an unknown outcome.
 */
export type Tried =
  | 'open'
  | 'undone'
  | { readonly problem: Problem; readonly againMs: number | undefined; readonly doubt: AttemptFacts | undefined };

/** What became of try `n` at undoing an attempt, of as many as `retry` allows. */
export function tried(undos: Attempts, attempt: AttemptFacts, n: number, retry: Retry = RETRY): Tried {
  const now = undos.get(placeKey(undoOf(attempt.at, n)));
  if (now?.slots.request === undefined || !isSettled(now)) return 'open';
  let rests = 0;
  let doubt: AttemptFacts | undefined;
  for (let m = 1; m <= n; m += 1) {
    const earlier = undos.get(placeKey(undoOf(attempt.at, m)));
    if (earlier !== undefined && outputOf(earlier) !== undefined) return 'undone';
    if (earlier !== undefined && isUnavailable(problemIn(earlier, 'outcome'))) rests += 1;
    if (earlier !== undefined && isInDoubt(earlier)) doubt = earlier;
  }
  const slot = settledBy(now);
  const problem = problemIn(now, slot);
  const tries = n - rests;
  if (tries >= retry.attempts || rests > MAX_RESTS || !mayRepeat(now, slot, problem)) return { problem, againMs: undefined, doubt };
  const { kind, id, run } = now.slots.request.at;
  const waitMs = Math.max(backoffMs([run, kind, id, n], Math.max(tries, 1), retry.delayMs, retry.maxDelayMs), problem.retryAfterMs ?? 0);
  return { problem, doubt, againMs: (now.slots[slot]?.time ?? 0) + waitMs };
}

/** True if it was approved, and may have happened or may yet: an undo is not withdrawn, so a slow performer may still start it. */
export const isInDoubt = (undo: AttemptFacts): boolean =>
  undo.slots.outcome !== undefined &&
  answerIn(undo, 'outcome') !== 'failed' &&
  !isHarmless(undo) &&
  outputOf(undo) === undefined &&
  undo.settled === undefined;

function settledBy(undo: AttemptFacts): Slot {
  if (undo.slots.outcome !== undefined) return 'outcome';
  if (callOf(undo) === undefined) return 'request';
  return undo.slots.ruling !== undefined ? 'ruling' : 'verdict';
}

/** A refusal is final, and so is an end in doubt of what must not be done twice. */
function mayRepeat(undo: AttemptFacts, slot: Slot, problem: Problem): boolean {
  if (slot === 'request') return true;
  if (slot !== 'outcome') return false;
  return answerIn(undo, 'outcome') === 'failed' ? problem.retryable !== false : callOf(undo)?.effect !== 'once';
}
