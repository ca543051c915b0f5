/** What comes next: which steps are asked for when something is over, what is mended, what the answer is. */
import type { History } from '@reel/bus/history.ts';
import { type Place, planRevision, theRun } from '@reel/contracts/address.ts';
import type { Draft, Problem } from '@reel/contracts/envelope.ts';
import { planProposed } from '@reel/contracts/plan.ts';
import { resultOf } from '@reel/contracts/run/results.ts';
import { runRequested } from '@reel/contracts/run.ts';
import { stepAccepted, stepLate, stepRejected } from '@reel/contracts/step.ts';
import { escalationId, levelsOf, type Planned, plannedAs } from '@reel/contracts/workflow/attempt.ts';
import { withRegistered } from '@reel/contracts/workflow/registered.ts';
import { attemptFailureOf } from './attempt-failure.ts';
import { ExpressionFailure } from './expression-failure.ts';
import { answerRefused, firstPlan, isBeingMade, mayRevise, planRefused, revise } from './goal.ts';
import { handOver } from './plan-handover.ts';
import { abandon, isOver, type PlanningContext, planningContextIn } from './planning-context.ts';
import { decided, passed, proceed } from './progression.ts';
import { awake, recover } from './recovery.ts';

/** The plan of a run that may begin: the workflow that was asked for, or to have one made for the goal. */
export function propose(history: History): Draft[] {
  const request = history.find(runRequested, theRun)?.data;
  if (request === undefined || isOver(history)) return [];
  return request.goal === undefined
    ? [planProposed(planRevision(1), { plan: { ...request.workflow, steps: withRegistered(request.workflow.steps, request.tools) } })]
    : firstPlan(history, request);
}

/** Asks for what comes next, where anything does. What cannot be computed ends the plan; a goal may have another. */
async function inSituation(history: History, next: (situation: PlanningContext) => Promise<Draft[]> | Draft[]): Promise<Draft[]> {
  const situation = planningContextIn(history);
  if (situation === undefined) return [];
  try {
    return await next(situation);
  } catch (error) {
    if (!(error instanceof ExpressionFailure)) throw error;
    const { request, progress } = situation;
    const canRevise = request.goal !== undefined && !isBeingMade(progress.plan) && error.problem.step !== undefined && mayRevise(history);
    return canRevise ? await revise(situation, [error.problem]) : abandon(history, error.problem);
  }
}

/** A plan may be carried out: everything that waits for nothing is asked for. If it follows another, what that one left is taken up. */
export const begin = (history: History, at: Place): Promise<Draft[]> =>
  inSituation(history, async (situation) =>
    at.n === 1 ? proceed(situation, situation.progress.graph.roots, false) : handOver(situation, at),
  );

/** A step is over: everything that waited for it last is asked for. */
export const settled = (history: History, at: Place, seq: number): Promise<Draft[]> =>
  inSituation(history, async (situation) => {
    const { plan } = situation.progress;
    const planned = plannedAs(plan, at.id);
    if (planned === undefined) return [];
    if (planned.role === 'escalation') return await decided(situation, planned);
    // Of several results the first one counts, and it has been answered.
    const counts = resultOf(history, plan, planned.step)?.seq === seq;
    return counts ? await passed(situation, planned.step) : [];
  });

/** An attempt came to nothing, if this is the fact that first says so. */
export const attemptFailed = (history: History, at: Place, seq: number): Promise<Draft[]> =>
  inSituation(history, async (situation) => {
    const setback = attemptFailureOf(history, at);
    const planned = plannedAs(situation.progress.plan, at.id);
    if (planned === undefined || resultOf(history, situation.progress.plan, planned.step) !== undefined) return [];
    if (setback?.seq === seq) return await recover(situation, at, setback);
    return history.find(stepLate, at) !== undefined && history.find(stepRejected, at)?.seq === seq
      ? await undecided(situation, planned)
      : [];
  });

/** What came late is not what was promised. If a person has spoken meanwhile, and was not heeded for its sake, they are now. */
async function undecided(situation: PlanningContext, { step }: Planned): Promise<Draft[]> {
  const { history, progress } = situation;
  for (const level of levelsOf(progress.plan).keys()) {
    const id = escalationId(step.id, level + 1);
    const asked = plannedAs(progress.plan, id);
    if (asked !== undefined && history.find(stepAccepted, { kind: 'person', id, n: 1 }) !== undefined)
      return await decided(situation, asked);
  }
  return [];
}

/** The time to try again has come. */
export const tryAgain = (history: History, at: Place): Promise<Draft[]> => inSituation(history, (situation) => awake(situation, at));

/** Policy does not let a plan pass. */
export function planDenied(history: History, problem: Problem): Draft[] {
  return isOver(history) ? [] : planRefused(history, history.find(runRequested, theRun)?.data, problem);
}

/** The answer is not what it has to be, or may not be given. */
export const answerDenied = (history: History, { n }: Place, problem: Problem): Promise<Draft[]> =>
  inSituation(history, (situation) => answerRefused(situation, n, problem));
