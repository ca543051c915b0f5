/** What an attempt came to when it came to nothing, told from its facts: the first of them that says so is the one that counts. */
import type { History } from '@reel/bus/history.ts';
import type { Place } from '@reel/contracts/address.ts';
import type { Event, Problem } from '@reel/contracts/envelope.ts';
import {
  stepDenied,
  stepExpired,
  stepFailed,
  stepRefused,
  stepRejected,
  stepRequested,
  stepTimedOut,
  stepUnknown,
  stepWithdrawn,
} from '@reel/contracts/step.ts';

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
 * An attempt can time out before it is judged and be denied afterwards: whatever comes second must not lead to a second try beside
 * the first.
 */
export function attemptFailureOf(history: History, at: Place): AttemptFailure | undefined {
  const effect = history.find(stepRequested, at)?.data.call.effect ?? 'once';
  const isFree = effect === 'read-only' || effect === 'metered';
  const found: AttemptFailure[] = [];
  const note = (event: Event | undefined, how: Pick<AttemptFailure, 'problem' | 'doubtful' | 'again'> & { unknown?: boolean }): void => {
    if (event !== undefined) found.push({ unknown: false, ...how, seq: event.seq, time: event.time });
  };
  const final = { doubtful: false, again: false };

  const denied = history.find(stepDenied, at);
  if (denied !== undefined) note(denied, { ...final, problem: denied.data.problem });
  const refused = history.find(stepRefused, at);
  if (refused !== undefined)
    note(refused, { ...final, problem: { code: 'refused', message: `${refused.data.who} refused it: ${refused.data.why}` } });
  const expired = history.find(stepExpired, at);
  if (expired !== undefined) note(expired, { ...final, problem: expired.data.problem });
  // It had no effect.
  const failed = history.find(stepFailed, at);
  if (failed !== undefined) note(failed, { problem: failed.data.problem, doubtful: false, again: failed.data.problem.retryable !== false });
  // Nobody can tell what became of it. What was withdrawn cannot be started any more; what was not may start even now.
  const lost = history.find(stepUnknown, at) ?? history.find(stepTimedOut, at);
  if (lost !== undefined) {
    const isHarmless = isFree || history.find(stepWithdrawn, at) !== undefined;
    note(lost, { problem: lost.data.problem, doubtful: !isHarmless, unknown: !isHarmless, again: isHarmless || effect !== 'once' });
  }
  // The result is not what was promised. Whatever has an effect has had it by now, and would give the same under the same key.
  const rejected = history.find(stepRejected, at);
  if (rejected !== undefined) note(rejected, { problem: rejected.data.problem, doubtful: !isFree, again: isFree });
  const first = found.sort((a, b) => a.seq - b.seq)[0];
  // That this attempt had no effect says nothing about one before it.
  const before = first !== undefined && !isFree && at.n > 1 ? attemptFailureOf(history, { ...at, n: at.n - 1 }) : undefined;
  return first !== undefined && before?.doubtful ? { ...first, doubtful: true, unknown: first.unknown || before.unknown } : first;
}
