/** What a model's reply is worth: the result of the step, or a failure with a name. */
import { Failure } from '@reel/bus/service.ts';
import type { Json, JsonSchema } from '@reel/contracts/envelope.ts';
import { checkAgainst } from '@reel/contracts/schema.ts';
import { isObject, WRAPPED } from './dialect.ts';
import { jsonIn } from './json-in.ts';
import type { Reply } from './reply.ts';

/** The words by which providers say that an answer is complete; any other means that it is not. */
const COMPLETE = new Set(['stop', 'end_turn', 'stop_sequence', 'eos', 'eos_token', 'complete', 'completed', 'done', 'finished']);
const TRUNCATED = new Set(['length', 'max_tokens', 'max_output_tokens', 'model_length']);
const FILTERED = new Set(['content_filter', 'content-filter', 'safety', 'recitation', 'blocklist', 'prohibited_content', 'spii']);

/**
 * The result in a complete reply: what `output` describes, or without one the text.
 * @param model the name of the model, for the message.
 * @throws Failure `model-unavailable`, `model-filtered`, `model-refused`, `model-truncated`, `model-stopped` or `model-nonsense`.
 */
export function resultOf(reply: Reply, model: string, output: JsonSchema | undefined): Json {
  const { text, refusal, finishReason, error } = reply;
  const fail = (code: string, what: string, retryable: boolean): Failure =>
    new Failure({ code, message: `the model "${model}" ${what}`, retryable });
  if (error !== undefined) throw brokenBy(error, fail);
  if (finishReason === undefined && reply.raw + text + refusal !== '')
    throw fail('model-unavailable', 'broke off in the middle of its answer', true);
  const reason = finishReason?.toLowerCase() ?? '';
  if (FILTERED.has(reason)) throw fail('model-filtered', "was stopped by its provider's content filter", false);
  if (refusal !== '') throw fail('model-refused', 'refused to answer', false);
  if (TRUNCATED.has(reason)) throw fail('model-truncated', 'ran out of tokens before its answer was complete: ask it for less', false);
  if (reason === 'error') throw fail('model-unavailable', 'broke off with an error in the middle of its answer', true);
  if (reason !== '' && !COMPLETE.has(reason))
    throw fail('model-stopped', `stopped for the reason "${reason.slice(0, 40)}", which is no complete answer`, false);
  if (text.trim() === '') throw fail('model-nonsense', 'answered nothing', true);
  return output === undefined ? { text } : structured(text, output, fail);
}

function structured(text: string, output: JsonSchema, fail: (code: string, what: string, retryable: boolean) => Failure): Json {
  let wrong: string | undefined;
  for (const value of jsonIn(text)) {
    for (const one of candidates(value, output)) {
      const found = checkAgainst(output, one);
      if (found === undefined) return one;
      wrong ??= found;
    }
  }
  if (wrong === undefined) throw fail('model-nonsense', `answered with something that is not JSON (${text.length} characters)`, true);
  throw fail('model-nonsense', `did not answer in the form that was asked for: ${wrong}`, true);
}

/** What is no object was asked for within one, which has nothing else. */
function candidates(value: Json, output: JsonSchema): Json[] {
  if (isObject(output) || typeof value !== 'object' || value === null || Array.isArray(value)) return [value];
  return Object.keys(value).join() === WRAPPED ? [value[WRAPPED] as Json, value] : [value];
}

/** The provider's word for what broke off the answer: what the request caused it will cause again. */
function brokenBy({ code }: NonNullable<Reply['error']>, fail: (code: string, what: string, retryable: boolean) => Failure): Failure {
  const status = Number(code);
  if (status === 429) return fail('model-rate-limited', 'is asked too often (HTTP 429)', true);
  if (status >= 400 && status < 500 && status !== 408)
    return fail('model-rejected-request', `did not take the request (HTTP ${status})`, false);
  return fail('model-unavailable', 'broke off with an error in the middle of its answer', true);
}
