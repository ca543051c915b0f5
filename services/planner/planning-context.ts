/** A run in which there is still something to be planned: what was asked for, the plan that holds, and how far it has come. */
import type { History } from '@reel/bus/history.ts';
import { planRevision, theRun } from '@reel/contracts/address.ts';
import type { Draft, Problem } from '@reel/contracts/envelope.ts';
import { planAbandoned } from '@reel/contracts/plan.ts';
import { approvedPlan, isApproved } from '@reel/contracts/run/approved.ts';
import { runRequested } from '@reel/contracts/run.ts';
import { type Progress, progressOf } from './progress.ts';
import type { RunRequest } from './request.ts';

export type PlanningContext = { readonly history: History; readonly request: RunRequest; readonly progress: Progress };

/**
 * The situation, or undefined when nothing is to be done: the run has turned or been given up, or the next revision of its plan is on its
 * way. What happens meanwhile is made up for when that revision is approved.
 */
export function planningContextIn(history: History): PlanningContext | undefined {
  const request = history.find(runRequested, theRun)?.data;
  const newest = newestRevision(history);
  if (request === undefined || isOver(history) || newest === 0 || !isApproved(history, planRevision(newest))) return undefined;
  const plan = approvedPlan(history);
  return plan === undefined ? undefined : { history, request, progress: progressOf(history, plan, request) };
}

/** Nothing is planned any more once the run has turned or been given up. */
export function isOver(history: History): boolean {
  if (history.occupant(theRun, 'closing') !== undefined) return true;
  return history.find(planAbandoned, planRevision(newestRevision(history))) !== undefined;
}

/** The number of the newest revision of the plan that was proposed or abandoned; 0 before the first. */
export function newestRevision(history: History): number {
  let n = 0;
  while (history.occupant(planRevision(n + 1), 'proposal') !== undefined) n += 1;
  return n;
}

/** There is no way on. It stands where the next revision would. */
export const abandon = (history: History, problem: Problem): Draft[] => [
  planAbandoned(planRevision(newestRevision(history) + 1), { problem }),
];
