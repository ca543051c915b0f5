/** A service that has been taken over, with its true credentials: whatever it tries beyond its own slots is refused or has no effect. */
import assert from 'node:assert/strict';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { jetstreamManager } from '@nats-io/jetstream';
import { isInvalid } from '@reel/bus/history.ts';
import { connect } from '@reel/bus/jetstream/connect.ts';
import { openRunCache, type RunCache } from '@reel/bus/jetstream/run-cache.ts';
import { story } from '@reel/contracts/story.ts';
import { installationIn } from '@reel/scripts/local/installation.ts';
import { type Local, startLocal } from '@reel/scripts/local/local.ts';
import { headers, type NatsConnection } from 'nats';

let local: Local;
let dir: string;
let admin: NatsConnection;
let reader: RunCache;
let reading: NatsConnection;
const run = 'victim';

/** What each may say, by hand and not from the code under test: `<kind>.<slot>`. */
const OWN: Record<string, RegExp> = {
  'tool-executor': /^(tool|undo-tool)\.(start|outcome|late)$/,
  'model-executor': /^(model|undo-model)\.(start|outcome|late)$/,
  planner: /^((tool|model|person)\.(request|retry)|plan\.proposal|answer\.proposal)$/,
};

/** The kind of step that each performs. */
const KIND: Record<string, string | undefined> = { 'tool-executor': 'tool', 'model-executor': 'model' };

const slots = [...new Set(story.flatMap(({ about, slot }) => kindsOf(about).map((kind) => `${kind}.${slot}`)))];
function kindsOf(about: string): string[] {
  if (about === 'step') return ['tool', 'person', 'model'];
  return about === 'undo' ? ['undo-tool', 'undo-model', 'undo-person'] : [about];
}

before(async () => {
  dir = await mkdtemp(join(tmpdir(), 'reel-hostile-'));
  local = await startLocal({ dir, services: [], env: {} });
  admin = await connect({ servers: local.nats, credentials: installationIn(dir).credentials }, 'provisioner');
  reading = await connect({ servers: local.nats, credentials: installationIn(dir).credentials }, 'gateway');
  reader = await openRunCache(reading, 1);
});
after(async () => {
  reader.close();
  await reading.close();
  await admin.close();
  await local.stop();
  await rm(dir, { recursive: true, force: true });
});

const stored = async (subject: string): Promise<boolean> => {
  const manager = await jetstreamManager(admin);
  return (await manager.streams.getMessage('REEL_0', { last_by_subj: subject }).catch(() => null)) !== null;
};
const lastSeq = async (stream: string): Promise<number> => (await (await jetstreamManager(admin)).streams.info(stream)).state.last_seq;

/** Sends and waits until the broker has dealt with it, whatever it made of it. */
async function attempt(
  connection: NatsConnection,
  subject: string,
  body = '{}',
  options: { reply?: string; headers?: ReturnType<typeof headers> } = {},
): Promise<void> {
  try {
    connection.publish(subject, body, options);
  } catch {
    // Refused by the client itself.
  }
  await connection.flush();
  await admin.flush();
}

/** The kind of steps that it deals with, and a slot of such a step that is its to fill. */
const kindOf = (name: string): string => (name === 'model-executor' ? 'model' : 'tool');
const slotOf = (name: string, of: string): string => `reel.0.${of}.${kindOf(name)}.x.1.${name === 'planner' ? 'request' : 'outcome'}`;

for (const name of ['tool-executor', 'model-executor', 'planner'] as const) {
  describe(`with the ${name}'s credentials`, () => {
    let hostile: NatsConnection;
    before(async () => {
      hostile = await connect({ servers: local.nats, credentials: installationIn(dir).credentials }, name);
    });
    after(() => hostile.close());

    it('nothing can be said in any slot but its own', async () => {
      for (const slot of slots) {
        const [kind, question] = slot.split('.') as [string, string];
        const subject = `reel.0.${run}-${name}.${kind}.x.1.${question}`;
        await hostile.request(subject, '{}', { timeout: 2000 }).catch(() => undefined);
        assert.equal(await stored(subject), (OWN[name] as RegExp).test(slot), `${name} at ${slot}`);
      }
    });

    it('a slot of an odd shape, or of the fault of another service, takes nothing', async () => {
      for (const subject of [
        'reel.0.x.tool.a.1',
        'reel.0.x.tool.a.1.outcome.more',
        'reel.7.x.tool.a.1.outcome',
        'reel.0.x.fault.policy.1.fault',
      ]) {
        await hostile.request(subject, '{}', { timeout: 500 }).catch(() => undefined);
        assert.equal(await stored(subject), false, subject);
      }
    });

    it('the administration of JetStream is out of reach, under both its names', async () => {
      const requests = [
        'STREAM.NAMES',
        'STREAM.LIST',
        'STREAM.INFO.REEL_0',
        'STREAM.DELETE.REEL_0',
        'STREAM.PURGE.REEL_0',
        'STREAM.UPDATE.REEL_0',
        'STREAM.CREATE.MINE',
        'STREAM.MSG.DELETE.REEL_0',
        'CONSUMER.CREATE.REEL_0',
        'CONSUMER.CREATE.REEL_0.mine',
        'CONSUMER.DURABLE.CREATE.REEL_0.mine',
        'CONSUMER.DELETE.REEL_0.policy',
        'CONSUMER.INFO.REEL_0.policy',
        'CONSUMER.MSG.NEXT.REEL_0.policy',
        'CONSUMER.PAUSE.REEL_0.policy',
        'CONSUMER.UNPIN.REEL_0.policy',
        'CONSUMER.RESET.REEL_0.policy',
        'STREAM.SNAPSHOT.REEL_0',
        'STREAM.RESTORE.REEL_0',
        'STREAM.PEER.REMOVE.REEL_0',
        'STREAM.LEADER.STEPDOWN.REEL_0',
        'INFO',
        'ACCOUNT.PURGE.LOG',
        'META.LEADER.STEPDOWN',
      ];
      for (const request of requests) {
        for (const prefix of ['$JS.API', 'LOG.API']) {
          const answer = await hostile
            .request(`${prefix}.${request}`, JSON.stringify({ name: 'MINE', stream_name: 'REEL_0', config: {} }), { timeout: 1000 })
            .catch(() => undefined);
          // SERVICES has no JetStream: at most it says just that.
          const text = answer?.string() ?? '';
          assert.ok(text === '' || /"error"/.test(text), `${prefix}.${request} answered ${text.slice(0, 200)}`);
        }
      }
      const manager = await jetstreamManager(admin);
      assert.deepEqual((await manager.streams.names().next()).sort(), ['BLOB_0', 'CLOCK_0_saga-tracker', 'KV_tools', 'REEL_0']);
    });

    it('headers that make a broker do things have no effect, and void the fact that carries them', async () => {
      const tricks: [string, string][] = [
        ['Nats-Rollup', 'all'],
        ['Nats-Rollup', 'sub'],
        ['Nats-TTL', '1s'],
        ['Nats-Schedule', '@every 1s'],
        ['Nats-Schedule-Target', `reel.0.${run}.run.run.1.verdict`],
        ['Nats-Scheduler', 'x'],
        ['Nats-Schedule-Next', 'purge'],
        ['Nats-Trace-Dest', `reel.0.${run}.run.run.1.verdict`],
        ['Nats-Subject', `reel.0.${run}.run.run.1.verdict`],
        ['Nats-Stream', 'REEL_0'],
        ['Nats-Sequence', '1'],
        ['Nats-Batch-Id', 'b'],
        ['Nats-Expected-Last-Subject-Sequence', '0'],
        ['Nats-Msg-Id', 'm'],
        ['Nats-Incr', '+1'],
      ];
      const count = async (): Promise<number> => (await (await jetstreamManager(admin)).streams.info('REEL_0')).state.messages;
      for (const [index, [key, value]] of tricks.entries()) {
        const before = await count();
        const subject = slotOf(name, `trick-${name}-${index}`);
        const carried = headers();
        carried.set(key, value);
        await hostile.request(subject, '{}', { timeout: 1000, headers: carried }).catch(() => undefined);
        assert.ok((await count()) >= before, `${key}: ${value} removed facts`);
        assert.equal(await stored(`reel.0.${run}.run.run.1.verdict`), false, `${key}: ${value} filled another slot`);
        const entry = (await reader.read(0, `trick-${name}-${index}`)).byAddress.get(subject);
        assert.ok(entry === undefined || isInvalid(entry), `${key}: ${value} was taken for a fact`);
      }
    });

    it('replies aimed at slots do not fill them: of publishing, direct reads, consumer information, the next message', async () => {
      const target = `reel.0.${run}.tool.y.1.verdict`;
      const mine = slotOf(name, `reply-${name}`);

      const forged = JSON.stringify({ id: target, type: 'step.verdict.approved' });
      const tries: [string, string][] = [
        [mine, forged],
        [mine, forged],
        ['LOG.API.DIRECT.GET.REEL_0', JSON.stringify({ last_by_subj: mine })],
        [`LOG.API.DIRECT.GET.REEL_0.${mine}`, ''],
        ['LOG.API.DIRECT.GET.REEL_0', JSON.stringify({ seq: 1, batch: 2, next_by_subj: '>' })],
        ['LOG.API.STREAM.MSG.GET.REEL_0', JSON.stringify({ last_by_subj: mine })],
        [`LOG.API.CONSUMER.INFO.REEL_0.${name}`, ''],
        [`LOG.API.CONSUMER.MSG.NEXT.REEL_0.${name}`, JSON.stringify({ batch: 1, no_wait: true })],
        [`blob.0.${run}.${'0'.repeat(64)}`, forged],
      ];
      const before = await lastSeq('REEL_0');
      for (const [subject, body] of tries) await attempt(hostile, subject, body, { reply: target });
      assert.equal(await stored(target), false);
      assert.ok((await lastSeq('REEL_0')) <= before + 1, 'only its own slot may have been filled');
    });

    it("others' inboxes cannot be heard, nor the log, nor the administration's subjects", async () => {
      for (const subject of [
        '_INBOX_policy.>',
        '_INBOX_gateway.>',
        '_INBOX.>',
        '>',
        'reel.>',
        'live.>',
        'timer.>',
        'clock.>',
        '$JS.>',
        '$SYS.>',
        'LOG.API.>',
      ]) {
        const heard = await new Promise<string>((resolve) => {
          const subscription = hostile.subscribe(subject, { callback: (error) => resolve(error === null ? 'heard' : 'refused') });
          void subscription.closed.then(() => resolve('refused'));
        });
        assert.equal(heard, 'refused', subject);
      }
    });

    it("others' deliveries cannot be acknowledged, and others' buckets not written", async () => {
      const other = name === 'planner' ? 'tool-executor' : 'planner';
      const before = await (await jetstreamManager(admin)).consumers.info('REEL_0', other);
      await attempt(hostile, `$JS.ACK.REEL_0.${other}.1.1.1.1.1`, '+ACK');
      await attempt(hostile, `$JS.ACK._._.REEL_0.${other}.1.1.1.1.1`, '+ACK');
      const now = await (await jetstreamManager(admin)).consumers.info('REEL_0', other);
      assert.equal(now.ack_floor.stream_seq, before.ack_floor.stream_seq);
      const bucket = await lastSeq('KV_tools');
      if (name !== 'tool-executor') await hostile.request('$KV.tools.evil', '{}', { timeout: 500 }).catch(() => undefined);
      assert.equal(await lastSeq('KV_tools'), bucket);
    });

    it('it announces itself under its own name and kind alone, calls no roll, and shows nothing of a kind that is not its', async () => {
      const kind = KIND[name];
      const own =
        kind === undefined
          ? [`presence.${name}.x`]
          : [`presence.${name}.x.${kind}`, `tokens.0.r.${kind}.x.1`, `tokens.0.r.undo-${kind}.x.1`];
      const tries = ['', '.tool', '.model', '.person', '.x.y']
        .flatMap((end) =>
          ['policy', 'human-executor', 'gateway', 'planner', 'tool-executor', 'model-executor'].map((other) => `presence.${other}.x${end}`),
        )
        .concat(['alive', 'presence.x', 'presence-query'])
        .concat(['tool', 'undo-tool', 'model', 'undo-model', 'person', 'run', 'answer'].map((kind) => `tokens.0.r.${kind}.x.1`));
      const heard: string[] = [];
      const ears = ['presence.>', 'presence-query', 'tokens.>'].map((subject) =>
        reading.subscribe(subject, { callback: (_, message) => void heard.push(message.subject) }),
      );
      await reading.flush();
      for (const subject of tries) await attempt(hostile, subject);
      await reading.flush();
      for (const ear of ears) ear.unsubscribe();
      assert.deepEqual(heard.sort(), own.sort());
    });
  });
}

it('a taken slot refuses a second answer, even from its owner', async () => {
  const owner = await connect({ servers: local.nats, credentials: installationIn(dir).credentials }, 'planner');
  const subject = 'reel.0.twice.plan.plan.1.proposal';
  await owner.request(subject, '{"first":true}', { timeout: 10_000 });
  const second = (await owner.request(subject, '{"second":true}', { timeout: 10_000 })).json<{ error?: { err_code: number } }>();
  assert.equal(second.error?.err_code, 10077);
  await owner.close();
});
