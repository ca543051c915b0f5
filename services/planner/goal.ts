/** Goals: a model is asked for a plan, its plan is checked like a person's file, and mended, revised, or carried out. */
import type { History } from '@reel/bus/history.ts';
import { answerRevision, planRevision, theRun } from '@reel/contracts/address.ts';
import { answerProposed } from '@reel/contracts/answer.ts';
import type { Draft, Json, Problem } from '@reel/contracts/envelope.ts';
import { planProposed } from '@reel/contracts/plan.ts';
import { approvedPlan, approvedPlans } from '@reel/contracts/run/approved.ts';
import { runApproved, runHeld } from '@reel/contracts/run.ts';
import { stepRequested } from '@reel/contracts/step.ts';
import type { ToolDefinition } from '@reel/contracts/tool.ts';
import { idsOf } from '@reel/contracts/workflow/attempt.ts';
import type { Workflow, WorkflowStep } from '@reel/contracts/workflow/format.ts';
import { planSchema } from '@reel/contracts/workflow/plan-schema.ts';
import { isReasoning, type Planning, planningIn } from '@reel/contracts/workflow/reasoning.ts';
import { answering, proposedSteps, sinksOf } from './goal-plan.ts';
import { abandon, newestRevision, type PlanningContext } from './planning-context.ts';
import { literal, promptFor } from './prompts.ts';
import type { RunRequest } from './request.ts';
import { type Kept, keptIn } from './step-status.ts';

const REVISIONS = 3;
const REPAIRS = 2;
/** So often a goal is planned on: each time from what the steps so far have found. */
const STAGES = 10;
const ERRORS = 50;

/** True for a plan in which a model is asked for the rest of it: of a goal, one that does not say yet what the answer is. */
export const isUnfinished = (plan: Workflow): boolean => planningIn(plan) !== undefined;

/** True for a plan in which the plan itself is being made, so that nothing else can be decided about it. One that is planned on later can be revised. */
export const isBeingMade = (plan: Workflow): boolean => ![undefined, 'continue'].includes(planningIn(plan)?.task);

/** The first plan of a goal: to have a plan made. */
export const firstPlan = (history: History, request: RunRequest): Draft[] => [
  planning(history, request, keptIn(history, request.models), 'plan', {}),
];

export const mayRevise = (history: History): boolean => tasksIn(history).filter((task) => task === 'revise').length < REVISIONS;

/** Steps have failed for good: a model is asked for another way. @param broken why steps could not even be asked for. */
export async function revise(
  { history, request }: Pick<PlanningContext, 'history' | 'request'>,
  broken: readonly Problem[] = [],
): Promise<Draft[]> {
  const kept = keptIn(history, request.models);
  return [
    planning(history, request, kept, 'revise', {
      failed: [...failuresIn(kept), ...broken.map((problem) => ({ step: problem.step ?? '', problem: shown(problem) }))],
    }),
  ];
}

/** A model has made a plan, or a person in its stead: it is carried out if it can be. */
export async function planMade({ history, request, progress }: PlanningContext, step: WorkflowStep): Promise<Draft[]> {
  const end = await progress.endOf(step);
  const made = (end === undefined || typeof end === 'string' ? {} : end.result) as { steps?: Json[]; more?: string };
  const kept = keptIn(history, request.models);
  const told = history.find(stepRequested, { kind: step.kind, id: step.id, n: 1 })?.data.call.arguments['failed'] as
    | { step: string }[]
    | undefined;
  const untold = kept.failed.filter(({ step: { id } }) => !(told ?? []).some((one) => one.step === id));
  // Steps that failed while the plan was being made: the plan does not take them into account yet.
  if (untold.length > 0 && mayRevise(history)) return await revise({ history, request });
  const stays = [...kept.steps, ...untold.map((one) => one.step)];
  const used = new Set(approvedPlans(history).flatMap((plan) => [...idsOf(plan)]));
  const { steps, errors } = await proposedSteps({ request, kept: stays, used, tools: offered(history, request) }, made.steps ?? []);
  errors.push(...wrongWithMore(history, kept, made));
  if (errors.length > 0) return repair(history, request, made, errors);
  if (made.more !== undefined)
    return [planning(history, request, { ...kept, steps, done: sinksOf(steps) }, 'continue', { more: made.more })];
  const n = newestRevision(history) + 1;
  return [planProposed(planRevision(n), { plan: answering(request, n, steps) })];
}

/** Planning may be put off for what the steps will find, so often, and not for nothing. */
function wrongWithMore(history: History, { underWay }: Kept, { steps = [], more }: { steps?: Json[]; more?: string }): string[] {
  if (more === undefined) return [];
  if (steps.length + underWay.length === 0)
    return ['more: there are no steps whose results are to be seen first: plan some, or leave "more" out'];
  if (tasksIn(history).filter((task) => task === 'continue').length < STAGES) return [];
  return [`more: the goal was planned on ${STAGES} times: plan everything that is left, and leave "more" out`];
}

/** Policy does not let the plan pass: for a goal there may be another one. */
export function planRefused(history: History, request: RunRequest | undefined, problem: Problem): Draft[] {
  const plan = history.find(planProposed, planRevision(newestRevision(history)))?.data.plan;
  if (request?.goal === undefined || plan === undefined || isBeingMade(plan)) return abandon(history, problem);
  const steps = plan.steps.filter((step) => !isReasoning(step)) as unknown as Json;
  const more = planningIn(plan)?.more;
  return repair(history, request, { steps, ...(more === undefined ? {} : { more }) }, [`the plan is not allowed: ${problem.message}`]);
}

/** An answer that was not accepted goes back, with the reasons. */
export function answerRefused(situation: PlanningContext, n: number, problem: Problem): Draft[] {
  const { history, request, progress } = situation;
  if (request.goal === undefined || n > REPAIRS) return abandon(history, problem);
  const previous = history.find(answerProposed, answerRevision(n))?.data.answer ?? null;
  const revision = newestRevision(history) + 1;
  const steps = progress.plan.steps.filter((step) => !isReasoning(step));
  return [planProposed(planRevision(revision), { plan: answering(request, revision, steps, { previous, reasons: [problem.message] }) })];
}

function repair(
  history: History,
  request: RunRequest,
  plan: { readonly steps?: Json; readonly more?: string },
  wrong: readonly string[],
): Draft[] {
  // A plan may have thousands of steps, and a fact has to be stored.
  const errors = wrong.length > ERRORS ? [...wrong.slice(0, ERRORS), `and ${wrong.length - ERRORS} more`] : wrong;
  const tasks = tasksIn(history);
  if (tasks.slice(-REPAIRS).filter((task) => task === 'repair').length === REPAIRS) {
    const message = `no plan for this goal could be carried out, after ${REPAIRS} repairs: ${errors.join('; ')}`;
    return abandon(history, { code: 'no-valid-plan', message, retryable: false });
  }
  const kept = keptIn(history, request.models);
  return [planning(history, request, kept, 'repair', { plan, errors: [...errors], failed: failuresIn(kept) })];
}

/** The next revision of the plan: what is kept, and asking a model for the rest. */
function planning(history: History, request: RunRequest, kept: Kept, task: Planning['task'], more: { [name: string]: Json }): Draft {
  const n = newestRevision(history) + 1;
  const goal = request.goal?.text ?? '';
  const left = planningIn(approvedPlan(history) ?? { steps: [] })?.more;
  const begun = kept.steps.length + kept.failed.length === 0 ? {} : { underWay: [...kept.underWay], used: [...idsIn(history, kept)] };
  const words: { [name: string]: Json } = {
    task,
    goal,
    input: request.input,
    tools: Object.values(offered(history, request)).map(forModel),
    people: [...new Set([request.requestedBy, 'operators'])],
    ...begun,
    ...(left === undefined ? {} : { more: left }),
    ...more,
  };
  const step: WorkflowStep = {
    id: `plan-${n}`,
    kind: 'model',
    uses: '',
    needs: { capabilities: ['plan'] },
    prompt: literal(promptFor(task)) as string,
    with: { ...(literal(words) as { [name: string]: Json }), ...(kept.done.length === 0 ? {} : { done: '= steps' }) },
    dependsOn: [...kept.done],
    output: planSchema,
    assert: [],
  };
  const { answer: _, ...frame } = request.workflow;
  return planProposed(planRevision(n), { plan: { ...frame, steps: [...kept.steps, step] } });
}

const forModel = ({ name, description, input, output, effect }: ToolDefinition): Json => ({
  name,
  description,
  input,
  ...(output === undefined ? {} : { output }),
  effect,
});

const shown = ({ code, message }: Problem): Json => ({ code, message });

const failuresIn = ({ failed }: Kept): Json[] =>
  failed.map(({ step: { id, uses }, problem }) => ({ step: id, ...(uses === '' ? {} : { uses }), problem: shown(problem) }));

/** The tools that a plan may use. Tools that the requester may never use are not shown to a model. */
function offered(history: History, { tools }: RunRequest): { [name: string]: ToolDefinition } {
  const { withheld = [] } = history.find(runApproved, theRun)?.data ?? history.find(runHeld, theRun)?.data ?? {};
  return Object.fromEntries(Object.entries(tools).filter(([name]) => !withheld.includes(name)));
}

/** What was asked of models so far, in order: for a plan, a repair, a revision, what comes next. */
function tasksIn(history: History): Planning['task'][] {
  const tasks: Planning['task'][] = [];
  for (let n = 1; n <= newestRevision(history); n += 1) {
    const asked = planningIn(history.find(planProposed, planRevision(n))?.data.plan ?? { steps: [] });
    if (asked !== undefined) tasks.push(asked.task);
  }
  return tasks;
}

/** The ids of the steps that this run has had: what was asked for under one of them might otherwise be taken for something else. */
function idsIn(history: History, { steps }: Kept): Set<string> {
  const all = [...approvedPlans(history).flatMap((plan) => plan.steps), ...steps];
  return new Set(all.filter((step) => !isReasoning(step)).map(({ id }) => id));
}
