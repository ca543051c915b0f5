/** A plan takes the place of another: what is new in it begins, and what happened while nothing held is made up for. */
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
 * Whoever loses the first fact of an answer says none of the others. So what nobody else can be saying comes first, then what makes yet
 * another plan, and last what may be on its way already, in answer to what happened while the plan before this one still held.
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

/** Up to where in the log whatever happened was answered by the plan before, or when that one began. */
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
