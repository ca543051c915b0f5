/** How an attempt failed, derived from its facts. */
import type { History } from '@reel/bus/history.ts';
import type { Place } from '@reel/contracts/address.ts';
import type { Problem } from '@reel/contracts/envelope.ts';
import { type AttemptFacts, answerIn, attemptAt, callOf, isWithdrawn, problemIn, type Slot } from '@reel/contracts/run/attempt-facts.ts';
import type { Effect } from '@reel/contracts/tool.ts';

/**
 * How an attempt went wrong: whether its effect may yet be in the world (`doubtful`), whether nobody knows if it is (`unknown`), and
 * whether trying again can help. `seq`, `time`: of the fact.
 */
export type AttemptFailure = {
  readonly problem: Problem;
  readonly doubtful: boolean;
  readonly unknown: boolean;
  readonly again: boolean;
  readonly seq: number;
  readonly time: number;
};

/**
 * How an attempt failed; undefined while it has not. The first fact that says so counts: an attempt can time out before it is judged, and be
 * denied afterwards, and the second fact must not lead to a second try beside the first.
 */
export function attemptFailureOf(history: History, at: Place): AttemptFailure | undefined {
  const attempt = attemptAt(history, at);
  const { effect = 'once' } = callOf(attempt) ?? {};
  const isFree = effect === 'read-only' || effect === 'metered';
  const first = failuresIn(attempt, effect, isFree).sort((a, b) => a.seq - b.seq)[0];
  // That this attempt had no effect says nothing about the one before it.
  const before = first !== undefined && !isFree && at.n > 1 ? attemptFailureOf(history, { ...at, n: at.n - 1 }) : undefined;
  return first !== undefined && before?.doubtful ? { ...first, doubtful: true, unknown: first.unknown || before.unknown } : first;
}

type How = Pick<AttemptFailure, 'doubtful' | 'again'> & { readonly unknown?: boolean };

function failuresIn(attempt: AttemptFacts, effect: Effect, isFree: boolean): AttemptFailure[] {
  const found: AttemptFailure[] = [];
  const note = (slot: Slot, answer: string, how: How): void => {
    const entry = attempt.slots[slot];
    if (entry !== undefined && answerIn(attempt, slot) === answer)
      found.push({ unknown: false, ...how, problem: problemIn(attempt, slot), seq: entry.seq, time: entry.time });
  };
  note('verdict', 'denied', { doubtful: false, again: false });
  note('ruling', 'refused', { doubtful: false, again: false });
  note('ruling', 'expired', { doubtful: false, again: false });
  // It had no effect.
  note('outcome', 'failed', { doubtful: false, again: problemIn(attempt, 'outcome').retryable !== false });
  // Its outcome is not known. What was withdrawn cannot start any more; what was not may start even now.
  const isHarmless = isFree || isWithdrawn(attempt);
  for (const answer of ['unknown', 'timed-out'])
    note('outcome', answer, { doubtful: !isHarmless, unknown: !isHarmless, again: isHarmless || effect !== 'once' });
  // The result is not what was promised. An effect has happened by now, and the same key would give the same result.
  note('check', 'rejected', { doubtful: !isFree, again: isFree });
  return found;
}
