/** What comes next: which steps are asked for when something is over, what is mended, what the answer is. */
import type { History } from '@reel/bus/history.ts';
import { answerRevision, type Place, planRevision, theRun } from '@reel/contracts/address.ts';
import { answerProposed } from '@reel/contracts/answer.ts';
import type { Draft, Json, Problem } from '@reel/contracts/envelope.ts';
import { planProposed } from '@reel/contracts/plan.ts';
import { runRequested } from '@reel/contracts/run.ts';
import { stepAccepted, stepDue, stepPostponed, stepRequested, stepSkipped } from '@reel/contracts/step.ts';
import { type Planned, plannedAs, retryId } from '@reel/contracts/workflow/attempt.ts';
import { renderTemplate } from '@reel/contracts/workflow/expression.ts';
import type { WorkflowStep } from '@reel/contracts/workflow/format.ts';
import { referencesOf } from '@reel/contracts/workflow/graph.ts';
import { isPlanning } from '@reel/contracts/workflow/reasoning.ts';
import { ask, whatWasSaid } from './ask.ts';
import { answerRefused, firstPlan, isUnfinished, mayRevise, planMade, planRefused, revise } from './goal.ts';
import { mend } from './mend.ts';
import type { Progress } from './progress.ts';
import { setbackOf } from './setback.ts';
import { abandon, isOver, type Situation, situationIn } from './situation.ts';
import { newestAttempt } from './standing.ts';
import { inStep, Uncomputable } from './uncomputable.ts';

/** The plan of a run that may begin: the workflow that was asked for, or to have one made for the goal. */
export function propose(history: History): Draft[] {
  const request = history.find(runRequested, theRun)?.data;
  if (request === undefined || isOver(history)) return [];
  return request.goal === undefined ? [planProposed(planRevision(1), { plan: request.workflow })] : firstPlan(history, request);
}

/** Asks for what comes next, where anything does. What cannot be computed ends the plan; a goal may have another. */
async function inSituation(history: History, next: (situation: Situation) => Promise<Draft[]> | Draft[]): Promise<Draft[]> {
  const situation = situationIn(history);
  if (situation === undefined) return [];
  try {
    return await next(situation);
  } catch (error) {
    if (!(error instanceof Uncomputable)) throw error;
    const { request, progress } = situation;
    const canRevise = request.goal !== undefined && !isUnfinished(progress.plan) && error.problem.step !== undefined && mayRevise(history);
    return canRevise ? await revise(situation, [error.problem]) : abandon(history, error.problem);
  }
}

/** A plan may be carried out: everything that waits for nothing is asked for. If it follows another, what that one left is taken up. */
export const begin = (history: History, { n }: Place): Promise<Draft[]> =>
  inSituation(history, async (situation) => {
    const { graph, plan } = situation.progress;
    if (n === 1) return await goOn(situation, graph.roots, false);
    const drafts: Draft[] = [];
    for (const step of plan.steps) drafts.push(...(await leftAt(situation, step)));
    const unasked = plan.steps.filter(({ kind, id }) => history.occupant({ kind, id, n: 1 }, 'request') === undefined);
    return [...drafts, ...(await goOn(situation, unasked, true))];
  });

/** What is owed to a step whose news came while the next plan was on its way. */
async function leftAt(situation: Situation, step: WorkflowStep): Promise<Draft[]> {
  const { history, progress } = situation;
  const at = newestAttempt(history, progress.plan, step);
  if (at === undefined) return [];
  if (history.find(stepAccepted, at) !== undefined) {
    const planned = plannedAs(progress.plan, at.id);
    return planned?.role === 'escalation' ? await decided(situation, planned) : [];
  }
  if (history.find(stepPostponed, at) !== undefined) {
    return history.find(stepDue, at) === undefined ? [] : [await ask(situation, { ...at, n: at.n + 1 })];
  }
  const setback = setbackOf(history, at);
  return setback === undefined ? [] : await mend(situation, at, setback);
}

/** A step is over: everything that waited for it last is asked for. */
export const settled = (history: History, at: Place): Promise<Draft[]> =>
  inSituation(history, async (situation) => {
    const { plan } = situation.progress;
    const planned = plannedAs(plan, at.id);
    if (planned === undefined) return [];
    if (planned.role === 'escalation') return await decided(situation, planned);
    return await passed(situation, planned.step);
  });

async function passed(situation: Situation, step: WorkflowStep): Promise<Draft[]> {
  if (isPlanning(step)) return await planMade(situation, step);
  const dependents = situation.progress.graph.dependents.get(step.id) ?? [];
  return await goOn(situation, dependents, dependents.length === 0);
}

/** A person has said how a step that failed goes on. */
async function decided(situation: Situation, planned: Planned): Promise<Draft[]> {
  const { step, level } = planned;
  const said = whatWasSaid(situation, planned);
  if (said?.action === 'supply') return await passed(situation, step);
  if (said?.action === 'retry') {
    const at = { kind: step.kind, id: retryId(step.id, level), n: 1 };
    return situation.history.occupant(at, 'request') === undefined ? [await ask(situation, at)] : [];
  }
  const why = said?.why === undefined ? '' : `: ${said.why}`;
  return abandon(situation.history, {
    code: 'ended-by-person',
    message: `step "${step.id}" had failed, and a person ended the run${why}`,
    step: step.id,
  });
}

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
    } else drafts.push(await ask(situation, at));
  }
  if (ended && !isUnfinished(progress.plan) && (await progress.isComplete())) {
    drafts.push(answerProposed(nextAnswer(situation.history), { answer: await answerOf(progress) }));
  }
  return drafts;
}

function nextAnswer(history: History): Place {
  let n = 1;
  while (history.occupant(answerRevision(n), 'proposal') !== undefined) n += 1;
  return answerRevision(n);
}

/** What the plan says, or else the results of the steps that nobody waits for. */
async function answerOf(progress: Progress): Promise<Json> {
  const { answer } = progress.plan;
  if (answer === undefined) return (await progress.scopeFor({ steps: progress.graph.sinks, all: false }))['steps'] as Json;
  return await inStep(undefined, ['answer', 'value'], async () =>
    renderTemplate(answer.value, await progress.scopeFor(referencesOf(answer.value))),
  );
}

/** An attempt came to nothing, if this is the fact that first says so. */
export const setBack = (history: History, at: Place, seq: number): Promise<Draft[]> =>
  inSituation(history, async (situation) => {
    const setback = setbackOf(history, at);
    return setback?.seq === seq ? await mend(situation, at, setback) : [];
  });

/** The time to try again has come. */
export const tryAgain = (history: History, at: Place): Promise<Draft[]> =>
  inSituation(history, async (situation) =>
    plannedAs(situation.progress.plan, at.id) === undefined || history.find(stepRequested, at) === undefined
      ? []
      : [await ask(situation, { kind: at.kind, id: at.id, n: at.n + 1 })],
  );

/** Policy does not let a plan pass. */
export function planDenied(history: History, problem: Problem): Draft[] {
  return isOver(history) ? [] : planRefused(history, history.find(runRequested, theRun)?.data, problem);
}

/** The answer is not what it has to be, or may not be given. */
export const answerDenied = (history: History, { n }: Place, problem: Problem): Promise<Draft[]> =>
  inSituation(history, (situation) => answerRefused(situation, n, problem));
