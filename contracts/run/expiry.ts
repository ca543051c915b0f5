/** How long a question stays open. One function, so that the timer that ends it and the list that shows it agree. */
import { ASKED, aboutOf, type Place } from '../address.ts';
import type { Call } from '../step.ts';

/**
 * Until when a person may decide on what is held at `at`, in ms since the epoch. Where the person is the performer, the call's timeout
 * applies. Elsewhere the timeout is meant for a machine, so the remaining time of the step applies, or the run's deadline. An undo may be
 * held after the deadline, so it has at least its own timeout.
 */
export function expiresAt(at: Place, heldMs: number, call: Pick<Call, 'timeoutMs' | 'leftMs'> | undefined, deadlineMs: number): number {
  if (call === undefined) return deadlineMs;
  if (at.kind === 'person' || at.kind === ASKED) return heldMs + call.timeoutMs;
  return aboutOf(at.kind) === 'undo'
    ? Math.max(deadlineMs, heldMs + call.timeoutMs)
    : Math.min(deadlineMs, heldMs + (call.leftMs ?? Number.POSITIVE_INFINITY));
}
