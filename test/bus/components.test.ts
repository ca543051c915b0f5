/** Who is there and what they offer, as the gateway knows it: what vanishes is no longer offered, and what comes back is. */
import assert from 'node:assert/strict';
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, it } from 'node:test';
import type { Edge } from '@reel/bus/edge.ts';
import { type Serving, serve } from '@reel/bus/jetstream/serve.ts';
import { roleOf } from '@reel/bus/runtime/role.ts';
import { type AnyService, defineEdge, definePerformer, type Offers } from '@reel/bus/service.ts';
import gateway from '@reel/gateway/gateway.ts';
import type { ComponentList, ProblemDetails, ToolList } from '@reel/gateway/shapes.ts';
import { installationIn, remember } from '@reel/scripts/local/installation.ts';
import { type Local, startLocal } from '@reel/scripts/local/local.ts';
import { NO_MODEL } from '@reel/scripts/local/no-model.ts';
import { load } from '@reel/services/main.ts';
import pino from 'pino';

/** Whoever is silent for a second is gone. */
const aliveMs = 200;
const log = pino({ level: 'silent' });
const opened = Promise.withResolvers<Edge>();
/** The gateway, and the edge that it was given. */
const watched = defineEdge({
  ...gateway,
  open: (edge, surroundings) => {
    opened.resolve(edge);
    return gateway.open(edge, surroundings);
  },
});
let offer: (offers: Offers) => void;
const parrot = definePerformer({
  name: 'parrot',
  kind: 'parrot',
  deps: async (surroundings) => {
    offer = surroundings.offer;
    return { deps: {} };
  },
  perform: async ({ arguments: { text } }) => text ?? null,
}) as object as AnyService;
const echo = { name: 'echo', steps: [{ id: 'e', uses: 'echo', with: { value: 1 } }] };

let dir: string;
let local: Local;
let edge: Edge;
let api: string;
let served: Serving;
let env: NodeJS.ProcessEnv;
before(async () => {
  dir = await mkdtemp(join(tmpdir(), 'reel-components-'));
  await writeFile(join(dir, 'tools.json'), JSON.stringify({ modules: [join(import.meta.dirname, '../fixtures/tools.ts')] }));
  await remember(installationIn(join(dir, 'reel')), [roleOf(parrot)]);
  local = await startLocal({ dir: join(dir, 'reel'), services: [], env: {} });
  env = { ...local.env, ...NO_MODEL, REEL_PORT: '0', REEL_TOOLS: join(dir, 'tools.json') };
  served = await here(watched, await load('policy'));
  edge = await opened.promise;
  api = served.urls.get('gateway') as string;
});
after(async () => {
  await served.stop();
  await local.stop();
  await rm(dir, { recursive: true, force: true });
});

const here = (...services: Parameters<typeof serve>[0]): Promise<Serving> =>
  serve(services, {
    broker: { servers: local.nats, credentials: local.env['REEL_CREDENTIALS'] as string },
    env,
    log,
    aliveMs,
  });

/** A tool-executor in a process of its own. Resolves when it serves. */
async function executor(): Promise<ChildProcess> {
  const script = `import { serve } from '@reel/bus/jetstream/serve.ts';
    import { load } from '@reel/services/main.ts';
    await serve([await load('tool-executor')], { broker: ${JSON.stringify({ servers: local.nats, credentials: local.env['REEL_CREDENTIALS'] })}, aliveMs: ${aliveMs} });`;
  const child = spawn(process.execPath, ['--input-type=module', '-e', script], {
    cwd: import.meta.dirname,
    env: { ...env, REEL_LOG: 'info' },
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  for await (const text of child.stdout) if (String(text).includes('"msg":"serving"')) return child;
  throw new Error('it ended before it served');
}

/** Resolves as soon as what the edge knows fits. */
function until(fits: () => boolean | Promise<boolean>): Promise<void> {
  const { promise, resolve, reject } = Promise.withResolvers<void>();
  const look = (): void => void Promise.resolve(fits()).then((fit) => fit && resolve(), reject);
  const stop = edge.followComponents(look);
  look();
  return promise.finally(stop);
}
const there = (name: string): boolean => edge.components().some((one) => one.name === name);
const get = async <T>(path: string): Promise<T> => (await (await fetch(`${api}${path}`)).json()) as T;
const submit = async (): Promise<{ status: number; body: Pick<ProblemDetails, 'errors'> }> => {
  const body = JSON.stringify({ workflow: echo, input: {} });
  const response = await fetch(`${api}/v1/runs`, { method: 'POST', headers: { 'content-type': 'application/json' }, body });
  return { status: response.status, body: (await response.json()) as Pick<ProblemDetails, 'errors'> };
};

it('every instance is listed with what it hears, says and performs', async () => {
  await until(() => there('policy') && there('gateway'));
  const { components } = await get<ComponentList>('/v1/components');
  assert.deepEqual(
    components.map(({ name, shape }) => [name, shape]),
    [
      ['gateway', 'edge'],
      ['policy', 'service'],
    ],
  );
  const [first, second] = components as [ComponentList['components'][number], ComponentList['components'][number]];
  assert.ok(first.publishes.includes('run.request.requested') && first.subscribes.length === 0);
  assert.ok(second.subscribes.includes('step.request.requested') && second.publishes.includes('step.verdict.approved'));
  assert.deepEqual([second.pid, second.version, second.offers], [process.pid, '0.1.0', {}]);
  const document = await get<{ paths: object; components: { schemas: object } }>('/openapi.json');
  assert.ok('/v1/components' in document.paths && 'Component' in document.components.schemas);
});

it('several instances of a service are listed each, and one that was stopped at once no longer', async () => {
  const [one, other] = [await here(parrot), await here(parrot)];
  await until(() => edge.components().filter(({ name, kind }) => name === 'parrot' && kind === 'parrot').length === 2);
  assert.ok(edge.kinds().has('parrot'));
  await one.stop();
  await until(() => edge.components().filter(({ name }) => name === 'parrot').length === 1);
  assert.ok(edge.kinds().has('parrot'));
  await other.stop();
  await until(() => !there('parrot'));
  // Whoever has said goodbye is expected back for a while: only then is the kind nobody's.
  await until(() => !edge.kinds().has('parrot'));
});

it('what a performer offers is told when it changes, and counts for its kind alone', async () => {
  const serving = await here(parrot);
  await until(() => there('parrot'));
  offer({ models: [{ name: 'polly', capabilities: ['plan'], price: 'low' }], tools: ['echo'] });
  await until(() => edge.components().some(({ offers }) => offers.models?.[0]?.name === 'polly'));
  assert.deepEqual(edge.models(), []);
  assert.deepEqual([...(await edge.tools()).keys()], []);
  await serving.stop();
});

it('the tools of an executor that is killed are no longer offered, and are again when it is back', { timeout: 60_000 }, async () => {
  assert.equal((await submit()).status, 503);
  const first = await executor();
  await until(async () => (await edge.tools()).has('echo'));
  assert.equal((await submit()).status, 201);
  first.kill('SIGKILL');
  await once(first, 'exit');
  await until(async () => !(await edge.tools()).has('echo'));
  assert.ok(!there('tool-executor') && !edge.kinds().has('tool'));
  assert.deepEqual((await get<ToolList>('/v1/tools')).tools, []);
  const refused = await submit();
  assert.equal(refused.status, 503);
  assert.match(JSON.stringify(refused.body.errors), /echo/);
  const second = await executor();
  await until(async () => (await edge.tools()).has('echo'));
  assert.equal((await submit()).status, 201);
  second.kill('SIGKILL');
  await until(() => !there('tool-executor'));
});

it('a model is on offer for as long as somebody is there to ask it', async () => {
  const serving = await here(await load('model-executor'));
  await until(() => edge.models().some(({ name, scripted }) => name === 'scripted' && scripted === true));
  await serving.stop();
  await until(() => edge.models().length === 0);
});

it('a restart of an executor is not felt: what it offered counts until it is overdue, or until its successor has told', async () => {
  const first = await here(await load('tool-executor'));
  await until(async () => there('tool-executor') && (await edge.tools()).has('echo'));
  const before = await edge.tools();
  assert.equal(await edge.tools(), before, 'the same map, so that what was derived from it can be kept');
  const gone = until(() => !there('tool-executor'));
  const stopped = first.stop();
  await gone;
  assert.ok((await edge.tools()).has('echo'));
  await stopped;
  const second = await here(await load('tool-executor'));
  await until(() => there('tool-executor'));
  assert.ok((await edge.tools()).has('echo'));
  await second.stop();
  await until(async () => !(await edge.tools()).has('echo'));
});

it('a broker that was away tells nothing about the services: nobody vanishes, and everybody is asked anew', {
  timeout: 60_000,
}, async () => {
  const serving = await here(parrot);
  await until(() => there('parrot'));
  const vanished: string[] = [];
  const stop = edge.followComponents(() => vanished.push(...['policy', 'parrot'].filter((name) => !there(name))));
  await local.restartBroker('SIGKILL');
  const another = await here(parrot);
  await until(() => edge.components().filter(({ name }) => name === 'parrot').length === 2);
  stop();
  assert.deepEqual(vanished, []);
  await another.stop();
  await serving.stop();
  await until(() => !there('parrot'));
});
