/** The HTTP API: how each of its routes is answered. What they take and give is in routes.ts and shapes.ts. */

import { randomBytes, randomUUID } from 'node:crypto';
import { OpenAPIHono } from '@hono/zod-openapi';
import { Misfit } from '@reel/bus/blob.ts';
import type { Door } from '@reel/bus/door.ts';
import { isVoid } from '@reel/bus/history.ts';
import { LogUnavailable } from '@reel/bus/log.ts';
import type { Logger } from '@reel/bus/service.ts';
import { theRun } from '@reel/contracts/address.ts';
import { exactText } from '@reel/contracts/exact-json.ts';
import { bodyLimit } from 'hono/body-limit';
import type { Admission, Followers } from './admission.ts';
import { approvalsOf, decide } from './approvals.ts';
import { BODY_BYTES, checkDepth, checkWidth, notJson, textIn, tooLarge } from './body.ts';
import { cancelRun } from './cancelling.ts';
import { checkAsked, checkBodyHeaders, takesEvents } from './edge.ts';
import { eventOf, nothingLeft, streamHeaders, streamOf } from './events.ts';
import { fieldErrors } from './field-errors.ts';
import { cursorOf, newestFirst, placeIn } from './pages.ts';
import { HttpProblem, misfitProblem, noRoom, problemResponse } from './problems.ts';
import { refusedTools } from './refused-tools.ts';
import { routes } from './routes.ts';
import { linksOf, runState } from './run-state.ts';
import { type Runs, summaryOf } from './runs.ts';
import { CancelRequest, type Run, type Submitted } from './shapes.ts';
import { isClaimed, submit } from './submit.ts';

type Surroundings = {
  readonly door: Door;
  readonly runs: Runs;
  readonly admission: Admission;
  /** Who follows a run by its events, and who waits for the end of one. */
  readonly streams: Followers;
  readonly waiting: Followers;
  readonly log: Logger;
  /** By which it may be called, besides those of this machine: a page elsewhere cannot make a browser reach it under a name of its own. */
  readonly names: readonly string[];
  readonly closing: AbortSignal;
};

/** The trace that a request belongs to: its own, or a new one (W3C Trace Context). */
function traceOf(header: string | undefined): string {
  if (header !== undefined && /^00-[0-9a-f]{32}-[0-9a-f]{16}-[0-9a-f]{2}$/.test(header)) return header;
  return `00-${randomBytes(16).toString('hex')}-${randomBytes(8).toString('hex')}-01`;
}

/** Waits for the end of a run. @returns false when it is not over in time. */
export function ended(
  { runs, closing }: Pick<Surroundings, 'runs' | 'closing'>,
  run: string,
): { promise: Promise<boolean>; within(ms: number): void; stop(): void } {
  const { promise, resolve } = Promise.withResolvers<boolean>();
  let timer: NodeJS.Timeout | undefined;
  const give = (): void => resolve(false);
  const unfollow = runs.onEnd(run, () => resolve(true));
  closing.addEventListener('abort', give, { once: true });
  return {
    promise,
    within: (ms) => {
      if (runs.get(run)?.over !== undefined) resolve(true);
      timer = setTimeout(give, closing.aborted ? 0 : ms);
    },
    stop: () => {
      unfollow();
      clearTimeout(timer);
      closing.removeEventListener('abort', give);
    },
  };
}

const TRY_AGAIN = 'Nothing was lost; try again';
/** The log may have stored what it did not acknowledge. */
const UNKNOWN = 'Nobody can tell yet whether this was accepted: ask again, with the same Idempotency-Key, and it happens once';

/** The methods that are served at each path, as far as routes have been added. */
function methodsOf({ routes }: OpenAPIHono): (path: string) => readonly string[] {
  const patterns = new Map<string, { pattern: RegExp; methods: Set<string> }>();
  for (const { path, method } of routes) {
    if (method === 'ALL') continue;
    const pattern = new RegExp(`^${path.replace(/:[^/]+/g, '[^/]+')}$`);
    const { methods } = patterns.get(path) ?? patterns.set(path, { pattern, methods: new Set() }).get(path)!;
    for (const one of method === 'GET' ? ['GET', 'HEAD'] : [method]) methods.add(one);
  }
  const served = [...patterns.values()].map(({ pattern, methods }) => ({ pattern, methods: [...methods, 'OPTIONS'] }));
  return (path) => served.find(({ pattern }) => pattern.test(path))?.methods ?? [];
}

export function appOf(surroundings: Surroundings): OpenAPIHono {
  const { door, runs, admission, streams, waiting, log, names, closing } = surroundings;
  const app = new OpenAPIHono({
    defaultHook: (result, c) => {
      if (result.success) return undefined;
      const where =
        { json: 'body', form: 'body', param: 'path', header: 'header', query: 'query', cookie: 'cookie' }[result.target as string] ??
        'body';
      const errors = fieldErrors(where, result.error.issues, (result as { data?: unknown }).data);
      return problemResponse(
        new HttpProblem(
          400,
          'invalid-request',
          'The request is not as it has to be',
          errors.map(({ path, message }) => `${path}: ${message}`).join('; '),
          errors,
        ),
        c.req.path,
      );
    },
  });
  // Whoever keeps a connection in use would keep a gateway that is stopping; on the next one they reach another.
  app.use(async (c, next) => {
    await next();
    if (closing.aborted) c.header('connection', 'close');
  });
  app.onError(async (error, c) => {
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
      : new HttpProblem(500, 'internal', 'Something went wrong here', `The log of the gateway has more under ${errorId}`);
    return problemResponse(problem, c.req.path, errorId);
  });
  let served: ReturnType<typeof methodsOf> | undefined;
  app.use(async (c, next) => {
    const { method, path } = c.req;
    const asked = { method, path, header: (name: string) => c.req.header(name) };
    checkAsked(asked, names);
    served ??= methodsOf(app);
    const allowed = served(path);
    if (allowed.length === 0) throw new HttpProblem(404, 'not-found', 'There is nothing here', `${path}: see /openapi.json`);
    const allow = { allow: allowed.join(', ') };
    if (method === 'OPTIONS') return c.body(null, 204, allow);
    if (!allowed.includes(method))
      throw new HttpProblem(
        405,
        'method-not-allowed',
        'Not with this method',
        `${method} ${path}: it takes ${allow.allow}`,
        undefined,
        allow,
      );
    if (method === 'POST') checkBodyHeaders(asked);
    return await next();
  });
  const limited = bodyLimit({ maxSize: BODY_BYTES, onError: (c) => problemResponse(tooLarge(), c.req.path) });
  const legible: typeof limited = async (c, next) => {
    const text = textIn(await c.req.arrayBuffer());
    checkDepth(text);
    checkWidth(text);
    const exact = exactText(text);
    if (exact !== text) c.req.bodyCache = { text: Promise.resolve(exact) as never };
    await next();
  };
  // Who sends in pieces does not say beforehand how much it will be.
  for (const look of [limited, legible]) app.use((c, next) => (c.req.method === 'POST' ? look(c, next) : next()));

  const find = async (id: string): Promise<number> => {
    const shard = runs.get(id)?.shard ?? (/^[A-Za-z0-9_-]{1,64}$/.test(id) ? await door.find(id) : undefined);
    if (shard === undefined)
      throw new HttpProblem(404, 'no-such-run', 'There is no such run', `"${id}" was never requested, or has aged out`);
    return shard;
  };
  const stateOf = async (shard: number, run: string): Promise<Run> => {
    const history = await door.look(shard, run);
    const state = runState(history);
    if (state !== undefined) return state;
    const request = history.occupant(theRun, 'request');
    const why = request !== undefined && isVoid(request) ? request.void : 'there is no request';
    throw new HttpProblem(409, 'void-request', 'The request of this run cannot be read', `nothing will be done about "${run}": ${why}`);
  };

  app.openapi(routes.submit, async (c) => {
    const { 'idempotency-key': key, prefer } = c.req.valid('header');
    const ails = await door.ailment();
    if (ails !== undefined && (key === undefined || !(await isClaimed(door, key)))) throw noRoom(ails.why);
    const leave = admission.enter();
    // What was accepted once is found again under its key, however many wait.
    if (leave === undefined && (key === undefined || !(await isClaimed(door, key)))) throw admission.full();
    const submitting = submit(door, c.req.valid('json') as never, key, traceOf(c.req.header('traceparent')));
    const { run, shard, created } = await submitting.finally(leave);
    const waitMs = prefer === undefined ? 0 : Number(prefer.slice('wait='.length)) * 1000;
    // It is a preference: where too many wait, the answer is that the run is under way.
    const goHome = waitMs > 0 ? waiting.enter() : undefined;
    const applied = prefer !== undefined && (waitMs <= 0 || goHome !== undefined);
    const headers = { location: `/v1/runs/${run}`, ...(applied ? { 'preference-applied': prefer } : {}) };
    if (goHome !== undefined) {
      const end = ended(surroundings, run);
      end.within(waitMs);
      const over = await end.promise.finally(() => {
        end.stop();
        goHome();
      });
      if (over) return c.json(await stateOf(shard, run), 200, headers);
    }
    const listed = runs.get(run);
    const body: Submitted = { id: run, status: listed === undefined ? 'requested' : summaryOf(listed).status, links: linksOf(run) };
    return c.json(body, (waitMs > 0 ? 202 : created ? 201 : 200) as 201, headers) as never;
  });
  app.openapi(routes.list, (c) => {
    const { status, workflow, limit, cursor } = c.req.valid('query');
    const after = cursor === undefined ? undefined : placeIn(cursor);
    const fitting = runs
      .newest()
      .filter((run) => (workflow === undefined || run.workflow === workflow) && (status === undefined || summaryOf(run).status === status))
      .filter((run) => after === undefined || newestFirst(after, run) < 0);
    const page = fitting.slice(0, limit);
    const next = fitting.length > limit ? cursorOf(page.at(-1) as (typeof page)[number]) : undefined;
    return c.json({ runs: page.map(summaryOf), ...(next === undefined ? {} : { next }) }, 200);
  });
  app.openapi(routes.run, async (c) => c.json(await stateOf(await find(c.req.param('id')), c.req.param('id')), 200) as never);
  app.openapi(routes.events, async (c) => {
    const run = c.req.param('id');
    const shard = await find(run);
    if (takesEvents(c.req.header('accept'))) {
      const lastSeq = Number(c.req.valid('header')['last-event-id'] ?? 0);
      // A browser comes again until it is told that there is no more.
      if (nothingLeft(await door.look(shard, run), lastSeq)) return c.body(null, 204) as never;
      if (c.req.method === 'HEAD') return c.body(null, 200, streamHeaders) as never;
      const leave = streams.enter();
      if (leave === undefined) throw streams.full();
      return streamOf(door, { shard, run, lastSeq, leave, tokens: c.req.valid('query').tokens === 'true', closing });
    }
    return c.json({ events: (await door.look(shard, run)).entries().map(eventOf) }, 200) as never;
  });
  app.openapi(routes.cancel, async (c) => {
    const run = c.req.param('id');
    const shard = await find(run);
    await stateOf(shard, run);
    const asked = CancelRequest.parse(c.req.valid('json') ?? {});
    const answer = await cancelRun(door, shard, run, { ...asked, traceparent: traceOf(c.req.header('traceparent')) });
    const { status } = await stateOf(shard, run);
    return c.json({ id: run, status, ...answer, links: linksOf(run) }, (answer.changed ? 202 : 200) as 202) as never;
  });
  app.openapi(routes.approvals, async (c) => c.json({ approvals: await approvalsOf(door, runs, c.req.valid('query').run) }, 200) as never);
  app.openapi(routes.decide, async (c) => {
    const ruling = await decide(door, c.req.param('id'), c.req.valid('json') as never, traceOf(c.req.header('traceparent')));
    return c.json(ruling, (ruling.ruling === 'pending' ? 202 : 200) as 200) as never;
  });
  app.openapi(routes.tools, async (c) => {
    const tools = [...(await door.tools()).values()].sort((a, b) => (a.name < b.name ? -1 : 1));
    return c.json({ tools, refused: refusedTools(door.components()) }, 200) as never;
  });
  app.openapi(routes.components, async (c) => {
    await door.ready();
    return c.json({ components: [...door.components()] }, 200) as never;
  });
  app.openapi(routes.healthy, (c) => c.json({ status: 'alive' }, 200));
  app.openapi(routes.ready, async (c) => {
    const ails = await door.ailment();
    if (ails?.stores === false) throw new HttpProblem(503, 'not-ready', 'The log takes nothing more', ails.why);
    await door.ready().catch((error: Error) => {
      throw new HttpProblem(503, 'not-ready', 'The log cannot be read', error.message);
    });
    return c.json({ status: 'ready' }, 200) as never;
  });
  // Until there is a page.
  app.get('/', (c) =>
    c.text(
      [
        'This is Reel: governed, durable, observable runs of model calls, tool calls and human decisions.',
        '',
        'GET  /openapi.json   what can be asked, as an OpenAPI document',
        'GET  /v1/runs        the runs; POST one to begin it',
        'GET  /v1/approvals   what waits for a person',
        'GET  /v1/tools       the tools on offer',
        'GET  /healthz, /readyz',
        '',
        'On a command line: npx reel --help',
        '',
      ].join('\n'),
    ),
  );
  app.doc31('/openapi.json', {
    openapi: '3.1.0',
    info: { title: 'Reel', version: '1', description: 'Governed, durable, observable runs.' },
  });
  return app;
}
