/** What a model's reply is worth: the result of the step, or a failure with a name. */
import { Failure } from '@reel/bus/service.ts';
import type { Json, JsonSchema } from '@reel/contracts/envelope.ts';
import { checkAgainst } from '@reel/contracts/schema.ts';
import type { Reply } from './reply.ts';

/**
 * The result in a complete reply: what `output` describes, or without one the text.
 * @param model the name of the model, for the message.
 * @throws Failure `model-unavailable`, `model-filtered`, `model-refused`, `model-truncated` or `model-nonsense`.
 */
export function resultOf({ text, refusal, finishReason }: Reply, model: string, output: JsonSchema | undefined): Json {
  const fail = (code: string, what: string, retryable: boolean): Failure =>
    new Failure({ code, message: `the model "${model}" ${what}`, retryable });
  if (finishReason === undefined && text + refusal !== '') throw fail('model-unavailable', 'broke off in the middle of its answer', true);
  if (finishReason === 'content_filter') throw fail('model-filtered', "was stopped by its provider's content filter", false);
  if (refusal !== '') throw fail('model-refused', 'refused to answer', false);
  if (finishReason === 'length') throw fail('model-truncated', 'ran out of tokens before its answer was complete: ask it for less', false);
  if (text.trim() === '') throw fail('model-nonsense', 'answered nothing', true);
  if (output === undefined) return { text };
  let result: Json;
  try {
    result = JSON.parse(bare(text)) as Json;
  } catch {
    throw fail('model-nonsense', `answered with something that is not JSON (${text.length} characters)`, true);
  }
  const wrong = checkAgainst(output, result);
  if (wrong !== undefined) throw fail('model-nonsense', `did not answer in the form that was asked for: ${wrong}`, true);
  return result;
}

/** Models that know no structured output like to put their JSON into a fence. */
function bare(text: string): string {
  const lines = text.trim().split('\n');
  const isFenced = lines.length >= 3 && /^```(?:json)?$/.test((lines[0] as string).trim()) && (lines.at(-1) as string).trim() === '```';
  return isFenced ? lines.slice(1, -1).join('\n') : text;
}
