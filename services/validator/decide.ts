/** Whether a result is what was promised: by the tool's schema, by the plan's, and by what the plan asserts of it. */
import type { Parts } from '@reel/contracts/address.ts';
import { theRun } from '@reel/contracts/address.ts';
import { approvedPlan } from '@reel/contracts/approved.ts';
import type { Json, JsonSchema, Problem } from '@reel/contracts/envelope.ts';
import { runRequested } from '@reel/contracts/run.ts';
import { checkAgainst } from '@reel/contracts/schema.ts';
import { stepAccepted, stepRequested, stepSucceeded } from '@reel/contracts/step.ts';
import { fallbackId, plannedAs } from '@reel/contracts/workflow/attempt.ts';
import { compile, type Scope } from '@reel/contracts/workflow/expression.ts';
import type { Workflow } from '@reel/contracts/workflow/format.ts';
import type { History } from '@reel/bus/history.ts';

/** What is wrong with the result of a step, or undefined when nothing is. */
export async function stepProblem(history: History, at: Parts, output: Json): Promise<Problem | undefined> {
  const request = history.find(runRequested, theRun)?.data;
  const call = history.find(stepRequested, at)?.data.call;
  const plan = approvedPlan(history as never);
  const planned = plan === undefined ? undefined : plannedAs(plan, at.id);
  const promised = at.kind === 'tool' ? request?.tools[call?.uses ?? '']?.output : undefined;
  const found = bySchema(`what ${call?.uses} declares`, promised, output) ?? bySchema('what the plan asks for', planned?.attempt.output, output);
  if (found !== undefined || plan === undefined || planned === undefined) return found && { ...found, step: at.id };
  const asserted = await byAssertions(planned.attempt.assert, () => scopeOf(history, plan, request?.input ?? null, output));
  return asserted && { ...asserted, step: at.id };
}

/** What is wrong with an answer, or undefined when nothing is. */
export async function answerProblem(history: History, answer: Json): Promise<Problem | undefined> {
  const request = history.find(runRequested, theRun)?.data;
  const plan = approvedPlan(history as never);
  if (request === undefined || plan?.answer === undefined) return undefined;
  const found = bySchema('what the request asks for', plan.answer.schema, answer);
  return found ?? (await byAssertions(plan.answer.assert, () => scopeOf(history, plan, request.input, answer)));
}

function bySchema(whose: string, schema: JsonSchema | undefined, value: Json): Problem | undefined {
  if (schema === undefined) return undefined;
  try {
    const wrong = checkAgainst(schema, value);
    return wrong === undefined ? undefined : { code: 'schema-broken', message: `it is not ${whose}: ${wrong}` };
  } catch (error) {
    return { code: 'schema-invalid', message: `${whose} cannot be checked: ${(error as Error).message}`, retryable: false };
  }
}

async function byAssertions(assertions: readonly string[], scope: () => Scope): Promise<Problem | undefined> {
  if (assertions.length === 0) return undefined;
  const within = scope();
  for (const source of assertions) {
    try {
      const value = await compile(source).evaluate(within);
      if (value !== true) return { code: 'assertion-failed', message: `\`${source}\` is ${value === undefined ? 'nothing' : JSON.stringify(value)?.slice(0, 80)} and has to be true` };
    } catch (error) {
      return { code: 'assertion-failed', message: (error as Error).message };
    }
  }
  return undefined;
}

/** What assertions may name: the results that were accepted so far, and the one in question. */
function scopeOf(history: History, plan: Workflow, input: Json, result: Json): Scope {
  const steps: { [id: string]: Json } = {};
  for (const { id, kind, fallback } of plan.steps) {
    const places = [{ kind, id, n: 1 }, ...(fallback === undefined ? [] : [{ kind: fallback.kind, id: fallbackId(id), n: 1 }])];
    for (const first of places) {
      for (let at = first; history.occupant(at, 'request') !== undefined; at = { ...at, n: at.n + 1 }) {
        const output = history.find(stepAccepted, at) === undefined ? undefined : history.find(stepSucceeded, at)?.data.output;
        if (output !== undefined) steps[id] = output;
      }
    }
  }
  return { input, steps, result };
}
