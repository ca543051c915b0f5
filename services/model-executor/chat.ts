/** Chat Completions over HTTP: one request, one stream of chunks, and never another try; trying again is the planner's. */
import { metered, perEvent, upTo, utf8 } from '@reel/bus/process/bounded-read.ts';
import type { ApprovedCall } from '@reel/bus/service.ts';
import OpenAI from 'openai';
import { LONGEST_MS, type Model } from './configuration.ts';
import { afterRefusal, type Dialect, dialectOf, formOf } from './dialect.ts';

/** How one attempt is made: `key` is its own, so that a provider which heeds it is never paid twice. It is over when `signal` aborts. */
export type ChatAttempt = { readonly key: string; readonly signal: AbortSignal };

/** Asks for what the call says. @returns the chunks as they come; it ends early, without an error, when the signal aborts. */
export type Chat = (call: ApprovedCall, attempt: ChatAttempt) => Promise<AsyncIterable<unknown>>;

/** The way to a model. Nothing is sent before it is asked. */
export function openChat({ id, baseUrl, apiKey, answerBytes, request }: Model): Chat {
  const client = new OpenAI({
    // null: not whatever else the environment says; which provider it is has been decided.
    baseURL: baseUrl ?? null,
    apiKey: apiKey ?? 'none',
    organization: null,
    project: null,
    adminAPIKey: null,
    defaultHeaders: { ...(apiKey === undefined ? { Authorization: null } : {}), ...request.headers },
    maxRetries: 0,
    // The signal says when the time is up.
    timeout: LONGEST_MS,
    logLevel: 'off',
    fetch: async (url, init) => await streamed(within(await fetch(url, init), answerBytes)),
  });
  let dialect = dialectOf(request);
  const ask = async (call: ApprovedCall, { key, signal }: ChatAttempt, as: Dialect): Promise<AsyncIterable<unknown>> => {
    const { format, words } = formOf(as, call.output);
    const system = [call.prompt, words].filter((part) => part !== undefined).join('\n\n');
    const body = {
      model: id,
      messages: [
        ...(system === '' ? [] : [{ role: 'system' as const, content: system }]),
        { role: 'user' as const, content: JSON.stringify(call.arguments) },
      ],
      ...(format === undefined ? {} : { response_format: format }),
      ...(request.maxTokens === undefined ? {} : { [as.maxTokensField]: request.maxTokens }),
      ...(as.streamOptions ? { stream_options: { include_usage: true } } : {}),
      ...request.extraBody,
      stream: true as const,
    };
    return await client.chat.completions.create(body as OpenAI.ChatCompletionCreateParamsStreaming, {
      headers: { 'Idempotency-Key': key },
      signal,
    });
  };
  return async (call, attempt) => {
    let as = dialect;
    for (let tries = 1; ; tries += 1) {
      try {
        // What was refused is another request, and a key is for one.
        const answer = await ask(call, { ...attempt, key: tries === 1 ? attempt.key : `${attempt.key}.${tries}` }, as);
        dialect = as;
        return answer;
      } catch (error) {
        const other = tries > MOST_REFUSALS ? undefined : afterRefusal(as, error, call.output !== undefined);
        if (other === undefined) throw error;
        as = other;
      }
    }
  };
}

/** In so many ways at most is a request said otherwise; nothing that is refused is paid for. */
const MOST_REFUSALS = 4;

/** Whoever does not stream answers all at once: as the only piece of a stream. */
async function streamed(response: Response): Promise<Response> {
  if (!response.ok || !/^application\/json\b/i.test(response.headers.get('content-type') ?? '')) return response;
  const whole = (await response.text()).replaceAll(/[\r\n]+/g, ' ');
  const headers = new Headers(response.headers);
  headers.set('content-type', 'text/event-stream');
  headers.delete('content-length');
  return new Response(`data: ${whole}\n\ndata: [DONE]\n\n`, { status: response.status, headers });
}

/** A piece is kept until it ends; what a provider says of an error need not be long. */
const EVENT_BYTES = 1024 * 1024;
const ERROR_BYTES = 64 * 1024;

const within = (response: Response, answerBytes: number): Response =>
  response.ok
    ? metered(response, upTo(answerBytes, 'the answer'), perEvent(EVENT_BYTES, 'a piece of the answer'), utf8())
    : metered(response, upTo(ERROR_BYTES, 'the error'));
