/** The HTTP API: the handlers of its routes. routes.ts and shapes.ts describe requests and responses. */
import { OpenAPIHono } from '@hono/zod-openapi';
import { type Surroundings, traceOf } from './app-context.ts';
import { approvalsOf, decide } from './approvals.ts';
import { answerError, refuseInvalid } from './error-answers.ts';
import { HttpProblem } from './problems.ts';
import { refusedTools } from './refused-tools.ts';
import { guard } from './request-guard.ts';
import { routes } from './routes.ts';
import { addRunRoutes } from './run-routes.ts';

export function appOf(surroundings: Surroundings): OpenAPIHono {
  const { log, names, closing } = surroundings;
  const app = new OpenAPIHono({ defaultHook: (result, c) => refuseInvalid(result, c) });
  // A connection that stays in use would delay the stop of a gateway; the caller's next connection reaches another gateway.
  app.use(async (c, next) => {
    await next();
    if (closing.aborted) c.header('connection', 'close');
  });
  app.onError((error, c) => answerError(error, c, log));
  guard(app, names);
  addRunRoutes(app, surroundings);
  addApprovals(app, surroundings);
  addComponents(app, surroundings);
  addEntrance(app);
  return app;
}

function addApprovals(app: OpenAPIHono, { edge, runs }: Surroundings): void {
  app.openapi(routes.approvals, async (c) => c.json({ approvals: await approvalsOf(edge, runs, c.req.valid('query').run) }, 200));
  app.openapi(routes.decide, async (c) => {
    const ruling = await decide(edge, c.req.param('id'), c.req.valid('json'), traceOf(c.req.header('traceparent')));
    return c.json(ruling, ruling.ruling === 'pending' ? 202 : 200);
  });
}

/** Tools, services, and health. */
function addComponents(app: OpenAPIHono, { edge }: Surroundings): void {
  app.openapi(routes.tools, async (c) => {
    const tools = [...(await edge.tools()).values()].sort((a, b) => (a.name < b.name ? -1 : 1));
    return c.json({ tools, refused: refusedTools(edge.components()) }, 200);
  });
  app.openapi(routes.components, async (c) => {
    await edge.ready();
    return c.json({ components: [...edge.components()] }, 200);
  });
  app.openapi(routes.healthy, (c) => c.json({ status: 'alive' }, 200));
  app.openapi(routes.ready, async (c) => {
    const ails = await edge.ailment();
    if (ails?.stores === false) throw new HttpProblem(503, 'not-ready', 'The log accepts no more facts', ails.why);
    await edge.ready().catch((error: Error) => {
      throw new HttpProblem(503, 'not-ready', 'The log cannot be read', error.message);
    });
    return c.json({ status: 'ready' }, 200);
  });
}

/** The start page and the OpenAPI document. */
function addEntrance(app: OpenAPIHono): void {
  // Until there is a page.
  app.get('/', (c) =>
    c.text(
      [
        'This is Reel: governed, durable, observable runs of model calls, tool calls and human decisions.',
        '',
        'GET  /openapi.json   the OpenAPI document',
        'GET  /v1/runs        the runs; POST to start one',
        'GET  /v1/approvals   the open approvals',
        'GET  /v1/tools       the available tools',
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
}
