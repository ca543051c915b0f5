/** A plan for a goal, put together from what is kept, what a model proposes, and the composing and judging of the answer. */
import type { Json } from '@reel/contracts/envelope.ts';
import type { ToolDefinition } from '@reel/contracts/tool.ts';
import { idsOf } from '@reel/contracts/workflow/attempt.ts';
import { StrictWorkflow, type Workflow, type WorkflowStep } from '@reel/contracts/workflow/format.ts';
import { type Path, pathText } from '@reel/contracts/workflow/place.ts';
import { isKept } from '@reel/contracts/workflow/reasoning.ts';
import { withRegistered } from '@reel/contracts/workflow/registered.ts';
import { readWorkflowInTurns } from '@reel/contracts/workflow/source.ts';
import { judgementSchema, literal, promptFor } from './prompts.ts';
import type { RunRequest } from './request.ts';

const KINDS = new Set(['tool', 'model', 'person']);

export type Capabilities = {
  readonly request: RunRequest;
  readonly kept: readonly WorkflowStep[];
  /** The ids that stood for something in this run: new steps, and what is done in their places, may not have them. */
  readonly used: ReadonlySet<string>;
  readonly tools: { readonly [name: string]: ToolDefinition };
};

/** The steps of the plan, and everything that is wrong with them: the places are those of the steps as the model gave them. */
export async function proposedSteps(
  { request, kept, used, tools }: Capabilities,
  proposed: readonly Json[],
): Promise<{ steps: WorkflowStep[]; errors: string[] }> {
  const parsed = StrictWorkflow.shape.steps.min(0).safeParse(proposed);
  const added = parsed.success ? parsed.data : [];
  const { answer: _, ...frame } = request.workflow;
  const source = { ...frame, steps: [...kept, ...proposed] };
  const nothing = source.steps.length === 0;
  const known = new Map(Object.entries(tools).map(([name, tool]) => [name, undoable(tool, request)]));
  const means = { tools: known, kinds: KINDS, models: request.models ?? [] };
  const findings = nothing ? [] : (await readWorkflowInTurns(source, means)).findings;
  const errors = findings.map(({ path, message }) => `${pathText(inProposal(path, kept.length))}: ${message}`);
  const keeping = new Set(kept.map(({ id }) => id));
  for (const [index, step] of added.entries()) {
    if (keeping.has(step.id)) continue;
    errors.push(...trespasses(step, used, frame).map((error) => `steps[${index}]${error}`));
  }
  return { steps: [...kept, ...withRegistered(added, request.tools)], errors };
}

/** What a person may write into a workflow, and a model may not. */
function trespasses(step: WorkflowStep, used: ReadonlySet<string>, frame: Omit<Workflow, 'steps'>): string[] {
  const errors: string[] = [];
  if (isKept(step.id)) errors.push(`.id: "${step.id}" is kept for the planner's own steps: choose another`);
  const taken = [step.id, ...idsOf({ ...frame, steps: [step] })].find((id) => used.has(id));
  if (taken !== undefined) errors.push(`.id: "${taken}" stood for something in this run before: choose another id`);
  // An undo is permitted because it was declared: what a model declared would be done without being judged as a step.
  const undoing = 'what undoes a tool is for the tool to say';
  if (step.compensate !== undefined) errors.push(`.compensate: ${undoing}`);
  if (step.fallback?.compensate !== undefined) errors.push(`.fallback.compensate: ${undoing}`);
  return errors;
}

/** What undoes a tool may be withheld from plans, and undo it all the same. */
const undoable = ({ compensation, ...tool }: ToolDefinition, { tools }: RunRequest): ToolDefinition =>
  compensation === undefined || Object.hasOwn(tools, compensation.uses) ? tool : { ...tool, compensation };

const inProposal = (path: Path, before: number): Path =>
  path[0] === 'steps' && typeof path[1] === 'number' ? ['steps', path[1] - before, ...path.slice(2)] : path;

/** The steps that no other step waits for. */
export function sinksOf(steps: readonly WorkflowStep[]): string[] {
  const waitedFor = new Set(steps.flatMap(({ dependsOn }) => dependsOn));
  return steps.map(({ id }) => id).filter((id) => !waitedFor.has(id));
}

/** These steps, and after them a model that composes the answer from their results, and one that judges it where there is a rubric. */
export function answering(
  request: RunRequest,
  n: number,
  steps: readonly WorkflowStep[],
  repair: { readonly previous?: Json; readonly reasons?: Json[] } = {},
): Workflow {
  const goal = request.goal?.text ?? '';
  const rubric = request.goal?.rubric;
  const { answer: { schema, assert = [] } = {}, ...frame } = request.workflow;
  const id = `answer-${n}`;
  const words = literal({ task: 'answer', goal, ...repair }) as { [name: string]: Json };
  const results = steps.length === 0 ? {} : '= steps';
  const compose: WorkflowStep = {
    id,
    kind: 'model',
    uses: '',
    needs: { capabilities: ['answer'] },
    prompt: literal(promptFor('answer')) as string,
    with: { ...words, results },
    dependsOn: sinksOf(steps),
    ...(schema === undefined ? {} : { output: schema }),
    assert: [],
  };
  const composed = `steps.\`${id}\``;
  const judge: WorkflowStep = {
    id: `judge-${n}`,
    kind: 'model',
    uses: '',
    needs: { capabilities: ['judge'] },
    prompt: literal(promptFor('judge')) as string,
    with: { ...(literal({ task: 'judge', goal, rubric: rubric ?? '' }) as object), answer: `= ${composed}`, results: '= steps' },
    dependsOn: [id],
    output: judgementSchema,
    assert: [],
  };
  return {
    ...frame,
    steps: [...steps, compose, ...(rubric === undefined ? [] : [judge])],
    answer: { value: `= ${composed}`, ...(schema === undefined ? {} : { schema }), assert },
  };
}
