/** Errors as RFC 9457 problem details, made in one place. */
import type { Misfit } from '@reel/bus/runtime/large-values.ts';
import type { ContentfulStatusCode } from 'hono/utils/http-status';
import type { ProblemDetails } from './shapes.ts';

type Errors = ProblemDetails['errors'];

/** Thrown by a handler; becomes the response. `code` is the last part of the problem's type. */
export class HttpProblem extends Error {
  readonly status: ContentfulStatusCode;
  readonly code: string;
  readonly title: string;
  readonly errors: Errors;
  readonly headers: { readonly [name: string]: string };
  constructor(status: ContentfulStatusCode, code: string, title: string, detail: string, errors?: Errors, headers = {}) {
    super(detail);
    this.status = status;
    this.code = code;
    this.title = title;
    this.errors = errors;
    this.headers = headers;
  }
}

/** What the log cannot take. Its parts are the caller's, or what was taken along from outside. */
export const misfitProblem = ({ field, message }: Misfit): HttpProblem =>
  new HttpProblem(413, 'too-large', 'It is too large for the log', message, [
    { path: field === undefined ? 'body' : `body.${field}`, message },
  ]);

const RETRY_AFTER_S = 5;

/** Whoever would carry it out is away, so that nobody can tell whether it can be: it is worth asking again. */
export const nobodyThere = (detail: string, errors?: Errors): HttpProblem =>
  new HttpProblem(503, 'no-performer', 'Nobody is there to carry it out', detail, errors, { 'retry-after': String(RETRY_AFTER_S) });

/** The broker runs out of room: what is under way may still fit, and more is not taken up. */
export const noRoom = (why: string): HttpProblem =>
  new HttpProblem(
    503,
    'log-unavailable',
    'There is no room for another run',
    `${why}: nothing was done. Ask again, with the same Idempotency-Key, when there is room`,
    undefined,
    { 'retry-after': String(RETRY_AFTER_S) },
  );

/** The response that a problem is. */
export function problemResponse(
  { status, code, title, message, errors, headers }: HttpProblem,
  instance: string,
  errorId?: string,
): Response {
  const body = {
    type: `/problems/${code}`,
    title,
    status,
    detail: message,
    instance,
    ...(errors === undefined ? {} : { errors }),
    ...(errorId === undefined ? {} : { errorId }),
  };
  return new Response(JSON.stringify(body), { status, headers: { 'content-type': 'application/problem+json', ...headers } });
}
