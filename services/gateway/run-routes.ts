/** Runs: submitted, listed, read, followed and cancelled. */
import type { OpenAPIHono } from '@hono/zod-openapi';
import { isInvalid } from '@reel/bus/history.ts';
import { theRun } from '@reel/contracts/address.ts';
import { type Surroundings, traceOf } from './app-context.ts';
import { cancelRun } from './cancelling.ts';
import { eventOf, nothingLeft, streamHeaders, streamOf } from './events.ts';
import { cursorOf, newestFirst, placeIn } from './pages.ts';
import { HttpProblem, noRoom } from './problems.ts';
import { takesEvents } from './request-checks.ts';
import { routes } from './routes.ts';
import { linksOf, runState } from './run-state.ts';
import { summaryOf } from './runs.ts';
import { CancelRequest, type Run, type Submitted } from './shapes.ts';
import { isClaimed, submit } from './submit.ts';

/** Waits for the end of a run; the promise is false when it has not ended in time. */
function ended(
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

/** The shard of a run. @throws HttpProblem 404 */
async function find({ edge, runs }: Pick<Surroundings, 'edge' | 'runs'>, id: string): Promise<number> {
  const shard = runs.get(id)?.shard ?? (/^[A-Za-z0-9_-]{1,64}$/.test(id) ? await edge.find(id) : undefined);
  if (shard === undefined)
    throw new HttpProblem(404, 'no-such-run', 'There is no such run', `"${id}" was never requested, or has aged out`);
  return shard;
}

/** The state of a run. @throws HttpProblem 409 when its request cannot be read */
async function stateOf({ edge }: Pick<Surroundings, 'edge'>, shard: number, run: string): Promise<Run> {
  const history = await edge.history(shard, run);
  const state = runState(history);
  if (state !== undefined) return state;
  const request = history.occupant(theRun, 'request');
  const why = request !== undefined && isInvalid(request) ? request.invalid : 'there is no request';
  throw new HttpProblem(409, 'invalid-request-fact', 'The request of this run cannot be read', `run "${run}" will not start: ${why}`);
}

/** Submits a run, and waits for its end as long as the caller prefers. */
function addSubmit(app: OpenAPIHono, surroundings: Surroundings): void {
  const { edge, runs, admission, waiting } = surroundings;
  app.openapi(routes.submit, async (c) => {
    const { 'idempotency-key': key, prefer } = c.req.valid('header');
    const ails = await edge.ailment();
    if (ails !== undefined && (key === undefined || !(await isClaimed(edge, key)))) throw noRoom(ails.why);
    const leave = admission.enter();
    // A run accepted earlier is found under its key, even when too many wait.
    if (leave === undefined && (key === undefined || !(await isClaimed(edge, key)))) throw admission.full();
    const submitting = submit(edge, c.req.valid('json'), key, traceOf(c.req.header('traceparent')));
    const { run, shard, created } = await submitting.finally(leave);
    const waitMs = prefer === undefined ? 0 : Number(prefer.slice('wait='.length)) * 1000;
    // `wait` is a preference: when too many callers wait, the answer comes at once.
    const leaveWaiting = waitMs > 0 ? waiting.enter() : undefined;
    const applied = prefer !== undefined && (waitMs <= 0 || leaveWaiting !== undefined);
    const headers = { location: `/v1/runs/${run}`, ...(applied ? { 'preference-applied': prefer } : {}) };
    if (leaveWaiting !== undefined) {
      const end = ended(surroundings, run);
      end.within(waitMs);
      const over = await end.promise.finally(() => {
        end.stop();
        leaveWaiting();
      });
      if (over) return c.json(await stateOf(surroundings, shard, run), 200, headers);
    }
    const listed = runs.get(run);
    const body: Submitted = { id: run, status: listed === undefined ? 'requested' : summaryOf(listed).status, links: linksOf(run) };
    if (waitMs > 0) return c.json(body, 202, headers);
    return created ? c.json(body, 201, headers) : c.json(body, 200, headers);
  });
}

/** Reading runs: the newest, and one by its id. */
function addReading(app: OpenAPIHono, surroundings: Surroundings): void {
  const { runs } = surroundings;
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
  app.openapi(routes.run, async (c) =>
    c.json(await stateOf(surroundings, await find(surroundings, c.req.param('id')), c.req.param('id')), 200),
  );
}

/** The facts of a run, as JSON or as a stream. */
function addEvents(app: OpenAPIHono, surroundings: Surroundings): void {
  const { edge, streams, closing } = surroundings;
  app.openapi(routes.events, async (c) => {
    const run = c.req.param('id');
    const shard = await find(surroundings, run);
    if (takesEvents(c.req.header('accept'))) {
      const lastSeq = Number(c.req.valid('header')['last-event-id'] ?? 0);
      // A browser reconnects until it gets a 204.
      if (nothingLeft(await edge.history(shard, run), lastSeq)) return c.body(null, 204);
      if (c.req.method === 'HEAD') return c.body(null, 200, streamHeaders);
      const leave = streams.enter();
      if (leave === undefined) throw streams.full();
      return streamOf(edge, { shard, run, lastSeq, leave, tokens: c.req.valid('query').tokens === 'true', closing });
    }
    return c.json({ events: (await edge.history(shard, run)).entries().map(eventOf) }, 200);
  });
}

function addCancel(app: OpenAPIHono, surroundings: Surroundings): void {
  const { edge } = surroundings;
  app.openapi(routes.cancel, async (c) => {
    const run = c.req.param('id');
    const shard = await find(surroundings, run);
    await stateOf(surroundings, shard, run);
    const asked = CancelRequest.parse(c.req.valid('json') ?? {});
    const answer = await cancelRun(edge, shard, run, { ...asked, traceparent: traceOf(c.req.header('traceparent')) });
    const { status } = await stateOf(surroundings, shard, run);
    const body = { id: run, status, ...answer, links: linksOf(run) };
    return answer.changed ? c.json(body, 202) : c.json(body, 200);
  });
}

export function addRunRoutes(app: OpenAPIHono, surroundings: Surroundings): void {
  addSubmit(app, surroundings);
  addReading(app, surroundings);
  addEvents(app, surroundings);
  addCancel(app, surroundings);
}
