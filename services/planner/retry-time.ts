/** When it was the planner's turn to say what follows an attempt that came to nothing. */
import type { History } from '@reel/bus/history.ts';
import { type Place, planRevision } from '@reel/contracts/address.ts';
import { planProposed } from '@reel/contracts/plan.ts';
import { approvalOf } from '@reel/contracts/run/approved.ts';
import { stepDue } from '@reel/contracts/step.ts';
import type { AttemptFailure } from './attempt-failure.ts';

/**
 * In ms since the epoch: when its wait was over, which is later than was meant where everything stood still; and, if that fell into a
 * time in which no plan held, when the next one was approved.
 */
export function retryDecidedAt(history: History, at: Place, setback: AttemptFailure): number {
  const { seq, time } = history.find(stepDue, at) ?? setback;
  let openSeq: number | undefined;
  for (let n = 1; ; n += 1) {
    const proposed = history.find(planProposed, planRevision(n));
    if (proposed === undefined) return time;
    openSeq ??= proposed.seq;
    const approved = approvalOf(history, planRevision(n));
    if (approved === undefined) continue;
    if (openSeq < seq && seq < approved.seq) return approved.time;
    openSeq = undefined;
  }
}
