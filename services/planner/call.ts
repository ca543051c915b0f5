/** A step of the plan as a concrete call: templates filled in, and what the registry knew about the tool when the run was requested. */
import type { Json, JsonSchema } from '@reel/contracts/envelope.ts';
import type { Call } from '@reel/contracts/step.ts';
import type { EventOf } from '@reel/contracts/story.ts';
import type { Attempt } from '@reel/contracts/workflow/attempt.ts';
import { renderTemplate } from '@reel/contracts/workflow/expression.ts';
import { referencesOf } from '@reel/contracts/workflow/graph.ts';
import type { Progress } from './progress.ts';

type RunRequest = EventOf<'run.request.requested'>['data'];

/** A person has a day, anything without a registry a minute, unless the plan says otherwise. */
const DEFAULT_TIMEOUT_MS = { person: 86_400_000, other: 60_000 };

/** @throws ExpressionError when a template cannot be filled in. */
export async function callOf(attempt: Attempt, id: string, progress: Progress, request: RunRequest): Promise<Call> {
  const { kind, uses, with: template, form, prompt } = attempt;
  const fill = async (value: { [name: string]: Json }): Promise<{ [name: string]: Json }> =>
    (await renderTemplate(value, await progress.scopeFor(referencesOf(value), id))) as { [name: string]: Json };
  const filled = { arguments: await fill(template) };
  if (kind === 'tool') {
    const tool = request.tools[uses];
    const compensation = attempt.compensate ?? tool?.compensation;
    return {
      uses,
      ...filled,
      effect: tool?.effect ?? 'once',
      timeoutMs: attempt.timeoutMs ?? tool?.timeoutMs ?? DEFAULT_TIMEOUT_MS.other,
      ...(tool === undefined ? {} : { definition: tool.digest }),
      ...(compensation === undefined ? {} : { compensation }),
    };
  }
  const person = kind === 'person';
  const asked = prompt === undefined ? {} : { prompt: String((await fill(wrapped(attempt, prompt)))['prompt'] ?? '') };
  return {
    uses: uses === '' ? kind : uses,
    ...filled,
    ...asked,
    ...(form === undefined ? {} : { form: (await fill(form)) as JsonSchema }),
    effect: person ? 'read-only' : (attempt.effect ?? 'once'),
    timeoutMs: attempt.timeoutMs ?? (person ? DEFAULT_TIMEOUT_MS.person : DEFAULT_TIMEOUT_MS.other),
    ...(attempt.compensate === undefined ? {} : { compensation: attempt.compensate }),
  };
}

// References are remembered by template, so the one that is made up here must be the same each time.
const prompts = new WeakMap<Attempt, { prompt: Json }>();
function wrapped(attempt: Attempt, prompt: string): { prompt: Json } {
  const known = prompts.get(attempt) ?? { prompt };
  prompts.set(attempt, known);
  return known;
}
