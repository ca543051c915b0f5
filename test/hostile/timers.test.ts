/** Timers are their asker's. Nobody else can set, replace, wipe or hear one, and a run ends in time though its timers were wiped. */
import assert from 'node:assert/strict';
import { after, before, it } from 'node:test';
import { type JetStreamManager, jetstreamManager } from '@nats-io/jetstream';
import { isInvalid } from '@reel/bus/history.ts';
import { openLog } from '@reel/bus/jetstream/event-log.ts';
import { clockStream, timerSubject } from '@reel/bus/jetstream/names.ts';
import type { PubAck } from '@reel/bus/jetstream/publisher.ts';
import { openRunCache } from '@reel/bus/jetstream/run-cache.ts';
import { serve } from '@reel/bus/jetstream/serve.ts';
import { publishOne } from '@reel/bus/runtime/publish.ts';
import { theRun } from '@reel/contracts/address.ts';
import { runRequested } from '@reel/contracts/run.ts';
import { Workflow } from '@reel/contracts/workflow/format.ts';
import { installationIn } from '@reel/scripts/local/installation.ts';
import { load } from '@reel/services/main.ts';
import { headers, type NatsConnection } from 'nats';
import pino from 'pino';
import { freshUnder, openScene, type Scene } from './fixture.ts';

/** Those of the cast that hear the clock. */
const KEEPERS = ['saga-tracker', 'ticker'];
const FAR = '2100-01-01T00:00:00Z';

let scene: Scene;
let admin: NatsConnection;
let manager: JetStreamManager;
before(async () => {
  scene = await openScene();
  admin = await scene.as('provisioner');
  manager = await jetstreamManager(admin, { checkAPI: false });
  for (const keeper of KEEPERS) {
    const connection = await scene.as(keeper);
    await openLog(keeper, connection, await openRunCache(connection, 1)).setTimer(0, 'R', 'look', Date.parse(FAR));
  }
});
after(() => scene.close());

/** How each stream stands that is not this one. */
async function standing(but: string): Promise<object> {
  const infos = await manager.streams.list().next();
  return Object.fromEntries(
    infos
      .filter(({ config }) => config.name !== but)
      .map(({ config, state }) => [config.name, [state.messages, state.first_seq, state.last_seq]]),
  );
}
const named = (values: Record<string, string>): ReturnType<typeof headers> => {
  const carried = headers();
  for (const [key, value] of Object.entries(values)) carried.set(key, value);
  return carried;
};

it('every service that hears the clock has a stream of timers, and nobody else has one', async () => {
  const names = (await manager.streams.names().next()).filter((name) => name.startsWith('CLOCK_'));
  assert.deepEqual(
    names.sort(),
    KEEPERS.map((keeper) => clockStream(0, keeper)),
  );
});

it('nobody but its service can do anything to a timer, whatever headers are tried on whatever it may say', {
  timeout: 60_000,
}, async () => {
  for (const keeper of KEEPERS) {
    const stream = clockStream(0, keeper);
    const mine = [timerSubject(0, keeper, 'set'), timerSubject(0, keeper, 'fired')].map((subject) => `${subject}.R.look`);
    const tricks = [
      { 'Nats-Rollup': 'all' },
      { 'Nats-Rollup': 'sub' },
      ...mine.map((target) => ({ 'Nats-Schedule': '@at 2020-01-01T00:00:00Z', 'Nats-Schedule-Target': target })),
      ...mine.map((target) => ({ 'Nats-Schedule': '@every 1s', 'Nats-Schedule-Target': target, 'Nats-Schedule-Rollup': 'sub' })),
      { 'Nats-Scheduler': mine[0] as string, 'Nats-Schedule-Next': 'purge' },
    ].map(named);
    const before = (await manager.streams.info(stream)).state;
    for (const { name, publish } of scene.attackers.filter(({ name }) => name !== keeper)) {
      const attacker = await scene.as(name);
      const subjects = [...publish.map(freshUnder), ...mine, `timer.0.${keeper}.x`, `${timerSubject('*', '*', 'set')}.R.look`];
      const requests = subjects.flatMap((subject) => tricks.map((carried) => ({ subject, carried })));
      await Promise.allSettled(requests.map(({ subject, carried }) => attacker.request(subject, '', { timeout: 300, headers: carried })));
      const now = (await manager.streams.info(stream)).state;
      assert.deepEqual(
        [now.messages, now.first_seq, now.last_seq],
        [before.messages, before.first_seq, before.last_seq],
        `${name} at ${stream}`,
      );
    }
  }
});

it('a service can wipe its own timers, and aim them at nothing but its own', async () => {
  const ticker = await scene.as('ticker');
  const stream = clockStream(0, 'ticker');
  const before = await standing(stream);
  const ask = `${timerSubject(0, 'ticker', 'set')}.R.look`;
  const targets = [
    `${timerSubject(0, 'saga-tracker', 'fired')}.R.look`,
    `${timerSubject(0, 'saga-tracker', 'set')}.R.look`,
    'reel.0.R.tool.x.1.verdict',
    'blob.0.ticker.R.x',
    '$KV.tools.x',
    'live.0.R.tool.x.1.verdict',
    '_INBOX_gateway.x',
    'presence-query',
  ];
  for (const target of targets) {
    const carried = named({ 'Nats-Schedule': '@at 2020-01-01T00:00:00Z', 'Nats-Schedule-Target': target });
    const answer = await ticker.request(ask, '', { timeout: 5000, headers: carried });
    assert.equal(answer.json<PubAck>().error?.err_code, 10190, target);
  }
  const wiped = await ticker.request(ask, '', { timeout: 5000, headers: named({ 'Nats-Rollup': 'all' }) });
  assert.equal(wiped.json<PubAck>().error, undefined);
  assert.equal((await manager.streams.info(stream)).state.messages, 1);
  assert.deepEqual(await standing(stream), before);
});

it('a run ends soon after its deadline though its timers are wiped again and again, by whoever has the keys to them', {
  timeout: 60_000,
}, async () => {
  const broker = { servers: scene.local.nats, credentials: installationIn(scene.local.dir).credentials };
  const serving = await serve([await load('saga-tracker')], { broker, log: pino({ level: 'silent' }), sweepMs: 250 });
  const [gateway, thief] = [await scene.as('gateway'), await scene.as('saga-tracker')];
  const reader = await openRunCache(gateway, 1);
  const ended = Promise.withResolvers<number>();
  reader.follow((entry) => {
    if (entry.at.run === 'late' && entry.at.slot === 'outcome' && !isInvalid(entry)) ended.resolve(entry.time);
  });
  const wiping = setInterval(() => {
    const ask = `${timerSubject(0, 'saga-tracker', 'set')}.late.evil`;
    thief.publish(ask, '', { headers: named({ 'Nats-Rollup': 'all' }) });
  }, 20);
  const workflow = Workflow.parse({ name: 'w', steps: [{ id: 'a', uses: 'x' }] });
  const deadlineMs = Date.now() + 1500;
  const request = runRequested(theRun, { requestedBy: 'ada', workflow, input: {}, tools: {}, deadlineMs });
  await publishOne(openLog('gateway', gateway, reader), { source: 'gateway', shard: 0, run: 'late' }, request);
  const endedMs = await ended.promise;
  clearInterval(wiping);
  await serving.stop();
  assert.ok(endedMs >= deadlineMs && endedMs < deadlineMs + 10_000, `it ended ${endedMs - deadlineMs} ms after its deadline`);
});
