/** A plan replaces another: its new steps are requested, and facts stored between the two plans are answered. */
import type { History } from '@reel/bus/history.ts';
import { type Place, planRevision } from '@reel/contracts/address.ts';
import type { Draft } from '@reel/contracts/envelope.ts';
import { approvedPlans, isApproved } from '@reel/contracts/run/approved.ts';
import { stepAccepted, stepDue, stepPostponed } from '@reel/contracts/step.ts';
import { plannedAs } from '@reel/contracts/workflow/attempt.ts';
import type { WorkflowStep } from '@reel/contracts/workflow/format.ts';
import { attemptFailureOf } from './attempt-failure.ts';
import type { PlanningContext } from './planning-context.ts';
import { decided, proceed } from './progression.ts';
import { awake, recover } from './recovery.ts';
import { newestAttempt } from './step-status.ts';

/**
 * If the first fact of an answer loses its slot, the others are not published. So facts that no other handler can publish come first,
 * then facts that make yet another plan. Last come facts that may be on their way already: answers given under the plan before.
 */
export async function handOver(situation: PlanningContext, { n }: Place): Promise<Draft[]> {
  const { history, progress } = situation;
  const { steps } = progress.plan;
  const untilSeq = endOfPlanBefore(history, n);
  const known = new Set(approvedPlans(history)[1]?.steps.map(({ id }) => id));
  const unasked = steps.filter(({ kind, id }) => history.occupant({ kind, id, n: 1 }, 'request') === undefined);
  const mine = await proceed(
    situation,
    unasked.filter(({ id }) => !known.has(id)),
    true,
  );
  const others: Draft[] = [];
  for (const step of steps) {
    const left = await leftAt(situation, step);
    if (left !== undefined) (left.seq > untilSeq ? mine : others).push(...left.drafts);
  }
  const passed = unasked.filter(({ id }) => known.has(id));
  others.push(...(await proceed(situation, passed, false)));
  const planning = [...mine, ...others].filter(({ at }) => at.kind === 'plan');
  const isStep = ({ at }: Draft): boolean => at.kind !== 'plan';
  return [...mine.filter(isStep), ...planning, ...others.filter(isStep)];
}

/** The position in the log up to which the plan before answered facts, or at which it began. */
function endOfPlanBefore(history: History, n: number): number {
  let before = n - 1;
  while (before > 0 && !isApproved(history, planRevision(before))) before -= 1;
  return history.occupant(planRevision(before + 1), 'proposal')?.seq ?? 0;
}

type Left = { readonly seq: number; readonly drafts: Draft[] };

/** The newest of a step, and what is owed to it. */
async function leftAt(situation: PlanningContext, step: WorkflowStep): Promise<Left | undefined> {
  const { history, progress } = situation;
  const at = newestAttempt(history, progress.plan, step);
  if (at === undefined) return undefined;
  const accepted = history.find(stepAccepted, at);
  if (accepted !== undefined) {
    const planned = plannedAs(progress.plan, at.id);
    return planned?.role === 'escalation' ? { seq: accepted.seq, drafts: await decided(situation, planned) } : undefined;
  }
  if (history.find(stepPostponed, at) !== undefined) {
    const due = history.find(stepDue, at);
    return due === undefined ? undefined : { seq: due.seq, drafts: await awake(situation, at) };
  }
  const setback = attemptFailureOf(history, at);
  return setback === undefined ? undefined : { seq: setback.seq, drafts: await recover(situation, at, setback) };
}
