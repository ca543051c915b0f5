/**
 * What an API's answer, or the lack of one, says about the call: its result, that it certainly was not done (a Failure), or that nobody can
 * tell (any other error). What is said here is public: it names no host, and repeats nothing that was secret. Pure.
 */
import { withoutSecrets } from '@reel/bus/runtime/secrets.ts';
import { Failure, Unsent } from '@reel/bus/service.ts';
import type { Json } from '@reel/contracts/envelope.ts';
import type { Effect } from '@reel/contracts/tool.ts';
import { Half, isJson, parsed, readAnswer, textOf } from './media.ts';

export type ApiAnswer = { readonly status: number; readonly headers: Headers; readonly bytes: Uint8Array };
/** Which call was answered. */
export type Asked = { readonly tool: string; readonly api: string; readonly effect: Effect };

const SHOWN = 300;
const LONGEST_WAIT_MS = 24 * 60 * 60 * 1000;

/** @param fits whether a value is what the operation declares. @throws Failure, or another error when the call may have had its effect. */
export function resultOf(answer: ApiAnswer, asked: Asked, nowMs: number, fits: (value: Json) => boolean): Json {
  const { status, headers, bytes } = answer;
  if (status < 200 || status >= 300) throw troubleIn(answer, asked, nowMs);
  if (status === 204 || status === 205) return null;
  if (status === 206 && isPart(headers)) throw broken('answered with a part of what was asked for', asked);
  try {
    return readAnswer(bytes, headers.get('content-type'), fits);
  } catch (error) {
    throw error instanceof Half ? broken('broke off in the middle of its answer', asked, error) : error;
  }
}

/** Parts of other things than bytes are those of a list, of which one page is all that was asked for. */
function isPart(headers: Headers): boolean {
  if (/^multipart\/byteranges\b/i.test(headers.get('content-type')?.trim() ?? '')) return true;
  const range = /^\s*bytes\s+(\d+)-(\d+)\/(\d+|\*)/i.exec(headers.get('content-range') ?? '');
  return range !== null && (range[1] !== '0' || Number(range[2]) + 1 !== Number(range[3]));
}

/** It began to answer well, so that it may well be done; what it would have said is not known. */
function broken(how: string, { tool, api, effect }: Asked, cause?: unknown): Error {
  const message = `${tool}: the API "${api}" ${how}`;
  if (effect === 'read-only') return new Failure({ code: 'api-unreachable', message, retryable: true });
  return new Error(`${message}; it may have had its effect all the same`, { cause });
}

/** What is to be thrown when no answer came, or not all of it. */
export function troubleWith(error: unknown, asked: Asked): Error {
  const { tool, api } = asked;
  const code = codeOf(error);
  const why = code === undefined ? '' : ` (${code})`;
  if (UNREACHED.test(code ?? '')) {
    return new Unsent({ code: 'api-unreachable', message: `${tool}: the API "${api}" cannot be reached${why}`, retryable: true });
  }
  return broken(`broke off before it had answered${why}`, asked, error);
}

// Before these the request has not left this machine, or has not been read by anybody who may.
const UNREACHED =
  /^(ECONNREFUSED|ENOTFOUND|EAI_AGAIN|EHOSTUNREACH|ENETUNREACH|UND_ERR_CONNECT_TIMEOUT|ERR_TLS_.*|CERT_.*|ERR_SSL_.*|.*SELF_SIGNED.*|UNABLE_TO_.*)$/;

/** True when it is the API that is in trouble, and not this one call. Being asked to slow down is none. */
export const isServerTrouble = ({ status }: Pick<ApiAnswer, 'status'>): boolean => (status >= 500 && status !== 501) || status === 408;

function troubleIn(answer: ApiAnswer, asked: Asked, nowMs: number): Error {
  const { tool, api, effect } = asked;
  const { status } = answer;
  const said = wordsIn(answer);
  const message = `${tool}: the API "${api}" answered ${status}${said === '' ? '' : `: ${said}`}`;
  const wait = retryAfter(answer.headers, nowMs);
  const later = wait === undefined ? {} : { retryAfterMs: wait };
  // Both say that the request was not taken up; of an earlier one under the same key they say nothing.
  if (status === 429) return new Unsent({ code: 'api-rate-limited', message, retryable: true, ...later });
  if (status === 503) return new Unsent({ code: 'api-unavailable', message, retryable: true, ...later });
  if (isServerTrouble(answer)) {
    if (effect === 'read-only') return new Failure({ code: 'api-unavailable', message, retryable: true, ...later });
    return new Error(`${message}; it may have had its effect all the same`);
  }
  const problem = { code: 'api-rejected', message, retryable: false };
  // What was done by an earlier attempt is gone, there already or still under way for a second one.
  return [404, 409, 410, 412, 425].includes(status) && effect === 'idempotent' ? new Unsent(problem) : new Failure(problem);
}

/** What the API says about it, for people: the title and detail of a problem (RFC 9457), or the message that most others have. */
function wordsIn({ status, headers, bytes }: ApiAnswer): string {
  if (status < 400) return 'it leads elsewhere, and is not followed there; check baseUrl';
  const type = headers.get('content-type');
  const text = isJson(type ?? '') ? textOf(bytes, type) : undefined;
  const body = text === undefined ? undefined : parsed(text);
  if (typeof body !== 'object' || body === null || Array.isArray(body)) return '';
  const nested = body['error'];
  const within = typeof nested === 'object' && nested !== null && !Array.isArray(nested) ? nested : body;
  const titled = [within['title'], within['detail']]
    .filter((one) => typeof one === 'string')
    .filter(Boolean)
    .join(': ');
  const words = [titled, within['message'], within['error_description'], nested].find((one) => typeof one === 'string' && one !== '');
  if (typeof words !== 'string') return '';
  const plain = withoutSecrets(words)
    .replaceAll(/[a-z][a-z0-9+.-]{0,31}:\/\/\S+/gi, '…')
    .replaceAll(/\s+/g, ' ')
    .trim();
  return plain.length > SHOWN ? `${plain.slice(0, SHOWN - 1)}…` : plain;
}

/** In ms: a number of seconds, or a date. */
function retryAfter(headers: Headers, nowMs: number): number | undefined {
  const said = headers.get('retry-after')?.trim();
  if (said === undefined || said === '') return undefined;
  const ms = /^\d+$/.test(said) ? Number(said) * 1000 : Date.parse(said) - nowMs;
  return Number.isFinite(ms) ? Math.min(Math.max(0, Math.round(ms)), LONGEST_WAIT_MS) : undefined;
}

/** The innermost code: fetch hides what happened in the cause. */
function codeOf(error: unknown): string | undefined {
  for (let now = error; now instanceof Error; now = now.cause) {
    const { code } = now as { code?: unknown };
    if (typeof code === 'string') return code;
  }
  return undefined;
}
