/** How each step of a plan stands, so that a revised plan can keep what is done and what is under way. */
import type { History } from '@reel/bus/history.ts';
import type { Place } from '@reel/contracts/address.ts';
import type { Problem } from '@reel/contracts/envelope.ts';
import { approvedPlans } from '@reel/contracts/run/approved.ts';
import { stepAccepted, stepDue, stepPostponed, stepRequested, stepSkipped, stepSucceeded } from '@reel/contracts/step.ts';
import { type Escalated, escalationId, fallbackId, levelsOf, type Planned, plannedAs, retryId } from '@reel/contracts/workflow/attempt.ts';
import type { Workflow, WorkflowStep } from '@reel/contracts/workflow/format.ts';
import { ancestorsOf, graphOf } from '@reel/contracts/workflow/graph.ts';
import { isReasoning } from '@reel/contracts/workflow/reasoning.ts';
import { type AttemptFailure, attemptFailureOf } from './attempt-failure.ts';
import type { RunRequest } from './request.ts';
import { waitBefore } from './retry.ts';

/**
 * `omitted`: it has failed for good, and the run goes on without it. `open`: a service or person may still act on it, the planner will
 * request more of it, or it ends the run. `at`: the attempt by which it failed, so that only another plan can help.
 */
export type StepStatus = 'unasked' | 'skipped' | 'done' | 'omitted' | 'open' | { readonly at: Place; readonly setback: AttemptFailure };

/** True when the fallback is next. What may have been done must not be done another way as well. */
export const mayFallBack = ({ role, step }: Planned, { doubtful }: AttemptFailure): boolean =>
  role === 'step' && step.fallback !== undefined && !doubtful;

/** True when another plan may go another way. What may have been done is for a person to look at, and so is what a person was asked about. */
export const mayPlanAround = ({ role, step }: Planned, { doubtful }: AttemptFailure): boolean =>
  (role === 'step' || role === 'fallback') && !doubtful && !isReasoning(step);

/** How a step of this plan stands at the end of the history. */
export function stepStatusOf(history: History, plan: Workflow, step: WorkflowStep, models: RunRequest['models']): StepStatus {
  if (history.find(stepSkipped, { kind: step.kind, id: step.id, n: 1 }) !== undefined) return 'skipped';
  const at = newestAttempt(history, plan, step);
  if (at === undefined) return 'unasked';
  if (history.find(stepAccepted, at) !== undefined) {
    if (plannedAs(plan, at.id)?.role !== 'escalation') return 'done';
    const said = history.find(stepSucceeded, at)?.data.output as Escalated | undefined;
    return said?.action === 'supply' ? 'done' : 'open';
  }
  const setback = attemptFailureOf(history, at);
  const planned = plannedAs(plan, at.id);
  if (setback === undefined || planned === undefined) return 'open';
  if (history.find(stepPostponed, at) !== undefined && history.find(stepDue, at) === undefined) return 'open';
  if (waitBefore(history, planned, at, setback, models) !== undefined || mayFallBack(planned, setback)) return 'open';
  if (step.optional && (planned.role === 'step' || planned.role === 'fallback')) return 'omitted';
  return mayPlanAround(planned, setback) ? { at, setback } : 'open';
}

/** The last requested attempt of a step, fallback and escalation included. */
export function newestAttempt(history: History, plan: Workflow, { id, kind, fallback }: WorkflowStep): Place | undefined {
  const ways: Place[] = [{ kind, id, n: 1 }];
  if (fallback !== undefined) ways.push({ kind: fallback.kind, id: fallbackId(id), n: 1 });
  for (const level of levelsOf(plan).keys()) {
    ways.push({ kind: 'person', id: escalationId(id, level + 1), n: 1 }, { kind, id: retryId(id, level + 1), n: 1 });
  }
  const asked = (at: Place): boolean => history.find(stepRequested, at) !== undefined;
  let newest: Place | undefined;
  for (const first of ways) for (let at = first; asked(at); at = { ...at, n: at.n + 1 }) newest = at;
  return newest;
}

export type Kept = {
  /** Done, passed over, or under way: a revised plan has them as they are. */
  readonly steps: readonly WorkflowStep[];
  readonly done: readonly string[];
  readonly underWay: readonly string[];
  readonly failed: readonly { readonly step: WorkflowStep; readonly problem: Problem }[];
};

/** What of all that was ever begun in this run goes on into the next revision of its plan. */
export function keptIn(history: History, models: RunRequest['models']): Kept {
  const kept = new Map<string, WorkflowStep>();
  const failed = new Map<string, { step: WorkflowStep; problem: Problem }>();
  const done: string[] = [];
  const underWay: string[] = [];
  for (const plan of approvedPlans(history)) {
    const { byId } = graphOf(plan);
    for (const step of plan.steps) {
      if (kept.has(step.id) || failed.has(step.id) || isReasoning(step)) continue;
      const standing = stepStatusOf(history, plan, step, models);
      if (standing === 'unasked') continue;
      if (typeof standing === 'object') {
        const { problem } = standing.setback;
        // It had been asked for by a plan that no longer held.
        if (problem.code !== 'not-in-plan') failed.set(step.id, { step, problem });
        continue;
      }
      if (standing === 'done') done.push(step.id);
      if (standing === 'open') underWay.push(step.id);
      kept.set(step.id, step);
      // Its ancestors have ended, though the fact that a step was skipped may not be stored yet.
      for (const id of ancestorsOf(graphOf(plan), step.id)) {
        const before = byId.get(id);
        if (before !== undefined && !kept.has(id) && stepStatusOf(history, plan, before, models) === 'unasked') kept.set(id, before);
      }
    }
  }
  return { steps: [...kept.values()], done, underWay, failed: [...failed.values()] };
}
