/** Chat Completions over HTTP: one request, one stream of chunks, and never another try; trying again is the planner's. */
import { metered, perEvent, upTo } from '@reel/bus/bounded.ts';
import type { ApprovedCall } from '@reel/bus/service.ts';
import OpenAI from 'openai';
import { LONGEST_MS, type Model } from './configuration.ts';

/** How one attempt is made: `key` is its own, so that a provider which heeds it is never paid twice. It is over when `signal` aborts. */
export type Attempt = { readonly key: string; readonly signal: AbortSignal };

/** Asks for what the call says. @returns the chunks as they come; it ends early, without an error, when the signal aborts. */
export type Chat = (call: ApprovedCall, attempt: Attempt) => Promise<AsyncIterable<unknown>>;

/** The way to a model. Nothing is sent before it is asked. */
export function openChat({ id, baseUrl, apiKey, answerBytes }: Model): Chat {
  const client = new OpenAI({
    // null: not whatever else the environment says; which provider it is has been decided.
    baseURL: baseUrl ?? null,
    apiKey: apiKey ?? 'none',
    organization: null,
    project: null,
    adminAPIKey: null,
    ...(apiKey === undefined ? { defaultHeaders: { Authorization: null } } : {}),
    maxRetries: 0,
    // The signal says when the time is up.
    timeout: LONGEST_MS,
    logLevel: 'off',
    fetch: async (url, init) => within(await fetch(url, init), answerBytes),
  });
  return async ({ prompt, arguments: matter, output }, { key, signal }) =>
    await client.chat.completions.create(
      {
        model: id,
        messages: [
          ...(prompt === undefined ? [] : [{ role: 'system' as const, content: prompt }]),
          { role: 'user', content: JSON.stringify(matter) },
        ],
        ...(output === undefined
          ? {}
          : { response_format: { type: 'json_schema', json_schema: { name: 'result', strict: false, schema: output } } }),
        stream: true,
        stream_options: { include_usage: true },
      },
      { headers: { 'Idempotency-Key': key }, signal },
    );
}

/** A piece is kept until it ends; what a provider says of an error need not be long. */
const EVENT_BYTES = 1024 * 1024;
const ERROR_BYTES = 64 * 1024;

const within = (response: Response, answerBytes: number): Response =>
  response.ok
    ? metered(response, upTo(answerBytes, 'the answer'), perEvent(EVENT_BYTES, 'a piece of the answer'))
    : metered(response, upTo(ERROR_BYTES, 'the error'));
