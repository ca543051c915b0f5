/** The Chat Completions wire format, as much of it as the offline model speaks: the request, the completion whole and in pieces, errors. */
import { digestOf } from '@reel/bus/runtime/digest.ts';
import { type Json, JsonSchema } from '@reel/contracts/envelope.ts';
import { type Path, pathText } from '@reel/contracts/workflow/place.ts';
import { z } from 'zod';
import type { Asked } from './fitting.ts';

/** The one model there is here. */
export const MODEL = 'scripted';
const FINGERPRINT = 'reel-scripted';

const Part = z.object({ type: z.string(), text: z.string().optional() });
const Message = z.object({ role: z.string(), content: z.union([z.string(), z.array(Part)]).nullish() });
/** What is not named here is accepted, and changes nothing. */
const ChatRequest = z.object({
  messages: z.array(Message).min(1),
  stream: z.boolean().nullish(),
  stream_options: z.object({ include_usage: z.boolean().optional() }).nullish(),
  response_format: z
    .discriminatedUnion('type', [
      z.object({ type: z.literal('text') }),
      z.object({ type: z.literal('json_object') }),
      z.object({ type: z.literal('json_schema'), json_schema: z.object({ name: z.string(), schema: JsonSchema.optional() }) }),
    ])
    .optional(),
});
export type ChatRequest = z.infer<typeof ChatRequest>;

/** An error in OpenAI's shape, with its HTTP status. */
export class ChatProblem extends Error {
  readonly status: number;
  readonly code: string | null;
  /** The field that is wrong. */
  readonly param: string | null;
  constructor(status: number, code: string | null, message: string, param: string | null = null) {
    super(message);
    this.status = status;
    this.code = code;
    this.param = param;
  }
  body(): { error: { message: string; type: string; code: string | null; param: string | null } } {
    const type = TYPES[this.status] ?? (this.status >= 500 ? 'server_error' : 'invalid_request_error');
    return { error: { message: this.message, type, code: this.code, param: this.param } };
  }
}
const TYPES: { readonly [status: number]: string } = { 401: 'authentication_error', 403: 'permission_error', 429: 'requests' };

/** What a script's `fail` says, as a provider would. */
export function scriptedFailure(status: number): ChatProblem {
  const code = { 401: 'invalid_api_key', 404: 'model_not_found', 429: 'rate_limit_exceeded' }[status] ?? null;
  return new ChatProblem(status, code, `The script has this request fail with status ${status}.`);
}

/** @throws ChatProblem, a 400 that names the field. */
export function readRequest(text: string): ChatRequest {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch (error) {
    throw new ChatProblem(400, 'invalid_json', `The body has to be JSON, and is not: ${(error as Error).message}`);
  }
  const parsed = ChatRequest.safeParse(value);
  if (parsed.success) return parsed.data;
  const [issue] = parsed.error.issues;
  const field = pathText((issue?.path ?? []) as Path);
  throw new ChatProblem(400, 'invalid_value', `${field === '' ? 'the body' : field}: ${issue?.message}`, field === '' ? null : field);
}

type Message = z.infer<typeof Message>;
const textOf = ({ content }: Message): string =>
  typeof content === 'string' ? content : (content ?? []).map(({ text }) => text ?? '').join('');

/** What is asked, in words for scripts, without how often. @throws ChatProblem when nobody asks anything. */
export function askedOf({ messages, response_format: format }: ChatRequest): Omit<Asked, 'attempt'> {
  const prompt = messages.filter(({ role }) => role === 'system' || role === 'developer').map(textOf);
  const user = messages.findLast(({ role }) => role === 'user');
  if (user === undefined)
    throw new ChatProblem(400, 'invalid_value', 'messages: expected one whose role is "user", and there is none', 'messages');
  const schema = format?.type === 'json_schema' ? format.json_schema.schema : undefined;
  return { prompt: prompt.join('\n'), request: requestIn(textOf(user)), outputDigest: outputDigestOf(schema) };
}

/** How scripts tell schemas apart: `none` for no schema. */
export const outputDigestOf = (schema: JsonSchema | undefined): string => (schema === undefined ? 'none' : digestOf(schema));

function requestIn(text: string): Asked['request'] {
  try {
    const value = JSON.parse(text) as Json;
    if (typeof value === 'object' && value !== null && !Array.isArray(value)) return value;
  } catch {
    // Plain words are a request, too.
  }
  return { text };
}

/** The same for requests that ask the same, whoever asks, streamed or not. */
export const contentDigestOf = ({ messages, response_format: format }: ChatRequest): string => digestOf({ messages, format });

/** True when the answer has to be JSON, so that a text stands in quotes. */
export const wantsJson = ({ response_format: format }: ChatRequest): boolean => format !== undefined && format.type !== 'text';

/** One answer; `created` in seconds since the epoch. */
export type Completion = {
  readonly id: string;
  readonly created: number;
  readonly content: string | undefined;
  readonly refusal: string | undefined;
  readonly finishReason: string;
  readonly usage: { readonly prompt_tokens: number; readonly completion_tokens: number; readonly total_tokens: number };
};

// About what the tokenizers of the day make of English.
const CHARACTERS_A_TOKEN = 4;

export function usageOf({ messages }: ChatRequest, answer: string): Completion['usage'] {
  const asked = messages.reduce((sum, message) => sum + textOf(message).length, 0);
  const prompt_tokens = Math.ceil(asked / CHARACTERS_A_TOKEN);
  const completion_tokens = Math.ceil(answer.length / CHARACTERS_A_TOKEN);
  return { prompt_tokens, completion_tokens, total_tokens: prompt_tokens + completion_tokens };
}

/** The completion as one JSON object. */
export function wholeOf({ id, created, content, refusal, finishReason, usage }: Completion): object {
  const message = { role: 'assistant', content: content ?? null, refusal: refusal ?? null };
  const choices = [{ index: 0, message, logprobs: null, finish_reason: finishReason }];
  return { id, object: 'chat.completion', created, model: MODEL, system_fingerprint: FINGERPRINT, choices, usage };
}

const PIECE = /.{1,24}/gsu;

/** The completion as the chunks of a stream: who speaks, what in pieces, why it ended, and if wanted what it used. */
export function piecesOf({ id, created, content, refusal, finishReason, usage }: Completion, withUsage: boolean): object[] {
  const head = { id, object: 'chat.completion.chunk', created, model: MODEL, system_fingerprint: FINGERPRINT };
  const chunk = (delta: object, finish_reason: string | null = null): object => ({
    ...head,
    choices: [{ index: 0, delta, logprobs: null, finish_reason }],
    ...(withUsage ? { usage: null } : {}),
  });
  const said = refusal === undefined ? 'content' : 'refusal';
  const pieces = (content ?? refusal ?? '').match(PIECE) ?? [];
  return [
    chunk({ role: 'assistant', content: refusal === undefined ? '' : null, refusal: null }),
    ...pieces.map((piece) => chunk({ [said]: piece })),
    chunk({}, finishReason),
    ...(withUsage ? [{ ...head, choices: [], usage }] : []),
  ];
}
