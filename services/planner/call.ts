/** A step of the plan as a concrete call: templates filled in, and what the registry knew about the tool when the run was requested. */
import type { Json, JsonSchema } from '@reel/contracts/envelope.ts';
import type { Call } from '@reel/contracts/step.ts';
import type { EventOf } from '@reel/contracts/story.ts';
import { type Attempt, effectOf, usesOf } from '@reel/contracts/workflow/attempt.ts';
import { renderTemplate } from '@reel/contracts/workflow/expression.ts';
import { referencesOf } from '@reel/contracts/workflow/graph.ts';
import type { Progress } from './progress.ts';
import { inStep } from './uncomputable.ts';

type RunRequest = EventOf<'run.request.requested'>['data'];

/** A person has a day, anything without a registry a minute, unless the plan says otherwise. */
const DEFAULT_TIMEOUT_MS = { person: 86_400_000, other: 60_000 };

/** @param id the step's. @throws Uncomputable when a template cannot be filled in. */
export async function callOf(attempt: Attempt, id: string, progress: Progress, request: RunRequest): Promise<Call> {
  const fill = <T extends Json>(field: string, template: T): Promise<T> =>
    inStep(id, [field], async () => (await renderTemplate(template, await progress.scopeFor(referencesOf(template), id))) as T);
  const filled = await fill('with', attempt.with);
  return attempt.kind === 'tool' ? toolCall(attempt, filled, request) : await otherCall(attempt, filled, fill);
}

function toolCall(attempt: Attempt, filled: Call['arguments'], request: RunRequest): Call {
  const tool = request.tools[attempt.uses];
  const compensation = attempt.compensate ?? tool?.compensation;
  return {
    uses: attempt.uses,
    arguments: filled,
    effect: tool?.effect ?? 'once',
    timeoutMs: attempt.timeoutMs ?? tool?.timeoutMs ?? DEFAULT_TIMEOUT_MS.other,
    ...(tool === undefined ? {} : { definition: tool.digest }),
    ...(compensation === undefined ? {} : { compensation }),
  };
}

type Fill = <T extends Json>(field: string, template: T) => Promise<T>;

async function otherCall(attempt: Attempt, filled: Call['arguments'], fill: Fill): Promise<Call> {
  const { kind, form, prompt, compensate } = attempt;
  return {
    uses: usesOf(attempt),
    arguments: filled,
    ...(prompt === undefined ? {} : { prompt: textOf(await fill<Json>('prompt', prompt)) }),
    ...(form === undefined ? {} : { form: await fill<JsonSchema>('form', form) }),
    effect: effectOf(attempt),
    timeoutMs: attempt.timeoutMs ?? (kind === 'person' ? DEFAULT_TIMEOUT_MS.person : DEFAULT_TIMEOUT_MS.other),
    ...(compensate === undefined ? {} : { compensation: compensate }),
  };
}

const textOf = (value: Json): string => (typeof value === 'string' ? value : value === null ? '' : JSON.stringify(value));
