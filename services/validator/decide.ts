/** Checks results and answers against what the plan, the tool and the workflow promise. Pure. */

import type { History } from '@reel/bus/history.ts';
import { theRun } from '@reel/contracts/address.ts';
import type { Json, JsonSchema, Problem } from '@reel/contracts/envelope.ts';
import { approvedPlan, everPlanned } from '@reel/contracts/run/approved.ts';
import { resultOf, resultsIn } from '@reel/contracts/run/results.ts';
import { runRequested } from '@reel/contracts/run.ts';
import { checkAgainst } from '@reel/contracts/schema.ts';
import { stepAccepted, stepRequested } from '@reel/contracts/step.ts';
import type { EventOf } from '@reel/contracts/story.ts';
import type { ToolDefinition } from '@reel/contracts/tool.ts';
import { type Escalated, escalationId, levelsOf, type PlannedAttempt as WorkflowAttempt } from '@reel/contracts/workflow/attempt.ts';
import { compile, type Scope } from '@reel/contracts/workflow/expression.ts';
import type { Workflow, WorkflowStep } from '@reel/contracts/workflow/format.ts';
import { unfounded } from './founded.ts';

type Result = EventOf<'step.outcome.succeeded'> | EventOf<'step.late.succeeded'>;
type Run = EventOf<'run.request.requested'>['data'];

/** The problem of a result; or warnings where it passes although its tool declares otherwise. */
export type Judgement = { readonly problem: Problem } | { readonly warnings: readonly string[] };

/** Judges the result of a step by the plan that had it, even if another plan has replaced that one. */
export async function judgementOf(event: Result, history: History): Promise<Judgement> {
  const warnings: string[] = [];
  const problem = await problemOfResult(event, history, warnings);
  return problem === undefined ? { warnings } : { problem };
}

async function problemOfResult(event: Result, history: History, warnings: string[]): Promise<Problem | undefined> {
  const { at } = event;
  const { output } = event.data;
  const run = history.find(runRequested, theRun)?.data;
  const uses = history.find(stepRequested, at)?.data.call.uses;
  const planned = everPlanned(history, at.id);
  if (run === undefined || uses === undefined || planned === undefined) {
    return {
      code: 'not-in-plan',
      message: `no approved plan has step "${at.id}", so its result cannot be checked`,
      retryable: false,
    };
  }
  const { attempt, step, plan } = planned;
  if (event.type === 'step.late.succeeded' && isSettled(history, planned)) {
    return { code: 'settled-otherwise', message: `step "${step.id}" was settled before this result came`, retryable: false };
  }
  const promised = { run, plan, history, warnings };
  if (planned.role !== 'escalation') return await unpromised(attempt, uses, output, at.id, promised);
  // The form has been checked; what a person supplies has to be what the step would have given.
  const { action, result } = output as Escalated;
  return action === 'supply' ? await unpromised(step, step.uses, result as Json, step.id, promised) : undefined;
}

/** True when the step has a result already, or a person has said how it goes on. */
function isSettled(history: History, { step, plan }: { readonly step: WorkflowStep; readonly plan: Workflow }): boolean {
  if (resultOf(history, plan, step) !== undefined) return true;
  return [...levelsOf(plan).keys()].some(
    (k) => history.find(stepAccepted, { kind: 'person', id: escalationId(step.id, k + 1), n: 1 }) !== undefined,
  );
}

async function unpromised(
  { kind, output, assert }: WorkflowAttempt,
  uses: string,
  result: Json,
  id: string,
  promised: Circumstances & { readonly warnings: string[] },
): Promise<Problem | undefined> {
  const { tools } = promised.run;
  const tool = kind === 'tool' && Object.hasOwn(tools, uses) ? tools[uses] : undefined;
  const strange = undeclared(tool, result, `the result of step "${id}" is not what the tool "${uses}" declares`);
  if (strange !== undefined && checkIn(tool as ToolDefinition) === 'check') return withAdvice(strange, tool as ToolDefinition);
  if (strange !== undefined) promised.warnings.push(strange.message);
  return (
    misfit(output, result, `the result of step "${id}" is not what the plan asks for`) ??
    (await untrue(assert, result, promised, `step "${id}"`))
  );
}

function undeclared(tool: ToolDefinition | undefined, result: Json, sentence: string): Problem | undefined {
  return tool === undefined || checkIn(tool) === 'off' ? undefined : misfit(tool.output, result, sentence);
}

/** By default, an effect is not thrown away because its tool describes its result wrongly. */
const checkIn = ({ outputCheck, effect }: ToolDefinition): NonNullable<ToolDefinition['outputCheck']> =>
  outputCheck ?? (effect === 'read-only' || effect === 'metered' ? 'check' : 'warn');

/** A rejected result does not undo the effect, so the message says how to keep such results. */
const withAdvice = (problem: Problem, { name, effect }: ToolDefinition): Problem =>
  effect === 'read-only' || effect === 'metered'
    ? problem
    : {
        ...problem,
        message: `${problem.message}; its effect remains. To keep such results, set "output: warn" for ${name} where the tool is configured`,
      };

/** The problem of an answer, if any, by the requested workflow, not by the plan that led to it. */
export async function problemOfAnswer(event: EventOf<'answer.proposal.proposed'>, history: History): Promise<Problem | undefined> {
  const run = history.find(runRequested, theRun)?.data;
  if (run === undefined)
    return { code: 'no-request', message: 'the run has no readable request to check the answer against', retryable: false };
  const { answer } = event.data;
  const { schema, assert = [] } = run.workflow.answer ?? {};
  const plan = approvedPlan(history) ?? run.workflow;
  return (
    misfit(schema, answer, 'the answer is not what the workflow asks for') ??
    (await untrue(assert, answer, { run, plan, history }, 'the answer')) ??
    (run.goal === undefined ? undefined : unfounded(answer, history, plan))
  );
}

function misfit(schema: JsonSchema | undefined, value: Json, sentence: string): Problem | undefined {
  if (schema === undefined) return undefined;
  try {
    const wrong = checkAgainst(schema, value);
    return wrong === undefined ? undefined : { code: 'schema-broken', message: `${sentence}: ${wrong}` };
  } catch (error) {
    return {
      code: 'schema-invalid',
      message: `${sentence}, or its schema cannot be applied: ${(error as Error).message}`,
      retryable: false,
    };
  }
}

type Circumstances = { readonly run: Run; readonly plan: Workflow; readonly history: History };

/** The first assertion that is not true. One that is merely not false, or cannot be evaluated, is not true. */
async function untrue(
  sources: readonly string[],
  result: Json,
  { run, plan, history }: Circumstances,
  about: string,
): Promise<Problem | undefined> {
  for (const source of sources) {
    const sentence = `the assertion \`${source}\` about ${about} is not true`;
    try {
      const assertion = compile(source);
      const scope: Scope = { input: run.input, steps: resultsIn(history, plan, assertion.references), result };
      const value = await assertion.evaluate(scope);
      if (value !== true) return { code: 'assertion-failed', message: `${sentence}: it is ${shown(value)}` };
    } catch (error) {
      return { code: 'assertion-failed', message: `${sentence}: it cannot be evaluated: ${(error as Error).message}` };
    }
  }
  return undefined;
}

function shown(value: Json | undefined): string {
  const text = JSON.stringify(value) ?? 'nothing';
  return text.length > 80 ? `${text.slice(0, 77)}...` : text;
}
