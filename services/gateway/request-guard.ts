/** Checks every request before its operation: the path, the method, and the body. */
import type { OpenAPIHono } from '@hono/zod-openapi';
import { exactText } from '@reel/contracts/exact-json.ts';
import { bodyLimit } from 'hono/body-limit';
import { BODY_BYTES, checkDepth, checkWidth, textIn, tooLarge } from './body.ts';
import { HttpProblem, problemResponse } from './problems.ts';
import { checkAsked, checkBodyHeaders } from './request-checks.ts';

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

/** Installs the checks. @param names the host names of the gateway. */
export function guard(app: OpenAPIHono, names: readonly string[]): void {
  let served: ReturnType<typeof methodsOf> | undefined;
  app.use(async (c, next) => {
    const { method, path } = c.req;
    const asked = { method, path, header: (name: string) => c.req.header(name) };
    checkAsked(asked, names);
    served ??= methodsOf(app);
    const allowed = served(path);
    if (allowed.length === 0) throw new HttpProblem(404, 'not-found', 'Not found', `there is no path ${path}: see /openapi.json`);
    const allow = { allow: allowed.join(', ') };
    if (method === 'OPTIONS') return c.body(null, 204, allow);
    if (!allowed.includes(method))
      throw new HttpProblem(
        405,
        'method-not-allowed',
        'Method not allowed',
        `${method} ${path} is not supported: use ${allow.allow}`,
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
  // A chunked body has no Content-Length, so its size is checked while it is read.
  for (const look of [limited, legible]) app.use((c, next) => (c.req.method === 'POST' ? look(c, next) : next()));
}
