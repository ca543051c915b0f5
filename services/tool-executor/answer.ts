/**
 * What a server's answer, or the lack of one, says about the call: that it is done, that it certainly is not (a Failure), or that nobody
 * can tell (any other error). Saying "not done" of something that may have been done would book it twice.
 */
import { StreamableHTTPError } from '@modelcontextprotocol/sdk/client/streamableHttp.js';
import { ErrorCode, McpError } from '@modelcontextprotocol/sdk/types.js';
import { tooMuchIn } from '@reel/bus/process/bounded-read.ts';
import { excerpt } from '@reel/bus/runtime/secrets.ts';
import { Failure, InDoubt, Unsent } from '@reel/bus/service.ts';
import type { Json, JsonSchema } from '@reel/contracts/envelope.ts';
import { checkAgainst, SchemaError } from '@reel/contracts/schema.ts';
import type { Effect } from '@reel/contracts/tool.ts';
import { type CallResult, contentOf, textOf, wordsOf } from './mcp-shapes.ts';
import { parsed } from './media.ts';

/**
 * The result in a tool's answer: its structured content; else `{ text }`, with all its `content` where that is more than one text. What
 * the text says does not change its shape, unless the tool promises an `output` and the text is JSON that keeps to it.
 * @throws Failure when the tool says that it failed.
 */
export function resultOf(tool: string, answer: CallResult, output?: JsonSchema): Json {
  const { structuredContent, isError } = answer;
  if (isError === true) {
    const message = `${tool}: ${wordsOf(answer) || JSON.stringify(structuredContent ?? 'it failed, and did not say why')}`;
    const said = structuredContent as { retryable?: unknown } | null | undefined;
    const final = said?.retryable === false || answer._meta?.['retryable'] === false;
    throw new Failure({ code: 'tool-error', message, retryable: !final });
  }
  // Null is how some say that there is none.
  if (structuredContent !== undefined && structuredContent !== null) return structuredContent as Json;
  const text = textOf(answer);
  if (text === undefined) return { text: wordsOf(answer), content: contentOf(answer) };
  return output === undefined ? { text } : (promisedIn(text, output) ?? { text });
}

function promisedIn(text: string, output: JsonSchema): Json | undefined {
  const value = parsed(text);
  return value !== undefined && fits(output, value) ? value : undefined;
}

/** True for what a tool declares; what declares nothing, or no schema, promises nothing. */
export function fits(output: JsonSchema | undefined, value: Json): boolean {
  try {
    return output !== undefined && checkAgainst(output, value) === undefined;
  } catch (error) {
    if (error instanceof SchemaError) return false;
    throw error;
  }
}

/** Which call went wrong, for the message. */
export type Called = { readonly tool: string; readonly server: string; readonly effect: Effect };

// Before these the request has not left this machine.
const UNREACHED = new Set(['ECONNREFUSED', 'ENOTFOUND', 'EAI_AGAIN', 'EHOSTUNREACH', 'ENETUNREACH', 'UND_ERR_CONNECT_TIMEOUT']);
const NOT_UNDERSTOOD = new Set<number>([ErrorCode.InvalidParams, ErrorCode.MethodNotFound, ErrorCode.InvalidRequest, ErrorCode.ParseError]);

/** What is to be thrown for a call that was not answered properly. */
export function troubleOf(error: unknown, { tool, server, effect }: Called): Error {
  if (error instanceof Failure) return error;
  const much = tooMuchIn(error);
  if (much !== undefined) return tooLarge(`${tool} at the server "${server}": ${much.message}`, `servers.${server}`, effect);
  const message = `${tool} at the server "${server}": ${explain(error)}`;
  if (wasNotSent(error)) return unavailable(message);
  if (wasRefused(error)) return new Failure({ code: 'tool-refused', message, retryable: false });
  if (effect === 'read-only') return new Failure({ code: 'tool-lost', message, retryable: true });
  return new Error(`${message}; it may have had its effect all the same`, { cause: error });
}

/** What is to be thrown for an answer that is not read to its end: what was done stays done, and is told no second time. */
export function tooLarge(what: string, where: string, effect: Effect): Error {
  const code = 'result-too-large';
  const advice = `ask for less, or raise ${where}.limits.answerBytes in the file that REEL_TOOLS names`;
  if (effect === 'read-only') return new Failure({ code, message: `${what}: ${advice}`, retryable: false });
  return new InDoubt({ code, message: `${what}; it was answered, so it may well be done. Next time ${advice}`, retryable: false });
}

/** The server had forgotten the session, and did not take the call up; there is a new session by now. */
export class SessionLost extends Unsent {
  constructor(tool: string) {
    super({ code: 'tool-unavailable', message: `${tool}: its server has begun anew and knew nothing of the session`, retryable: true });
  }
}

/** The server is not there: nothing was asked of it. */
export const unavailable = (message: string): Failure => new Unsent({ code: 'tool-unavailable', message, retryable: true });

/** True when the server does not know our session (any more): it was begun anew, and has to be greeted again. */
export const isSessionLost = (error: unknown): boolean => error instanceof StreamableHTTPError && error.code === 404;

/** True when a server answered something, whatever it was: it is alive. */
export const isAnswer = (error: unknown): boolean =>
  error instanceof McpError && error.code !== ErrorCode.ConnectionClosed && error.code !== ErrorCode.RequestTimeout;

/** True when it is the server that is in trouble, and not this one call: it is not there, breaks off, or says so itself (5xx). */
export function isServerTrouble(error: unknown): boolean {
  if (error instanceof Failure || isAnswer(error) || isSessionLost(error) || wasRefused(error)) return false;
  // What is too much, or not MCP, was answered all the same.
  return tooMuchIn(error) === undefined && !(error instanceof Error && 'issues' in error);
}

function wasNotSent(error: unknown): boolean {
  if (isSessionLost(error) || (error instanceof StreamableHTTPError && error.code === 429)) return true;
  if (!(error instanceof Error)) return false;
  return error.message === 'Not connected' || UNREACHED.has(codeOf(error) ?? '');
}

function wasRefused(error: unknown): boolean {
  if (error instanceof McpError) return NOT_UNDERSTOOD.has(error.code);
  const status = error instanceof StreamableHTTPError ? (error.code ?? 0) : 0;
  return status >= 400 && status < 500 && status !== 408;
}

/** The error's words and its cause's: fetch hides what happened in the cause. */
export function explain(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  if ('issues' in error) return `it answered something that is not MCP: ${excerpt(error.message.replaceAll(/\s+/g, ' '), 300)}`;
  if (!(error.cause instanceof Error)) return error.message;
  const cause = error.cause.message || (codeOf(error) ?? error.cause.name);
  // Who wraps an error often repeats it.
  return error.message.includes(cause) ? error.message : `${error.message}: ${cause}`;
}

function codeOf(error: Error): string | undefined {
  const { code } = (error.cause ?? error) as { code?: unknown };
  return typeof code === 'string' ? code : undefined;
}
