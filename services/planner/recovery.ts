/** What follows when an attempt came to nothing: again, another way, a revised plan, a person, or the end; the first that may be. */
import type { Place } from '@reel/contracts/address.ts';
import type { Draft } from '@reel/contracts/envelope.ts';
import { resultOf } from '@reel/contracts/run/results.ts';
import { stepPostponed, stepRequested } from '@reel/contracts/step.ts';
import { isUnavailable } from '@reel/contracts/tool.ts';
import { fallbackId, plannedAs, type Question } from '@reel/contracts/workflow/attempt.ts';
import { ask, type Began, escalated } from './ask.ts';
import { type AttemptFailure, attemptFailureOf } from './attempt-failure.ts';
import { isBeingMade, mayRevise, revise } from './goal.ts';
import { abandon, type PlanningContext } from './planning-context.ts';
import { passed } from './progression.ts';
import { waitBefore } from './retry.ts';
import { mayFallBack, mayPlanAround } from './step-status.ts';

/** @throws Uncomputable */
export async function recover(situation: PlanningContext, at: Place, setback: AttemptFailure): Promise<Draft[]> {
  const { history, progress } = situation;
  const planned = plannedAs(progress.plan, at.id);
  if (planned === undefined) return [];
  const { step, role } = planned;
  const { problem, time } = setback;
  // A retry would not find the missing script either; the problem tells the operator to supply it.
  if (problem.code === 'model-unscripted') return abandon(history, { ...problem, step: step.id });
  const waitMs = waitBefore(history, planned, at, setback, situation.request.models);
  const canFallBack = mayFallBack(planned, setback);
  if (waitMs !== undefined && !(canFallBack && isUnavailable(problem))) {
    return waitMs > 0 ? [stepPostponed(at, { untilMs: time + waitMs })] : [await ask(situation, { ...at, n: at.n + 1 })];
  }
  if (canFallBack) {
    const { kind } = step.fallback as NonNullable<typeof step.fallback>;
    return [await ask(situation, { kind, id: fallbackId(step.id), n: 1 })];
  }
  if (step.optional && (role === 'step' || role === 'fallback')) return await passed(situation, step);
  if (situation.request.goal !== undefined && mayPlanAround(planned, setback)) {
    // The plan that is being made will be told of it.
    if (isBeingMade(progress.plan)) return [];
    if (mayRevise(history)) return await revise(situation);
  }
  const began = whatBeganIt(situation, at, setback);
  const next = escalated(situation, planned, began);
  return next === undefined ? abandon(history, { ...began.problem, step: step.id }) : [next];
}

/** The wait after an attempt is over: it is tried again, unless the time of the step is over as well. @throws Uncomputable */
export async function awake(situation: PlanningContext, at: Place): Promise<Draft[]> {
  const { history, progress, request } = situation;
  const planned = plannedAs(progress.plan, at.id);
  const setback = attemptFailureOf(history, at);
  // What was late may have come after all.
  if (planned === undefined || setback === undefined || resultOf(history, progress.plan, planned.step) !== undefined) return [];
  const isInTime = waitBefore(history, planned, at, setback, request.models) !== undefined;
  return isInTime ? [await ask(situation, { ...at, n: at.n + 1 })] : await recover(situation, at, setback);
}

/** A person who did not answer was asked about a problem that was there before. */
function whatBeganIt({ history, progress }: PlanningContext, at: Place, { problem, unknown }: AttemptFailure): Began {
  const asked = history.find(stepRequested, at)?.data.call.arguments as Partial<Question> | undefined;
  if (plannedAs(progress.plan, at.id)?.role !== 'escalation' || asked?.attempt === undefined) return { at, problem, unknown };
  return { at: asked.attempt, problem: asked.problem ?? problem, unknown: asked.unknown ?? false };
}
