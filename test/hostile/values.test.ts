/** Large values stand beside the log. Nobody can stand in another's place there, whoever tries and whatever is stored. */
import assert from 'node:assert/strict';
import { after, before, it } from 'node:test';
import { jetstreamManager } from '@nats-io/jetstream';
import { type Entry, isInvalid } from '@reel/bus/history.ts';
import { openLog } from '@reel/bus/jetstream/event-log.ts';
import type { PubAck } from '@reel/bus/jetstream/publisher.ts';
import { openRunCache } from '@reel/bus/jetstream/run-cache.ts';
import { openFullLog } from '@reel/bus/operator/full-log.ts';
import { encode } from '@reel/bus/runtime/envelope-codec.ts';
import { blobSubject, pack } from '@reel/bus/runtime/large-values.ts';
import { entriesOf } from '@reel/bus/verifier/gather.ts';
import type { Draft, Envelope } from '@reel/contracts/envelope.ts';
import { stepRequested, stepUnknown } from '@reel/contracts/step.ts';
import type { NatsConnection } from 'nats';
import { type Attacker, isUnder, openScene, type Scene } from './fixture.ts';

const RUN = 'R';
const at = { kind: 'tool', id: 'a', n: 1 };
const call = { uses: 'x', arguments: { text: 'x'.repeat(100_000) }, effect: 'once' as const, timeoutMs: 1000 };

let scene: Scene;
let admin: NatsConnection;
before(async () => {
  scene = await openScene();
  admin = await scene.as('provisioner');
});
after(() => scene.close());

const factOf = (source: string, draft: Draft): Envelope =>
  encode(draft, { shard: 0, run: RUN, ...draft.at, slot: draft.slot }, source, undefined, undefined, Date.now());

/** True when the broker has stored it. */
const stores = async (attacker: NatsConnection, subject: string, body: string): Promise<boolean> => {
  const answer = await attacker.request(subject, body, { timeout: 2000 }).catch(() => undefined);
  return answer?.json<PubAck>().seq !== undefined;
};

const mayWrite = ({ publish }: Attacker, subject: string): boolean => publish.some((pattern) => isUnder(pattern, subject));

it('a service writes under its own name, if it says anything at all, and nobody writes under another', async () => {
  const writers: string[] = [];
  for (const { name } of scene.attackers) {
    const connection = await scene.as(name);
    for (const { name: writer } of scene.attackers)
      if (await stores(connection, blobSubject({ shard: 0, writer, run: RUN, digest: `by-${name}` }), 'x')) {
        assert.equal(writer, name);
        writers.push(name);
      }
    for (const odd of [`blob.0.${RUN}.x`, `blob.0.${name}.${RUN}`, `blob.0.${name}.${RUN}.x.y`, `blob.7.${name}.${RUN}.x`, 'blob.x'])
      assert.equal(await stores(connection, odd, 'x'), false, `${name} at ${odd}`);
  }
  assert.deepEqual(writers.sort(), [
    'gateway',
    'human-executor',
    'model-executor',
    'planner',
    'policy',
    'saga-tracker',
    'sms-sender',
    'tool-executor',
    'validator',
  ]);
});

it('what anybody has stored for a value that another is about to say makes no fact of the other void', async () => {
  const fact = factOf('planner', stepRequested(at, { call }));
  const [blob] = pack(fact).blobs;
  assert.ok(blob !== undefined);
  const others = scene.attackers.filter(({ name }) => name !== 'planner');
  for (const attacker of others) {
    const connection = await scene.as(attacker.name);
    for (const { name: writer } of scene.attackers) {
      const places: string[] = [blobSubject({ shard: 0, writer, run: RUN, digest: blob.digest }), `blob.0.${RUN}.${blob.digest}`];
      for (const place of places)
        assert.equal(await stores(connection, place, 'not what it says'), mayWrite(attacker, place), `${attacker.name} at ${place}`);
    }
  }
  const planner = await scene.as('planner');
  await openLog('planner', planner, await openRunCache(planner, 1)).put(fact);
  // One that claims another's words points at a value of the other's, which is what its digest says; its own rubbish is nobody's.
  const executor = await scene.as('tool-executor');
  const liar = { ...factOf('planner', stepUnknown(at, { problem: { code: 'x', message: 'x' } })), blobs: 'problem' };
  const body = JSON.stringify({ ...liar, data: { problem: { blob: 'f'.repeat(64), bytes: 1 } } });
  assert.equal(await stores(executor, blobSubject({ shard: 0, writer: 'tool-executor', run: RUN, digest: 'f'.repeat(64) }), '{}'), true);
  assert.equal(await stores(executor, liar.id, body), true);

  const isWhole = (entries: readonly Entry[]): void => {
    const said = entries.find(({ address }) => address === fact.id);
    assert.ok(said !== undefined && !isInvalid(said));
    assert.deepEqual(said.data, { call });
  };
  // A value that is not there is waited for only where a broker of several nodes may not know of it yet.
  isWhole((await (await openRunCache(await scene.as('gateway'), 1)).read(0, RUN)).entries);
  const raws = await (await openFullLog(await scene.as('operator'))).run(0, RUN);
  const old = raws.map((raw) => ({ ...raw, time: raw.time - 60_000 }));
  const entries = await entriesOf(old, (await openFullLog(await scene.as('operator'))).blobs(0, RUN));
  isWhole(entries);
  assert.ok(entries.filter(({ address }) => address === liar.id).every(isInvalid));
  const { state } = await (await jetstreamManager(admin)).streams.info('BLOB_0', { subjects_filter: '>' });
  assert.equal(Object.keys(state.subjects ?? {}).filter((subject) => subject.endsWith(blob.digest)).length, 9);
});

it('a value that is waited for holds up the run of its fact, and no other', { timeout: 20_000 }, async () => {
  const [gateway, executor] = [await scene.as('gateway'), await scene.as('tool-executor')];
  // A broker of several nodes may not know yet what is there.
  const doubtful = Object.create(gateway, { info: { value: { ...gateway.info, cluster: 'of several' } } }) as NatsConnection;
  const reader = await openRunCache(doubtful, 1);
  const heard: string[] = [];
  const told = Promise.withResolvers<void>();
  reader.follow(({ at: { run } }) => {
    heard.push(run);
    if (run === 'quick') told.resolve();
  });
  const say = async (run: string, more: object): Promise<void> => {
    const draft = stepUnknown(at, { problem: { code: 'x', message: 'x' } });
    const fact = encode(draft, { shard: 0, run, ...at, slot: draft.slot }, 'tool-executor', undefined, undefined, Date.now());
    assert.equal(await stores(executor, fact.id, JSON.stringify({ ...fact, ...more })), true);
  };
  await say('held-up', { blobs: 'problem', data: { problem: { blob: 'e'.repeat(64), bytes: 1 } } });
  await say('quick', {});
  await told.promise;
  assert.deepEqual(heard, ['quick']);
  reader.close();
});
