/** The operations of the HTTP API: what each takes and gives. The OpenAPI document is made from them. */
import { createRoute, z } from '@hono/zod-openapi';
import {
  ApprovalPage,
  Cancelled,
  CancelRequest,
  ComponentList,
  Decision,
  ProblemDetails,
  Ruling,
  Run,
  RunEvents,
  RunPage,
  RunRequest,
  RunStatus,
  Submitted,
  ToolList,
} from './shapes.ts';

type Content<Schema> = { 'application/json': { schema: Schema } };
const json = <Schema extends z.ZodType>(schema: Schema): Content<Schema> => ({ 'application/json': { schema } });
const answer = <Schema extends z.ZodType>(description: string, schema: Schema): { description: string; content: Content<Schema> } => ({
  description,
  content: json(schema),
});
const problem = (
  description: string,
): { description: string; content: { 'application/problem+json': { schema: typeof ProblemDetails } } } => ({
  description,
  content: { 'application/problem+json': { schema: ProblemDetails } },
});
const problems = { default: problem('The error, as problem details (RFC 9457)') };
const RunParam = z.object({ id: z.string().openapi({ param: { name: 'id', in: 'path' } }) });

/** The headers of a submission. */
const SubmitHeaders = z.object({
  'idempotency-key': z.string().min(1).max(255).optional(),
  prefer: z
    .string()
    .regex(/^wait=([0-9]|[12][0-9]|30)$/, 'Prefer has to be wait=N, with N from 0 to 30 (seconds)')
    .optional(),
});
const EventsQuery = z.strictObject({ tokens: z.enum(['true', 'false']).optional() });
const EventsHeaders = z.object({
  'last-event-id': z
    .string()
    .regex(/^\d{0,15}$/, 'Last-Event-ID has to be the id of an event of this stream: digits')
    .optional(),
});
const RunsQuery = z.strictObject({
  status: RunStatus.optional(),
  workflow: z.string().optional(),
  limit: z.coerce.number().int().min(1).max(500).default(50),
  cursor: z.string().optional(),
});

/** Every operation, by name. */
export const routes = {
  submit: createRoute({
    method: 'post',
    path: '/v1/runs',
    request: { headers: SubmitHeaders, body: { content: json(RunRequest), required: true } },
    responses: {
      201: answer('Accepted', Submitted),
      200: answer(
        'The run has ended within `wait`; or the run that was requested earlier under the same Idempotency-Key, in its current state',
        z.union([Run, Submitted]),
      ),
      202: answer('Accepted; not finished within `wait`', Submitted),
      429: problem('Too many runs are waiting. Nothing was done. Retry after the seconds in Retry-After'),
      503: problem(
        'The log cannot be reached, and the outcome is unknown; or a service that the run needs is unavailable, and nothing was done. ' +
          'Retry with the same Idempotency-Key after the seconds in Retry-After',
      ),
      ...problems,
    },
  }),
  list: createRoute({
    method: 'get',
    path: '/v1/runs',
    request: { query: RunsQuery },
    responses: { 200: answer('The runs, newest first', RunPage), ...problems },
  }),
  run: createRoute({
    method: 'get',
    path: '/v1/runs/{id}',
    request: { params: RunParam, query: z.strictObject({}) },
    responses: { 200: answer('The run', Run), ...problems },
  }),
  events: createRoute({
    method: 'get',
    path: '/v1/runs/{id}/events',
    request: { params: RunParam, query: EventsQuery, headers: EventsHeaders },
    responses: {
      200: {
        description:
          'The facts of the run. With Accept: text/event-stream they are server-sent events, which resume after Last-Event-ID. With tokens=true the stream also carries `event: tokens`, without an id: a piece (Tokens) of the output of a running step. Pieces are sent once and not stored; slow readers miss some.',
        content: { ...json(RunEvents), 'text/event-stream': { schema: z.string() } },
      },
      204: {
        description: 'Server-sent events only: the run has ended, and no facts follow Last-Event-ID. Do not reconnect',
      },
      ...problems,
    },
  }),
  cancel: createRoute({
    method: 'post',
    path: '/v1/runs/{id}/cancel',
    request: { params: RunParam, body: { content: json(CancelRequest), required: false } },
    responses: {
      202: answer('Accepted; the run is being cancelled', Cancelled),
      200: answer('The run is already being cancelled, or was cancelled; nothing changes', Cancelled),
      409: problem('The run is ending, or has ended, in another way; the request has no effect'),
      ...problems,
    },
  }),
  approvals: createRoute({
    method: 'get',
    path: '/v1/approvals',
    request: { query: z.strictObject({ run: z.string().optional() }) },
    responses: { 200: answer('The open approvals', ApprovalPage), ...problems },
  }),
  decide: createRoute({
    method: 'post',
    path: '/v1/approvals/{id}',
    request: { params: RunParam, body: { content: json(Decision), required: true } },
    responses: {
      200: answer('The ruling', Ruling),
      202: answer('The vote is stored; policy has not ruled on it yet', Ruling),
      ...problems,
    },
  }),
  tools: createRoute({ method: 'get', path: '/v1/tools', responses: { 200: answer('The available tools', ToolList), ...problems } }),
  components: createRoute({
    method: 'get',
    path: '/v1/components',
    responses: { 200: answer('The running instances of services, by name', ComponentList), ...problems },
  }),
  healthy: createRoute({
    method: 'get',
    path: '/healthz',
    responses: { 200: answer('The process is alive', z.object({ status: z.string() })) },
  }),
  ready: createRoute({
    method: 'get',
    path: '/readyz',
    responses: { 200: answer('The log can be read', z.object({ status: z.string() })), ...problems },
  }),
};
