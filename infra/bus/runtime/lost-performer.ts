/** What is known of performers that did not come back, and what becomes of their calls. */
import type { Place } from '@reel/contracts/address.ts';
import type { Problem } from '@reel/contracts/envelope.ts';
import type { Call, stepUnknown } from '@reel/contracts/step.ts';
import type { undoUnknown } from '@reel/contracts/undo.ts';
import type { History } from '../history.ts';
import { type Death, UNDELIVERABLE } from './react.ts';

export const lostPerformer: Problem = {
  code: 'performer-lost',
  message: 'the performer that started it did not come back with an answer',
  retryable: true,
};

export const isHarmless = ({ effect }: Pick<Call, 'effect'>): boolean => effect === 'read-only' || effect === 'metered';

/** How many attempts before this one ended with their performers, as far as that is known. */
export function lostBefore(newest: History, unknown: typeof stepUnknown | typeof undoUnknown, at: Place): number {
  let lost = 0;
  for (let n = at.n - 1; n > 0; n -= 1) if (newest.find(unknown, { ...at, n })?.data.problem.code === lostPerformer.code) lost += 1;
  return lost;
}

/** What becomes of a call whose process ended in quarantine: it is not made again, unless it may be another that ended it (`inDoubt`). */
export function resultOfDeath(call: Pick<Call, 'effect'>, { died, inDoubt }: Death): { said: 'failed' | 'unknown'; problem: Problem } {
  if (inDoubt && call.effect === 'metered') return { said: 'unknown', problem: lostPerformer };
  const problem = { code: UNDELIVERABLE, message: `performed in a process of its own, that one ${died}`, retryable: false };
  return isHarmless(call) ? { said: 'failed', problem } : { said: 'unknown', problem };
}
