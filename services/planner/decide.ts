/** What comes next: which steps are asked for when something is over, what is tried again, when it is given up, what the answer is. */
import type { History } from '@reel/bus/history.ts';
import { answerRevision, type Place, planRevision, theRun } from '@reel/contracts/address.ts';
import { answerProposed } from '@reel/contracts/answer.ts';
import { approvedPlan } from '@reel/contracts/approved.ts';
import type { Draft, Json, Problem } from '@reel/contracts/envelope.ts';
import { planAbandoned, planProposed } from '@reel/contracts/plan.ts';
import { runRequested } from '@reel/contracts/run.ts';
import { stepPostponed, stepRequested, stepSkipped } from '@reel/contracts/step.ts';
import type { EventOf } from '@reel/contracts/story.ts';
import { fallbackId, plannedAs } from '@reel/contracts/workflow/attempt.ts';
import { renderTemplate } from '@reel/contracts/workflow/expression.ts';
import type { WorkflowStep } from '@reel/contracts/workflow/format.ts';
import { referencesOf } from '@reel/contracts/workflow/graph.ts';
import { callOf } from './call.ts';
import { type Progress, progressOf } from './progress.ts';
import { inStep, Uncomputable } from './uncomputable.ts';

type RunRequest = EventOf<'run.request.requested'>['data'];
type Situation = { readonly history: History; readonly request: RunRequest; readonly progress: Progress };

/** The plan of a run that may begin. */
export function propose(history: History): Draft[] {
  const request = history.find(runRequested, theRun);
  if (request === undefined || isOver(history)) return [];
  return [planProposed(planRevision(1), { plan: request.data.workflow })];
}

/** Nothing is planned any more once the run has turned or been given up. */
function isOver(history: History): boolean {
  if (history.occupant(theRun, 'turn') !== undefined) return true;
  return history.find(planAbandoned, planRevision(newestRevision(history))) !== undefined;
}

/** The number of the newest revision of the plan that was proposed or abandoned; 0 before the first. */
function newestRevision(history: History): number {
  let n = 0;
  while (history.occupant(planRevision(n + 1), 'proposal') !== undefined) n += 1;
  return n;
}

/** Looks at the run, if there is still anything to be planned, and asks for what comes next. What cannot be computed ends the plan. */
async function inSituation(history: History, next: (situation: Situation) => Promise<Draft[]>): Promise<Draft[]> {
  const request = history.find(runRequested, theRun)?.data;
  const plan = isOver(history) ? undefined : approvedPlan(history);
  if (plan === undefined || request === undefined) return [];
  try {
    return await next({ history, request, progress: progressOf(history, plan, request.input) });
  } catch (error) {
    if (!(error instanceof Uncomputable)) throw error;
    return abandon(history, error.problem);
  }
}

const abandon = (history: History, problem: Problem): Draft[] => [planAbandoned(planRevision(newestRevision(history) + 1), { problem })];

/** The plan may be carried out: everything that waits for nothing is asked for. */
export const begin = (history: History): Promise<Draft[]> =>
  inSituation(history, (situation) => goOn(situation, situation.progress.graph.roots, false));

/** A step is over: everything that waited for it last is asked for. */
export const settled = (history: History, at: Place): Promise<Draft[]> =>
  inSituation(history, async (situation) => {
    const { plan, graph } = situation.progress;
    const step = plannedAs(plan, at.id)?.step;
    if (step === undefined) return [];
    const dependents = graph.dependents.get(step.id) ?? [];
    return await goOn(situation, dependents, dependents.length === 0);
  });

/**
 * Asks for those of the candidates that are ready and passes over those whose condition does not hold. It proposes the answer when
 * that was all; only what nobody waits for (`isLast`) can have been the last to be missing.
 */
async function goOn(situation: Situation, candidates: readonly WorkflowStep[], isLast: boolean): Promise<Draft[]> {
  const { progress } = situation;
  const { dependents } = progress.graph;
  const drafts: Draft[] = [];
  const seen = new Set<string>();
  const waiting = [...candidates];
  let ended = isLast;
  // The list grows while it is walked: whoever waited for a step that is passed over comes next.
  for (const step of waiting) {
    if (seen.has(step.id) || !(await progress.isReady(step))) continue;
    seen.add(step.id);
    const at = { kind: step.kind, id: step.id, n: 1 };
    if ((await progress.endOf(step)) === 'skipped') {
      drafts.push(stepSkipped(at, { when: step.when as string }));
      const next = dependents.get(step.id) ?? [];
      waiting.push(...next);
      ended ||= next.length === 0;
    } else drafts.push(await ask(situation, step, at));
  }
  if (ended && (await progress.isComplete())) drafts.push(answerProposed(answerRevision(1), { answer: await answerOf(progress) }));
  return drafts;
}

async function ask({ progress, request }: Situation, step: WorkflowStep, at: Place): Promise<Draft> {
  const attempt = at.id === step.id ? step : (step.fallback ?? step);
  return stepRequested(at, { call: await callOf(attempt, step.id, at.n, progress, request) });
}

/** What the plan says, or else the results of the steps that nobody waits for. */
async function answerOf(progress: Progress): Promise<Json> {
  const { answer } = progress.plan;
  if (answer === undefined) return (await progress.scopeFor({ steps: progress.graph.sinks, all: false }))['steps'] as Json;
  return await inStep(undefined, ['answer', 'value'], async () =>
    renderTemplate(answer.value, await progress.scopeFor(referencesOf(answer.value))),
  );
}

/** How an attempt went wrong: whether its effect may yet be in the world, and whether trying again can help. */
export type Setback = { readonly problem: Problem; readonly doubtful: boolean; readonly again: boolean };

/** An attempt came to nothing: it is tried again, replaced by its fallback, or the plan is given up. */
export const setBack = (history: History, at: Place, timeMs: number, { problem, doubtful, again }: Setback): Promise<Draft[]> =>
  inSituation(history, async (situation) => {
    const planned = plannedAs(situation.progress.plan, at.id);
    if (planned === undefined) return [];
    const { step, attempts } = planned;
    const delayMs = step.retry?.delayMs ?? 0;
    if (again && at.n < attempts) {
      return delayMs > 0 ? [stepPostponed(at, { untilMs: timeMs + delayMs })] : [await ask(situation, step, { ...at, n: at.n + 1 })];
    }
    // What may have been done must not be done another way as well.
    if (step.fallback !== undefined && at.id === step.id && !doubtful) {
      return [await ask(situation, step, { kind: step.fallback.kind, id: fallbackId(step.id), n: 1 })];
    }
    return abandon(history, { ...problem, step: step.id });
  });

/** The time to try again has come. */
export const tryAgain = (history: History, at: Place): Promise<Draft[]> =>
  inSituation(history, async (situation) => {
    const planned = plannedAs(situation.progress.plan, at.id);
    return planned === undefined ? [] : [await ask(situation, planned.step, { kind: at.kind, id: at.id, n: at.n + 1 })];
  });
