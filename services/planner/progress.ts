/** How far a run has come, told from its facts alone: which steps are over, with which results, and which were passed over. */
import type { Entry, History } from '@reel/bus/history.ts';
import { theRun } from '@reel/contracts/address.ts';
import { brief } from '@reel/contracts/brief.ts';
import type { Json } from '@reel/contracts/envelope.ts';
import { resultOf } from '@reel/contracts/run/results.ts';
import { compile, type References, type Scope } from '@reel/contracts/workflow/expression.ts';
import { readingOf } from '@reel/contracts/workflow/fields.ts';
import type { Workflow, WorkflowStep } from '@reel/contracts/workflow/format.ts';
import { ancestorsOf, type Graph, graphOf } from '@reel/contracts/workflow/graph.ts';
import { knownIn } from '@reel/contracts/workflow/known.ts';
import { ExpressionError } from '@reel/contracts/workflow/program.ts';
import { inStep } from './expression-failure.ts';
import type { RunRequest } from './request.ts';
import { stepStatusOf } from './step-status.ts';

/** How a step ended: with a result; passed over because its condition did not hold; or failed, when the run does without it. */
export type End = { readonly result: Json } | 'skipped' | 'omitted';

/** The run as a planner sees it, up to one fact. Valid for as long as one fact is handled: it remembers what it has worked out. */
export type Progress = {
  readonly plan: Workflow;
  readonly graph: Graph;
  /** How the step ended, or undefined when it has not. @throws Uncomputable */
  endOf(step: WorkflowStep): Promise<End | undefined>;
  /** True when everything that the step waits for is over. @throws Uncomputable */
  isReady(step: WorkflowStep): Promise<boolean>;
  /** True when every step is over. @throws Uncomputable */
  isComplete(): Promise<boolean>;
  /** What expressions with these references may name. @throws Uncomputable */
  scopeFor(references: References, id?: string): Promise<Scope>;
};

export function progressOf(history: History, plan: Workflow, request: RunRequest): Progress {
  const graph = graphOf(plan);
  const ends = new Map<string, End | undefined>();
  const known = knownIn({ input: request.workflow.input, steps: plan.steps }, (name) =>
    Object.hasOwn(request.tools, name) ? request.tools[name] : undefined,
  );

  async function endOf(step: WorkflowStep): Promise<End | undefined> {
    if (ends.has(step.id)) return ends.get(step.id);
    let end: End | undefined = resultOf(history, plan, step);
    if (end === undefined && step.optional && stepStatusOf(history, plan, step, request.models) === 'omitted') end = 'omitted';
    // That a step is skipped is worked out, not read: its fact may not be stored yet when the other half of a join arrives.
    if (end === undefined && step.when !== undefined && (await isPassedOver(step, String(step.when)))) end = 'skipped';
    ends.set(step.id, end);
    return end;
  }

  async function isPassedOver(step: WorkflowStep, when: string): Promise<boolean> {
    // Conditions that wait for conditions may be thousands deep: waiting here keeps the stack flat.
    await Promise.resolve();
    if (!(await isReady(step))) return false;
    const condition = await inStep(step.id, ['when'], async () => {
      const expression = compile(when);
      const { unknown } = readingOf(expression.ast, known());
      const value = await expression.evaluate(await scopeFor(expression.references, step.id), unknown);
      if (typeof value === 'boolean' || value === undefined) return value;
      throw new ExpressionError(when, `it gives ${brief(value)}, where true or false is needed: compare it with something`, undefined);
    });
    return condition !== true;
  }

  const isReady = (step: WorkflowStep): Promise<boolean> => areOver(step.id, step.dependsOn);
  const isComplete = (): Promise<boolean> => areOver('', graph.sinks);

  async function areOver(join: string, ids: readonly string[]): Promise<boolean> {
    const missing = missingIn(plan, history);
    // The last is the likeliest to be missing, so a wide join costs little until it is complete.
    for (let i = missing.get(join) ?? ids.length - 1; i >= 0; i -= 1) {
      const step = graph.byId.get(ids[i] as string);
      const isOver = step !== undefined && (await endOf(step)) !== undefined;
      if (isOver) continue;
      missing.set(join, i);
      return false;
    }
    return true;
  }

  async function scopeFor({ steps, all }: References, id?: string): Promise<Scope> {
    const named = !all ? steps : id === undefined ? graph.byId.keys() : ancestorsOf(graph, id);
    const results: { [step: string]: Json } = {};
    for (const name of named) {
      const step = graph.byId.get(name);
      const end = step === undefined ? undefined : await endOf(step);
      if (end !== undefined && typeof end !== 'string') results[name] = end.result;
    }
    return { input: request.input, steps: results };
  }
  return { plan, graph, endOf, isReady, isComplete, scopeFor };
}

/**
 * By join, the number of a step that was not over when it was looked at, while everything after it was. Only a shortcut, true wherever
 * in the log one looks from: further on, what was over is over still; further back, what was missing was missing already. Without
 * it, a search finds the same. It is kept for one log only: the first fact of the run, as an object, tells which.
 */
const shortcuts = new WeakMap<Workflow, { readonly of: Entry | undefined; readonly missing: Map<string, number> }>();

function missingIn(plan: Workflow, history: History): Map<string, number> {
  const first = history.occupant(theRun, 'request');
  const known = shortcuts.get(plan);
  if (known !== undefined && known.of === first) return known.missing;
  const missing = new Map<string, number>();
  shortcuts.set(plan, { of: first, missing });
  return missing;
}
