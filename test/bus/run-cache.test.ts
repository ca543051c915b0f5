/** Runs that are not kept in memory: read back from the stream, whole and by as few facts of others as can be. */
import assert from 'node:assert/strict';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, beforeEach, test } from 'node:test';
import { connect } from '@reel/bus/jetstream/connect.ts';
import { openLog } from '@reel/bus/jetstream/event-log.ts';
import { openRunCache, type RunCache } from '@reel/bus/jetstream/run-cache.ts';
import type { Log } from '@reel/bus/log.ts';
import { openFullLog } from '@reel/bus/operator/full-log.ts';
import { publishOne } from '@reel/bus/runtime/publish.ts';
import { reactToTimer } from '@reel/bus/runtime/react.ts';
import { defineService } from '@reel/bus/service.ts';
import { theRun } from '@reel/contracts/address.ts';
import type { Draft } from '@reel/contracts/envelope.ts';
import { keyClaimed, runFailed, runRequested } from '@reel/contracts/run.ts';
import { Workflow } from '@reel/contracts/workflow/format.ts';
import { installationIn } from '@reel/scripts/local/installation.ts';
import { type Local, startLocal } from '@reel/scripts/local/local.ts';
import type { NatsConnection } from 'nats';

let dir: string;
let local: Local;
const connections: NatsConnection[] = [];
let gateway: { readonly connection: NatsConnection; readonly log: Log };
let runs = 0;
let run: string;

async function connected(name: string): Promise<NatsConnection> {
  const connection = await connect({ servers: local.nats, credentials: installationIn(local.dir).credentials }, name);
  connections.push(connection);
  return connection;
}
/** A reader that has kept nothing yet. */
const cold = async (): Promise<RunCache> => openRunCache(await connected('gateway'), 1);
async function speaker(name: string): Promise<typeof gateway> {
  const connection = await connected(name);
  return { connection, log: openLog(name, connection, await openRunCache(connection, 1)) };
}
const say = (who: typeof gateway, source: string, draft: Draft, of = run): ReturnType<typeof publishOne> =>
  publishOne(who.log, { source, shard: 0, run: of }, draft);
const workflow = Workflow.parse({ name: 'w', steps: [{ id: 's', uses: 't' }] });
const request = runRequested(theRun, { requestedBy: 'ann', workflow, input: {}, tools: {}, deadlineMs: 1 });
const claim = (n: number, of = run): ReturnType<typeof publishOne> =>
  say(gateway, 'gateway', keyClaimed({ kind: 'claim', id: 'key', n }, { run: of, request: 'r' }), of);

before(async () => {
  dir = await mkdtemp(join(tmpdir(), 'reel-reader-'));
  local = await startLocal({ dir, services: [], logLevel: 'silent' });
  gateway = await speaker('gateway');
});
beforeEach(() => {
  run = `R${(runs += 1)}`;
});
after(async () => {
  await Promise.all(connections.map((connection) => connection.close()));
  await local.stop();
  await rm(dir, { recursive: true, force: true });
});

for (const facts of [20, 1500])
  test(`a run of ${facts} facts is read back whole and in order, whatever else was said in between`, async () => {
    await say(gateway, 'gateway', request);
    for (let n = 1; n < facts; n += 1) await Promise.all([claim(n), claim(n, `${run}-other`)]);
    const { entries } = await (await cold()).read(0, run);
    assert.deepEqual(
      entries.map(({ at }) => at.n),
      [1, ...Array.from({ length: facts - 1 }, (_, n) => n + 1)],
    );
    const raws = await (await openFullLog(await connected('operator'))).run(0, run);
    assert.deepEqual(
      raws.map(({ seq }) => seq),
      entries.map(({ seq }) => seq),
    );
  });

test('what stands in a run under no address of ours is passed over', async () => {
  await say(gateway, 'gateway', request);
  await gateway.connection.request(`reel.0.${run}.claim.key.x.claim`, '{}', { timeout: 5000 });
  assert.equal((await (await cold()).read(0, run)).entries.length, 1);
});

test('what is read while it is being said is as new as what was known of it', async () => {
  await say(gateway, 'gateway', request);
  const reader = await cold();
  for (let n = 1; n <= 50; n += 1) {
    const said = await claim(n);
    assert.ok(said.published);
    assert.equal((await reader.read(0, run, said.seq)).entries.length, n + 1);
  }
});

test('a ring for a run that has ended since reads nothing of it', async () => {
  const saga = await speaker('saga-tracker');
  let reads = 0;
  let rung = 0;
  const log: Log = {
    ...saga.log,
    read: (...of) => {
      reads += 1;
      return saga.log.read(...of);
    },
  };
  const service = defineService<never>({
    name: 'saga-tracker',
    publishes: [],
    on: {
      'timer.fired': () => {
        rung += 1;
        return [];
      },
    },
  });
  await say(gateway, 'gateway', request);
  const ring = (): Promise<void> => reactToTimer(service, {}, log, { name: 'look', shard: 0, run, time: Date.now() });
  await ring();
  assert.deepEqual([reads, rung], [1, 1]);
  await say(saga, 'saga-tracker', runFailed(theRun, { problem: { code: 'x', message: 'x', retryable: false }, undone: [] }));
  await ring();
  assert.deepEqual([reads, rung], [1, 1]);
});
