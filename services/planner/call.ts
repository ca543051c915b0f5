/** A step of the plan as a concrete call: templates filled in, and what the registry knew about the tool when the run was requested. */
import type { Json, JsonSchema } from '@reel/contracts/envelope.ts';
import type { Call } from '@reel/contracts/step.ts';
import { effectOf, type PlannedAttempt, usesOf } from '@reel/contracts/workflow/attempt.ts';
import { renderTemplate } from '@reel/contracts/workflow/expression.ts';
import { referencesOf } from '@reel/contracts/workflow/graph.ts';
import { candidatesFor, modelFor, wanted } from '@reel/contracts/workflow/route.ts';
import { ExpressionFailure, inStep } from './expression-failure.ts';
import type { Progress } from './progress.ts';
import type { RunRequest } from './request.ts';

/** A person has a day, a model two minutes, anything else one, unless the plan or a registration says otherwise. */
const PERSON_TIMEOUT_MS = 86_400_000;
const MODEL_TIMEOUT_MS = 120_000;
const OTHER_TIMEOUT_MS = 60_000;

/** @param id the step's. @param n the number of the attempt. @throws Uncomputable when a template cannot be filled in, or no model fits. */
export async function callOf(attempt: PlannedAttempt, id: string, n: number, progress: Progress, request: RunRequest): Promise<Call> {
  const fill = <T extends Json>(field: string, template: T): Promise<T> =>
    inStep(id, [field], async () => (await renderTemplate(template, await progress.scopeFor(referencesOf(template), id))) as T);
  const filled = await fill('with', attempt.with);
  if (attempt.kind === 'tool') return toolCall(attempt, filled, request);
  const call = await otherCall(attempt, filled, fill);
  return attempt.kind === 'model' ? { ...call, ...routed(attempt, id, n, request) } : call;
}

/** Which model is asked, and why: each attempt goes to the next that fits. */
function routed(
  attempt: PlannedAttempt,
  id: string,
  n: number,
  { models = [] }: RunRequest,
): Pick<Call, 'uses' | 'routing' | 'output' | 'timeoutMs'> {
  const candidates = candidatesFor(attempt, models);
  const chosen = modelFor(candidates, n);
  if (chosen === undefined) {
    const message = `there was no model ${wanted(attempt)} when the run was requested: configure one (OPENAI_API_KEY, OPENAI_BASE_URL, REEL_MODEL; or REEL_MODELS)`;
    throw new ExpressionFailure({ code: 'no-model', message, step: id, retryable: false });
  }
  const of = candidates.length === 1 ? 'the only model' : `one of ${candidates.length} models`;
  const why =
    n === 1
      ? `${candidates.length === 1 ? of : `the cheapest of ${candidates.length} models`} ${wanted(attempt)}`
      : `attempt ${n - 1} failed, and this is ${of} ${wanted(attempt)}`;
  const timeoutMs = attempt.timeoutMs ?? chosen.timeoutMs ?? MODEL_TIMEOUT_MS;
  return { uses: chosen.name, routing: why, timeoutMs, ...(attempt.output === undefined ? {} : { output: attempt.output }) };
}

function toolCall(attempt: PlannedAttempt, filled: Call['arguments'], request: RunRequest): Call {
  const tool = request.tools[attempt.uses];
  const compensation = attempt.compensate ?? tool?.compensation;
  return {
    uses: attempt.uses,
    arguments: filled,
    effect: tool?.effect ?? 'once',
    timeoutMs: attempt.timeoutMs ?? tool?.timeoutMs ?? OTHER_TIMEOUT_MS,
    ...(tool === undefined ? {} : { definition: tool.digest }),
    ...(compensation === undefined ? {} : { compensation }),
  };
}

type Fill = <T extends Json>(field: string, template: T) => Promise<T>;

async function otherCall(attempt: PlannedAttempt, filled: Call['arguments'], fill: Fill): Promise<Call> {
  const { kind, form, prompt, compensate } = attempt;
  return {
    uses: usesOf(attempt),
    arguments: filled,
    ...(prompt === undefined ? {} : { prompt: textOf(await fill<Json>('prompt', prompt)) }),
    ...(form === undefined ? {} : { form: await fill<JsonSchema>('form', form) }),
    effect: effectOf(attempt),
    timeoutMs: attempt.timeoutMs ?? (kind === 'person' ? PERSON_TIMEOUT_MS : OTHER_TIMEOUT_MS),
    ...(compensate === undefined ? {} : { compensation: compensate }),
  };
}

const textOf = (value: Json): string => (typeof value === 'string' ? value : value === null ? '' : JSON.stringify(value));
