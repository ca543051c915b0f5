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

/** The answer to a request that does not fit into the log. Its fields come from the caller, or were copied from tools and models. */
export const misfitProblem = ({ field, message }: Misfit): HttpProblem =>
  new HttpProblem(413, 'too-large', 'The request is too large for the log', message, [
    { path: field === undefined ? 'body' : `body.${field}`, message },
  ]);

const RETRY_AFTER_S = 5;

/** A service that the run needs is unavailable, so the request cannot be checked; a retry may succeed. */
export const serviceUnavailable = (detail: string, errors?: Errors): HttpProblem =>
  new HttpProblem(503, 'no-performer', 'A service that the run needs is unavailable', detail, errors, {
    'retry-after': String(RETRY_AFTER_S),
  });

/** The broker is short of storage: the rest is reserved for runs under way, and new runs are refused. */
export const noRoom = (why: string): HttpProblem =>
  new HttpProblem(
    503,
    'log-unavailable',
    'There is no room for a new run',
    `${why}: nothing was done. Retry with the same Idempotency-Key when there is room`,
    undefined,
    { 'retry-after': String(RETRY_AFTER_S) },
  );

/** A problem as a response. */
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
