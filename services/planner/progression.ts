/** The way onward once something is over: what waited for it, what a person said, and the answer at the end. */
import type { History } from '@reel/bus/history.ts';
import { answerRevision, type Place } from '@reel/contracts/address.ts';
import { answerDenied, answerProposed, answerRejected, type Omitted } from '@reel/contracts/answer.ts';
import type { Draft, Json } from '@reel/contracts/envelope.ts';
import { resultOf } from '@reel/contracts/run/results.ts';
import { stepAccepted, stepLate, stepRejected, stepRequested, stepSkipped } from '@reel/contracts/step.ts';
import { type Escalated, escalationId, type Planned, type Question, retryId } from '@reel/contracts/workflow/attempt.ts';
import { renderTemplate } from '@reel/contracts/workflow/expression.ts';
import type { WorkflowStep } from '@reel/contracts/workflow/format.ts';
import { referencesOf } from '@reel/contracts/workflow/graph.ts';
import { isPlanning } from '@reel/contracts/workflow/reasoning.ts';
import { ask, whatWasSaid } from './ask.ts';
import { attemptFailureOf } from './attempt-failure.ts';
import { inStep } from './expression-failure.ts';
import { isUnfinished, planMade } from './goal.ts';
import { abandon, type PlanningContext } from './planning-context.ts';
import type { Progress } from './progress.ts';
import { newestAttempt } from './step-status.ts';

/** The step has ended, and it has a result. */
export async function passed(situation: PlanningContext, step: WorkflowStep): Promise<Draft[]> {
  if (isPlanning(step)) return await planMade(situation, step);
  const dependents = situation.progress.graph.dependents.get(step.id) ?? [];
  return await proceed(situation, dependents, dependents.length === 0);
}

/** A person has said how a step that failed goes on; unless its own result has come after all, and was there first. */
export async function decided(situation: PlanningContext, planned: Planned): Promise<Draft[]> {
  const { step, level } = planned;
  const said = whatWasSaid(situation, planned);
  if (isSettledOtherwise(situation, planned, said)) return [];
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
 * What was late may have come before the person spoke. If they want it done again, or given up, it is waited for until it has been checked;
 * a result that they supply is there already.
 */
function isSettledOtherwise({ history, progress }: PlanningContext, { step, level }: Planned, said: Escalated | undefined): boolean {
  const at = { kind: 'person', id: escalationId(step.id, level), n: 1 };
  const saidSeq = history.find(stepAccepted, at)?.seq ?? 0;
  const found = resultOf(history, progress.plan, step);
  if (found !== undefined && found.seq < saidSeq) return true;
  if (said?.action === 'supply') return false;
  const { attempt } = (history.find(stepRequested, at)?.data.call.arguments ?? {}) as Partial<Question>;
  const lateSeq = attempt === undefined ? undefined : history.find(stepLate, attempt)?.seq;
  return lateSeq !== undefined && lateSeq < saidSeq && history.find(stepRejected, attempt as Place) === undefined;
}

/**
 * Asks for those of the candidates that are ready and passes over those whose condition does not hold. It proposes the answer when
 * that was all; only a step without dependents (`isLast`) can have been the last one missing.
 */
export async function proceed(situation: PlanningContext, candidates: readonly WorkflowStep[], isLast: boolean): Promise<Draft[]> {
  const { progress } = situation;
  const { dependents } = progress.graph;
  const drafts: Draft[] = [];
  const seen = new Set<string>();
  const waiting = [...candidates];
  let ended = isLast;
  // The list grows while it is walked: the dependents of a skipped step come next.
  for (const step of waiting) {
    if (seen.has(step.id) || !(await progress.isReady(step))) continue;
    seen.add(step.id);
    const at = { kind: step.kind, id: step.id, n: 1 };
    if ((await progress.endOf(step)) === 'skipped') {
      drafts.push(stepSkipped(at, { when: String(step.when) }));
      const next = dependents.get(step.id) ?? [];
      waiting.push(...next);
      ended ||= next.length === 0;
    } else drafts.push(await ask(situation, at));
  }
  const at = ended && !isUnfinished(progress.plan) ? nextAnswer(situation.history) : undefined;
  if (at !== undefined && (await progress.isComplete())) {
    const omitted = await omittedIn(situation);
    drafts.push(answerProposed(at, { answer: await answerOf(progress), ...(omitted.length === 0 ? {} : { omitted }) }));
  }
  return drafts;
}

/** The steps that the answer does without, and why. */
async function omittedIn({ history, progress }: PlanningContext): Promise<Omitted[]> {
  const omitted: Omitted[] = [];
  for (const step of progress.plan.steps) {
    if (!step.optional || (await progress.endOf(step)) !== 'omitted') continue;
    const at = newestAttempt(history, progress.plan, step);
    const problem = at === undefined ? undefined : attemptFailureOf(history, at)?.problem;
    if (problem !== undefined) omitted.push({ step: step.id, problem });
  }
  return omitted;
}

/** The place of the next answer; undefined while a proposed answer is neither rejected nor denied. */
function nextAnswer(history: History): Place | undefined {
  for (let n = 1; ; n += 1) {
    const at = answerRevision(n);
    if (history.occupant(at, 'proposal') === undefined) return at;
    if (history.find(answerRejected, at) === undefined && history.find(answerDenied, at) === undefined) return undefined;
  }
}

/** The answer of the plan; by default, the results of the steps without dependents. */
async function answerOf(progress: Progress): Promise<Json> {
  const { answer } = progress.plan;
  if (answer === undefined) return (await progress.scopeFor({ steps: progress.graph.sinks, all: false }))['steps'] as Json;
  return await inStep(undefined, ['answer', 'value'], async () =>
    renderTemplate(answer.value, await progress.scopeFor(referencesOf(answer.value))),
  );
}
