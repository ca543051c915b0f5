/** The answers to failed requests. Errors that the caller did not cause are logged. */
import { randomUUID } from 'node:crypto';
import { LogUnavailable } from '@reel/bus/log.ts';
import { Misfit } from '@reel/bus/runtime/large-values.ts';
import type { Logger } from '@reel/bus/service.ts';
import type { Context } from 'hono';
import type { z } from 'zod';
import { notJson } from './body.ts';
import { fieldErrors } from './field-errors.ts';
import { HttpProblem, misfitProblem, problemResponse } from './problems.ts';

const TRY_AGAIN = 'Nothing was lost; retry';
/** The log may have stored what it did not acknowledge. */
const UNKNOWN = 'The outcome is unknown: the request may have been accepted. Retry with the same Idempotency-Key, and it happens once';

type Checked = { readonly success: boolean; readonly target: string; readonly error?: z.core.$ZodError; readonly data?: unknown };

const PLACES: { readonly [target: string]: string } = { param: 'path', header: 'header', query: 'query', cookie: 'cookie' };

/** The errors of a request, by field; undefined for a valid request. */
export function refuseInvalid(result: Checked, c: Context): Response | undefined {
  if (result.success) return undefined;
  const errors = fieldErrors(PLACES[result.target] ?? 'body', result.error?.issues ?? [], result.data);
  const detail = errors.map(({ path, message }) => `${path}: ${message}`).join('; ');
  return problemResponse(new HttpProblem(400, 'invalid-request', 'Invalid request', detail, errors), c.req.path);
}

/** The response to a request whose handler threw. */
export async function answerError(error: Error, c: Context, log: Logger): Promise<Response> {
  if (error instanceof HttpProblem) return problemResponse(error, c.req.path);
  if (error instanceof Misfit) return problemResponse(misfitProblem(error), c.req.path);
  if (c.req.raw.signal.aborted) {
    log.info({ path: c.req.path, error: error.message }, 'the caller has gone');
    return problemResponse(new HttpProblem(400, 'cut-off', 'The request was cut off', error.message), c.req.path);
  }
  if ((error as { status?: number }).status === 400) return problemResponse(notJson(await c.req.text()), c.req.path);
  const errorId = randomUUID();
  const away = error instanceof LogUnavailable;
  log.error({ errorId, path: c.req.path, error: error.stack ?? error.message }, 'a request failed');
  const problem = away
    ? new HttpProblem(503, 'log-unavailable', 'The log cannot be reached', c.req.method === 'GET' ? TRY_AGAIN : UNKNOWN, undefined, {
        'retry-after': '1',
      })
    : new HttpProblem(500, 'internal', 'Internal error', `The log of the gateway has the details under errorId ${errorId}`);
  return problemResponse(problem, c.req.path, errorId);
}
