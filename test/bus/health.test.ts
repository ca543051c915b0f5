/** Whoever runs Reel's processes asks each how it is: what it answers, from before there is a broker until it has stopped. */
import assert from 'node:assert/strict';
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, it } from 'node:test';
import { jetstreamManager } from '@nats-io/jetstream';
import { openHealth } from '@reel/bus/health.ts';
import { connect } from '@reel/bus/jetstream/connect.ts';
import { serve } from '@reel/bus/jetstream/serve.ts';
import { LogUnavailable } from '@reel/bus/log.ts';
import type { AnyService } from '@reel/bus/service.ts';
import { type Server, startServer } from '@reel/nats/server.ts';
import { root } from '@reel/scripts/check/tree.ts';
import { configure, installationIn, provisionAt, rolesIn } from '@reel/scripts/local/installation.ts';
import { until } from '@reel/scripts/local/until.ts';
import { load } from '@reel/services/main.ts';
import pino from 'pino';

let dir: string;
let broker: Server;
let child: ChildProcess;
let health: string;
const startBroker = (port?: number): Promise<Server> =>
  startServer({
    dataDir: join(dir, 'jetstream'),
    configFile: installationIn(dir).configFile,
    ...(port === undefined ? {} : { port }),
  });

type Told = { status: number; why: string | undefined };
async function told(path: string, at = health): Promise<Told> {
  const response = await fetch(`${at}${path}`);
  return { status: response.status, why: ((await response.json()) as { why?: string }).why };
}
/** Asks until it is answered so. */
async function untilTold(path: string, status: number, why: RegExp): Promise<void> {
  for (;;) {
    const answer = await told(path).catch(() => ({ status: 0, why: undefined }));
    if (answer.status === status && why.test(answer.why ?? '')) return;
  }
}

before(async () => {
  dir = await mkdtemp(join(tmpdir(), 'reel-health-'));
  await configure(installationIn(dir), await rolesIn(installationIn(dir)), '2m');
  broker = await startBroker();
  await broker.stop();
  // Somebody's port that is free again.
  const { port, close } = await openHealth(0, () => ({ live: true, ready: true }));
  await close();
  health = `http://127.0.0.1:${port}`;
  child = spawn(process.execPath, [join(root, 'services/main.ts'), 'planner'], {
    env: {
      ...process.env,
      REEL_NATS: broker.url,
      REEL_CREDENTIALS: installationIn(dir).credentials,
      REEL_HEALTH_PORT: String(port),
      REEL_LOG: 'silent',
    },
    stdio: ['ignore', 'ignore', 'ignore'],
  });
});
after(async () => {
  child.kill('SIGKILL');
  await broker.stop();
  await rm(dir, { recursive: true, force: true });
});

it('waits for a broker, and then for its durable, without being restarted for it', { timeout: 30_000 }, async () => {
  await untilTold('/readyz', 503, /cannot connect/);
  assert.equal((await told('/livez')).status, 200);
  broker = await startBroker(broker.port);
  await untilTold('/readyz', 503, /no durable/);
  await provisionAt(broker.url, installationIn(dir), await rolesIn(installationIn(dir)));
  await untilTold('/readyz', 200, /^$/);
});

it('is alive and not ready while the broker is away', { timeout: 30_000 }, async () => {
  await broker.stop('SIGKILL');
  await untilTold('/readyz', 503, /planner: the broker is away/);
  assert.equal((await told('/livez')).status, 200);
  broker = await startBroker(broker.port);
  await untilTold('/readyz', 200, /^$/);
});

it('tells where it can be asked when it is asked something else', async () => {
  assert.equal((await told('/metrics')).status, 404);
});

it('is to be started again when its durable has gone', { timeout: 30_000 }, async () => {
  const connection = await connect({ servers: broker.url, credentials: installationIn(dir).credentials }, 'provisioner');
  await (await jetstreamManager(connection)).consumers.delete('REEL_0', 'planner');
  await connection.close();
  await untilTold('/livez', 503, /the durable planner on REEL_0 is gone/);
  assert.equal((await told('/readyz')).status, 503);
});

it('leaves with code 0 when it is told to stop', { timeout: 30_000 }, async () => {
  const left = once(child, 'exit');
  child.kill('SIGTERM');
  assert.deepEqual(await left, [0, null]);
});

it('is not ready any more while it finishes what is under way', { timeout: 30_000 }, async () => {
  await provisionAt(broker.url, installationIn(dir), await rolesIn(installationIn(dir)));
  const finished = Promise.withResolvers<void>();
  const slow = { ...(await load('policy')), deps: async () => ({ deps: {} as never, close: () => finished.promise }) } as AnyService;
  const where = { servers: broker.url, credentials: installationIn(dir).credentials };
  const serving = await serve([slow], { broker: where, log: pino({ level: 'silent' }) });
  assert.deepEqual(serving.health(), { live: true, ready: true });
  const stopped = serving.stop();
  assert.deepEqual(serving.health(), { live: true, ready: false, why: 'it is being stopped' });
  finished.resolve();
  await stopped;
});

it('leaves without a broker as well', { timeout: 30_000 }, async () => {
  const where = { servers: broker.url, credentials: installationIn(dir).credentials };
  const log = pino({ level: 'silent' });
  const cutOff = await serve([await load('policy'), await load('validator')], { broker: where, log });
  const long = await serve([await load('policy')], { broker: where, log });
  const gone = broker.stop('SIGKILL');
  await cutOff.stop();
  await gone;
  await until(() => !long.health().ready);
  await long.stop();
  broker = await startBroker(broker.port);
});

it('waits for a broker that goes away while it starts', { timeout: 30_000 }, async () => {
  const where = { servers: broker.url, credentials: installationIn(dir).credentials };
  const last = { ...(await load('policy')), deps: () => broker.stop('SIGKILL').then(() => ({ deps: {} as never })) } as AnyService;
  const starting = serve([await load('validator'), last], { broker: where, log: pino({ level: 'silent' }) });
  await assert.rejects(starting, LogUnavailable);
  broker = await startBroker(broker.port);
});

it('refuses a port that is none', async () => {
  const wrong = spawn(process.execPath, [join(root, 'services/main.ts'), 'planner'], {
    env: { ...process.env, REEL_HEALTH_PORT: 'http' },
    stdio: ['ignore', 'ignore', 'pipe'],
  });
  const [[said], [code]] = await Promise.all([once(wrong.stderr, 'data'), once(wrong, 'exit')]);
  assert.match(String(said), /REEL_HEALTH_PORT is "http" and has to be a port/);
  assert.equal(code, 1);
});
