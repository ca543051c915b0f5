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
const says = <Schema extends z.ZodType>(description: string, schema: Schema): { description: string; content: Content<Schema> } => ({
  description,
  content: json(schema),
});
const problem = (
  description: string,
): { description: string; content: { 'application/problem+json': { schema: typeof ProblemDetails } } } => ({
  description,
  content: { 'application/problem+json': { schema: ProblemDetails } },
});
const problems = { default: problem('What went wrong (RFC 9457)') };
const RunParam = z.object({ id: z.string().openapi({ param: { name: 'id', in: 'path' } }) });

/** What a submission may say in headers. */
const SubmitHeaders = z.object({
  'idempotency-key': z.string().min(1).max(255).optional(),
  prefer: z
    .string()
    .regex(/^wait=([0-9]|[12][0-9]|30)$/, 'Prefer is wait=N with N from 0 to 30 (seconds)')
    .optional(),
});
const EventsQuery = z.strictObject({ tokens: z.enum(['true', 'false']).optional() });
const EventsHeaders = z.object({
  'last-event-id': z
    .string()
    .regex(/^\d{0,15}$/, 'Last-Event-ID is the id of an event of this stream: digits')
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
      201: says('It was requested', Submitted),
      200: says('It is over; or, as it stands, the run that the Idempotency-Key had requested before', z.union([Run, Submitted])),
      202: says('It was waited for in vain', Submitted),
      429: problem('Too many runs wait: nothing was done, and Retry-After says in how many seconds to try again'),
      503: problem(
        'The log cannot be reached, so that it may have been requested or not; or nobody is there who could carry it out, and it was not. ' +
          'Retry-After says in how many seconds to try again, under the same Idempotency-Key',
      ),
      ...problems,
    },
  }),
  list: createRoute({
    method: 'get',
    path: '/v1/runs',
    request: { query: RunsQuery },
    responses: { 200: says('The runs, newest first', RunPage), ...problems },
  }),
  run: createRoute({
    method: 'get',
    path: '/v1/runs/{id}',
    request: { params: RunParam, query: z.strictObject({}) },
    responses: { 200: says('The run', Run), ...problems },
  }),
  events: createRoute({
    method: 'get',
    path: '/v1/runs/{id}/events',
    request: { params: RunParam, query: EventsQuery, headers: EventsHeaders },
    responses: {
      200: {
        description:
          'What was said; with Accept: text/event-stream as server-sent events that resume from Last-Event-ID. With tokens=true also `event: tokens`, without an id: a piece (Tokens) of what a step is making. Pieces are shown once and not kept; slow readers miss some.',
        content: { ...json(RunEvents), 'text/event-stream': { schema: z.string() } },
      },
      204: {
        description: 'As server-sent events: the run is over, and nothing was said after Last-Event-ID. There is no use in asking again',
      },
      ...problems,
    },
  }),
  cancel: createRoute({
    method: 'post',
    path: '/v1/runs/{id}/cancel',
    request: { params: RunParam, body: { content: json(CancelRequest), required: false } },
    responses: {
      202: says('It is being stopped', Cancelled),
      200: says('It was being cancelled, or had been', Cancelled),
      409: problem('It ends, or has ended, otherwise: the request does not count'),
      ...problems,
    },
  }),
  approvals: createRoute({
    method: 'get',
    path: '/v1/approvals',
    request: { query: z.strictObject({ run: z.string().optional() }) },
    responses: { 200: says('What waits for a person', ApprovalPage), ...problems },
  }),
  decide: createRoute({
    method: 'post',
    path: '/v1/approvals/{id}',
    request: { params: RunParam, body: { content: json(Decision), required: true } },
    responses: { 200: says('What came of it', Ruling), 202: says('Policy has not looked at it yet', Ruling), ...problems },
  }),
  tools: createRoute({ method: 'get', path: '/v1/tools', responses: { 200: says('The tools on offer', ToolList), ...problems } }),
  components: createRoute({
    method: 'get',
    path: '/v1/components',
    responses: { 200: says('The instances of services that are there, by name', ComponentList), ...problems },
  }),
  healthy: createRoute({
    method: 'get',
    path: '/healthz',
    responses: { 200: says('The process is alive', z.object({ status: z.string() })) },
  }),
  ready: createRoute({
    method: 'get',
    path: '/readyz',
    responses: { 200: says('The log can be read', z.object({ status: z.string() })), ...problems },
  }),
};
