/** Rings of the clock, on a real broker: each is looked at, and none is kept for ever. */
import assert from 'node:assert/strict';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { jetstreamManager } from '@nats-io/jetstream';
import { connect } from '@reel/bus/jetstream/connect.ts';
import { consume } from '@reel/bus/jetstream/consumer.ts';
import { openLog, TIMER_KEPT } from '@reel/bus/jetstream/event-log.ts';
import { clockStream } from '@reel/bus/jetstream/names.ts';
import { startReconciling } from '@reel/bus/jetstream/reconcile.ts';
import { openRunCache } from '@reel/bus/jetstream/run-cache.ts';
import { LogUnavailable } from '@reel/bus/log.ts';
import { publishOne } from '@reel/bus/runtime/publish.ts';
import { SWEEP } from '@reel/bus/service.ts';
import { theRun } from '@reel/contracts/address.ts';
import { runRequested } from '@reel/contracts/run.ts';
import { Workflow } from '@reel/contracts/workflow/format.ts';
import { installationIn } from '@reel/scripts/local/installation.ts';
import { type Local, startLocal } from '@reel/scripts/local/local.ts';
import type { NatsConnection } from 'nats';
import pino from 'pino';

let dir: string;
let local: Local;
const connections: NatsConnection[] = [];

async function connected(name: string): Promise<NatsConnection> {
  const connection = await connect({ servers: local.nats, credentials: installationIn(local.dir).credentials }, name);
  connections.push(connection);
  return connection;
}

before(async () => {
  dir = await mkdtemp(join(tmpdir(), 'reel-clock-'));
  local = await startLocal({ dir, services: [], logLevel: 'silent' });
});
after(async () => {
  await Promise.all(connections.map((connection) => connection.close()));
  await local.stop();
  await rm(dir, { recursive: true, force: true });
});

test('a ring that comes while the one before is being looked at is looked at as well, and goes in time', { timeout: 20_000 }, async () => {
  const connection = await connected('saga-tracker');
  const log = openLog('saga-tracker', connection, await openRunCache(await connected('gateway'), 1));
  const ring = (): Promise<void> => log.setTimer(0, 'R', 'look', Date.now());
  const second = Promise.withResolvers<void>();
  const both = Promise.withResolvers<void>();
  let heard = 0;
  const consuming = await consume(
    connection,
    clockStream(0, 'saga-tracker'),
    'saga-tracker',
    10,
    pino({ level: 'silent' }),
    async ({ subject }) => {
      if (!subject.endsWith('.R.look')) return 'handled';
      heard += 1;
      if (heard === 2) second.resolve();
      else {
        await ring();
        await second.promise;
        both.resolve();
      }
      return 'handled';
    },
  );
  await ring();
  await both.promise;
  await consuming.stop();
  const manager = await jetstreamManager(await connected('provisioner'), { checkAPI: false });
  const rung = await manager.streams.getMessage(clockStream(0, 'saga-tracker'), { last_by_subj: 'timer.0.saga-tracker.fired.R.look' });
  assert.equal(rung?.header.get('Nats-TTL'), TIMER_KEPT);
});

test('every open run is looked over, though one cannot be, and that one again the next time', { timeout: 20_000 }, async () => {
  const gateway = await connected('gateway');
  const reader = await openRunCache(gateway, 1);
  const log = openLog('gateway', gateway, reader);
  const workflow = Workflow.parse({ name: 'w', steps: [{ id: 'a', uses: 'x' }] });
  const request = runRequested(theRun, { requestedBy: 'ada', workflow, input: {}, tools: {}, deadlineMs: 1e15 });
  for (const run of ['bad', 'good']) await publishOne(log, { source: 'gateway', shard: 0, run }, request);
  const looked: string[] = [];
  const twice = Promise.withResolvers<void>();
  const stop = startReconciling({
    reader,
    shards: 1,
    log: pino({ level: 'silent' }),
    everyMs: 10,
    fire: async ({ run, name }) => {
      assert.equal(name, SWEEP.name);
      looked.push(run);
      if (looked.length === 4) twice.resolve();
      if (run === 'bad') throw new LogUnavailable('it cannot be read');
    },
  });
  await twice.promise;
  await stop();
  assert.deepEqual(looked.slice(0, 4), ['bad', 'good', 'bad', 'good']);
});
