/** What follows when an attempt came to nothing: again, another way, a revised plan, a person, or the end; the first that may be. */
import type { Place } from '@reel/contracts/address.ts';
import type { Draft, Problem } from '@reel/contracts/envelope.ts';
import { stepPostponed, stepRequested } from '@reel/contracts/step.ts';
import { fallbackId, type Planned, plannedAs } from '@reel/contracts/workflow/attempt.ts';
import { candidatesFor } from '@reel/contracts/workflow/route.ts';
import { ask, escalated } from './ask.ts';
import { isUnfinished, mayRevise, revise } from './goal.ts';
import type { Setback } from './setback.ts';
import { abandon, type Situation } from './situation.ts';
import { mayFallBack, mayPlanAround, mayRepeat } from './standing.ts';

/** A model that is the only one gets so long to come round, and twice as long every time after that. */
const FIRST_DELAY_MS = 500;

/** @throws Uncomputable */
export async function mend(situation: Situation, at: Place, setback: Setback): Promise<Draft[]> {
  const { history, progress } = situation;
  const planned = plannedAs(progress.plan, at.id);
  if (planned === undefined) return [];
  const { step, role } = planned;
  const { problem, doubtful, time } = setback;
  // A script that is missing will be missing next time too, and whoever could supply it reads this.
  if (problem.code === 'model-unscripted') return abandon(history, { ...problem, step: step.id });
  if (mayRepeat(planned, at, setback)) {
    const delayMs = delayOf(situation, planned, at, problem);
    return delayMs > 0 ? [stepPostponed(at, { untilMs: time + delayMs })] : [await ask(situation, { ...at, n: at.n + 1 })];
  }
  if (mayFallBack(planned, setback)) {
    const { kind } = step.fallback as NonNullable<typeof step.fallback>;
    return [await ask(situation, { kind, id: fallbackId(step.id), n: 1 })];
  }
  if (situation.request.goal !== undefined && mayPlanAround(planned, setback)) {
    // The plan that is being made will be told of it.
    if (isUnfinished(progress.plan)) return [];
    if (mayRevise(history)) return await revise(situation);
  }
  const first = role === 'step' || role === 'fallback' ? problem : (whatBeganIt(situation, at) ?? problem);
  const next = escalated(situation, planned, at, first, doubtful);
  return next === undefined ? abandon(history, { ...first, step: step.id }) : [next];
}

/** A retry that a person wanted, and a person who did not answer, are about a problem that was there before. */
function whatBeganIt({ history, progress }: Situation, at: Place): Problem | undefined {
  const planned = plannedAs(progress.plan, at.id);
  if (planned?.role !== 'escalation') return undefined;
  return history.find(stepRequested, at)?.data.call.arguments['problem'] as Problem | undefined;
}

/** Whoever said when to come back is taken at their word, unless somebody else can be asked. */
function delayOf({ request }: Situation, { attempt, step }: Planned, at: Place, { retryAfterMs = 0 }: Problem): number {
  const ownMs = step.retry?.delayMs;
  if (at.kind !== 'model') return Math.max(ownMs ?? 0, retryAfterMs);
  if (candidatesFor(attempt, request.models ?? []).length > 1) return ownMs ?? 0;
  return Math.max(ownMs ?? FIRST_DELAY_MS * 2 ** (at.n - 1), retryAfterMs);
}
