/**
 * What went wrong with a call to a model, as a failure with a name. Its message can be read by anybody, so it tells nothing of where the
 * model is or of what its provider said: that is for the log.
 */
import { causeIn, NotText, tooMuchIn } from '@reel/bus/process/bounded-read.ts';
import { excerpt } from '@reel/bus/runtime/secrets.ts';
import { Failure } from '@reel/bus/service.ts';
import { APIConnectionError, APIConnectionTimeoutError, APIError } from 'openai';
import { z } from 'zod';

/** The failure that an error means. `nowMs` (since the epoch) is what an HTTP date in Retry-After is counted from. */
export function failureOf(error: unknown, model: string, nowMs: number): Failure {
  const fail = (code: string, what: string, retryable: boolean, retryAfterMs?: number): Failure =>
    new Failure({ code, message: `the model "${model}" ${what}`, retryable, ...(retryAfterMs === undefined ? {} : { retryAfterMs }) });
  if (error instanceof Failure) return error;
  const much = tooMuchIn(error);
  // It does not end by itself: another time it may.
  if (much !== undefined)
    return fail('model-too-much', `was stopped: ${much.message}; ask it for less, or raise its limits.answerBytes`, true);
  const noText = causeIn(error, NotText);
  if (noText !== undefined) return fail('model-nonsense', `answered with something that cannot be read: ${noText.message}`, true);
  if (error instanceof APIConnectionTimeoutError || codeOf(error) === 'UND_ERR_BODY_TIMEOUT') return timedOut(model);
  if (error instanceof APIConnectionError) return fail('model-unavailable', 'could not be reached', true);
  if (error instanceof SyntaxError || error instanceof z.ZodError) {
    return fail('model-nonsense', 'answered with something that is no chat completion', true);
  }
  if (!(error instanceof APIError)) return fail('model-unavailable', 'broke off in the middle of its answer', true);

  const status = statusOf(error);
  if (status === 404 && error.code === 'unscripted') {
    const message = wordsOf(error) ?? `the model "${model}" has no script for this`;
    return new Failure({ code: 'model-unscripted', message, retryable: false });
  }
  if (FILTERED.has(error.code ?? '')) return fail('model-filtered', "did not get the request past its provider's content filter", false);
  if (status === 408 || status === 504) return timedOut(model);
  const waitMs = retryAfterMs(error.headers, nowMs);
  if (status === 429) {
    const why = error.code === 'insufficient_quota' ? 'has no quota left' : 'is asked too often';
    return fail('model-rate-limited', `${why} (HTTP 429)`, true, waitMs);
  }
  if (status === undefined) return fail('model-unavailable', 'broke off with an error in the middle of its answer', true, waitMs);
  if (status >= 500 || status === 409) return fail('model-unavailable', `has trouble at its provider (HTTP ${status})`, true, waitMs);
  return fail('model-rejected-request', `did not take the request (HTTP ${status}): ${reasonOf(status, error.code)}`, false);
}

/** It took too long; `afterMs`, where it is known. */
export function timedOut(model: string, afterMs?: number): Failure {
  const message = `the model "${model}" did not answer in time${afterMs === undefined ? '' : ` (${afterMs} ms)`}`;
  return new Failure({ code: 'model-timed-out', message, retryable: true });
}

/** What is known of an error beyond its name: for the log alone. */
export function detailsOf(error: unknown): object {
  if (!(error instanceof Error)) return { error: String(error) };
  const { cause } = error as { cause?: unknown };
  const why = cause instanceof Error ? { cause: cause.message || codeOf(error) } : {};
  if (!(error instanceof APIError)) return { error: error.message, ...why };
  const { status, code, requestID } = error;
  return { status, code, requestId: requestID, error: excerpt(error.message, 2_000), ...why };
}

const FILTERED = new Set(['content_filter', 'content_policy_violation']);
const REASONS: { readonly [status: number]: string } = {
  401: 'its API key was not accepted',
  402: 'it has to be paid for first',
  403: 'its API key may not do this',
  404: 'its provider does not know it, or is not at its address',
  413: 'the request is too large',
};

function reasonOf(status: number, code: unknown): string {
  if (code === 'context_length_exceeded') return 'there is more to read than it can take in';
  if (code === 'model_not_found') return 'its provider does not know it';
  return REASONS[status] ?? "the log of the model-executor has its provider's words";
}

/** An error in the middle of a stream has no status; some providers put one in the place of its code. */
function statusOf(error: APIError): number | undefined {
  if (error.status !== undefined) return error.status;
  const code: unknown = error.code;
  if (code === 'rate_limit_exceeded' || code === 'insufficient_quota') return 429;
  return typeof code === 'number' && code >= 400 && code < 600 ? code : undefined;
}

function wordsOf({ error }: APIError): string | undefined {
  const { message } = (error ?? {}) as { message?: unknown };
  return typeof message === 'string' && message !== '' ? message : undefined;
}

function codeOf(error: unknown): string | undefined {
  const { code } = ((error as Error | undefined)?.cause ?? {}) as { code?: unknown };
  return typeof code === 'string' ? code : undefined;
}

/** How long to leave a provider alone, as it says itself, in ms: `retry-after-ms`, or `Retry-After` in seconds or as an HTTP date. */
export function retryAfterMs(headers: Headers | undefined, nowMs: number): number | undefined {
  const precise = headers?.get('retry-after-ms');
  const usual = headers?.get('retry-after');
  const ms = [numberIn(precise), (numberIn(usual) ?? Number.NaN) * 1_000, Date.parse(usual ?? '') - nowMs].find(
    (wait) => wait !== undefined && Number.isFinite(wait),
  );
  return ms === undefined || ms > Number.MAX_SAFE_INTEGER ? undefined : Math.max(0, Math.ceil(ms));
}

const numberIn = (text: string | null | undefined): number | undefined =>
  text && /^\s*\d+(\.\d+)?\s*$/.test(text) ? Number(text) : undefined;
