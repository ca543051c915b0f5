/** How the undoing of one attempt goes: up to three tries, further apart each time. */
import { undoOf } from '@reel/contracts/address.ts';
import type { Problem } from '@reel/contracts/envelope.ts';
import { type Attempt, type Attempts, callOf, isSettled, outputOf, placeKey, problemIn, type Slot, word } from './attempt.ts';

export const MAX_TRIES = 3;

/** `open`: it was not asked for yet, or somebody may still act on it. `againMs`: when the next try may be asked for, if there is one. */
export type Tried = 'open' | 'undone' | { readonly problem: Problem; readonly againMs: number | undefined };

/** What became of try `n` at undoing an attempt. */
export function tried(undos: Attempts, attempt: Attempt, n: number): Tried {
  const now = undos.get(placeKey(undoOf(attempt.at, n)));
  if (now?.slots.request === undefined || !isSettled(now)) return 'open';
  for (let m = 1; m <= n; m += 1) {
    const earlier = undos.get(placeKey(undoOf(attempt.at, m)));
    if (earlier !== undefined && outputOf(earlier) !== undefined) return 'undone';
  }
  const slot = settledBy(now);
  const problem = problemIn(now, slot);
  if (n >= MAX_TRIES || !mayRepeat(now, slot, problem)) return { problem, againMs: undefined };
  return { problem, againMs: (now.slots[slot]?.time ?? 0) + 1000 * 2 ** n };
}

function settledBy(undo: Attempt): Slot {
  if (undo.slots.outcome !== undefined) return 'outcome';
  if (callOf(undo) === undefined) return 'request';
  return undo.slots.ruling !== undefined ? 'ruling' : 'verdict';
}

/** A refusal is final, and so is an end in doubt of what must not be done twice. */
function mayRepeat(undo: Attempt, slot: Slot, problem: Problem): boolean {
  if (slot === 'request') return true;
  if (slot !== 'outcome') return false;
  return word(undo, 'outcome') === 'failed' ? problem.retryable !== false : callOf(undo)?.effect !== 'once';
}
