/**
 * Poison in the log: whatever somebody with the broker's own credentials stores in a run's slots, no service stops, the run ends under a
 * name, and why can be read. `REEL_SEED` and `REEL_ROUNDS` say which poison, and how much.
 */
import assert from 'node:assert/strict';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { type JetStreamManager, jetstreamManager } from '@nats-io/jetstream';
import type { Entry } from '@reel/bus/history.ts';
import { connect } from '@reel/bus/jetstream/connect.ts';
import { openRunCache, type RunCache } from '@reel/bus/jetstream/run-cache.ts';
import { peek } from '@reel/bus/runtime/envelope-codec.ts';
import { blobSubject } from '@reel/bus/runtime/large-values.ts';
import { subscribedFacts } from '@reel/bus/runtime/perform.ts';
import { ASKED } from '@reel/contracts/address.ts';
import type { Envelope } from '@reel/contracts/envelope.ts';
import { definitionOf } from '@reel/contracts/story.ts';
import type { ApprovalPage, CloudEvent, InvalidEntry } from '@reel/gateway/shapes.ts';
import { storyTree } from '@reel/scripts/cli/story-tree.ts';
import { installationIn } from '@reel/scripts/local/installation.ts';
import { until } from '@reel/scripts/local/until.ts';
import { load, SERVICES } from '@reel/services/main.ts';
import type { NatsConnection } from 'nats';
import { type LocalReel, startReel } from '../fixtures/local-reel.ts';
import { mutations, type Poison, poisons } from './poison.ts';

const seed = Number(process.env['REEL_SEED'] ?? 1);
const rounds = Number(process.env['REEL_ROUNDS'] ?? 4);
/** Slots whose answer somebody waits for. */
const DECIDING = new Set(['request', 'proposal', 'verdict', 'ruling', 'outcome', 'check', 'closing']);
/** More of it takes longer; so many runs at a time are under way. */
const timeout = Math.max(120_000, rounds * 60_000);
const ENDS = ['completed', 'failed', 'cancelled', 'exhausted', 'stranded'];
const workflow = {
  name: 'poisoned',
  steps: [
    { id: 'mark', uses: 'mark' },
    { id: 'ask', kind: 'person', uses: 'eve', prompt: 'Well?', form: { type: 'object' }, dependsOn: ['mark'] },
    { id: 'later', uses: 'mark', dependsOn: ['ask'] },
  ],
};

let reel: LocalReel;
let admin: NatsConnection;
let reading: NatsConnection;
let reader: RunCache;
let manager: JetStreamManager;
let good: Envelope;
/** What any service hears. */
const heardTypes = new Set<string>(subscribedFacts.map(({ type }) => type));

before(async () => {
  for (const service of await Promise.all(SERVICES.map(load)))
    if (service.shape === 'service') for (const type of Object.keys(service.on)) heardTypes.add(type);
  reel = await startReel({ modules: [join(import.meta.dirname, 'poison-tools.ts')] });
  const { credentials } = installationIn(reel.local.dir);
  admin = await connect({ servers: reel.local.nats, credentials }, 'provisioner');
  manager = await jetstreamManager(admin, { checkAPI: false });
  reading = await connect({ servers: reel.local.nats, credentials }, 'gateway');
  reader = await openRunCache(reading, 1);
  // What a good run was requested with is what the poisoned ones are.
  await reel.finish({ name: 'good', steps: [{ id: 'mark', uses: 'mark' }] });
  const first = (await reel.ask('POST', '/v1/runs', { workflow })).body.id;
  await reel.ask('POST', `/v1/runs/${first}/cancel`, { who: 'ada', why: 'it was an example' });
  const stored = await manager.streams.getMessage('REEL_0', { last_by_subj: `reel.0.${first}.run.run.1.request` });
  good = JSON.parse((stored as { string(): string }).string()) as Envelope;
});
after(async () => {
  reader.close();
  await reading.close();
  await admin.close();
  await reel.close();
});

/** Stores as whoever has the broker's own credentials. @returns false when the slot is taken. */
async function store(subject: string, body: Buffer | string): Promise<boolean> {
  const { error } = (await admin.request(subject, body, { timeout: 10_000 })).json<{ error?: { err_code: number; description: string } }>();
  if (error !== undefined && error.err_code !== 10077) assert.fail(`${subject}: ${error.description}`);
  return error === undefined;
}
const requested = (run: string): string =>
  JSON.stringify({ ...good, id: `reel.0.${run}.run.run.1.request`, causationid: `reel.0.${run}.run.run.1.request`, runid: run });

/** Resolves when a fact is there for which `is` holds. */
function fact(run: string, is: (entry: Entry) => boolean): Promise<void> {
  const found = Promise.withResolvers<void>();
  const look = (entry: Entry): void => (entry.at.run === run && is(entry) ? found.resolve() : undefined);
  const stop = reader.follow(look);
  void reader.read(0, run).then(({ entries }) => entries.forEach(look), found.reject);
  return found.promise.finally(stop);
}
const isHeld = (entry: Entry): boolean => entry.at.id === 'ask' && entry.at.slot === 'verdict';

/** Has these runs looked over, as happens to all that are open every half minute, and waits until every service has done what it has to. */
async function settled(runs: readonly string[]): Promise<void> {
  await inTurns(runs, 24, (run) => store(`timer.0.saga-tracker.fired.${run}.look`, '').then(() => {}));
  await until(async () => {
    const all = await Promise.all(['REEL_0', 'CLOCK_0_saga-tracker'].map((stream) => manager.consumers.list(stream).next()));
    return all.flat().every(({ num_pending, num_ack_pending }) => num_pending + num_ack_pending === 0);
  });
}

/** True when somebody is told of what is stored there: not of what says at a glance that it is nothing to anybody. */
function isHeard({ type, body }: Poison, run: string): boolean {
  const [about, slot] = type.split('.');
  const glanced = peek(body(run).toString());
  const known = glanced === undefined ? undefined : definitionOf(glanced);
  if (![...heardTypes].some((one) => one.startsWith(`${about}.${slot}.`)) || about === 'fault') return false;
  return known === undefined || known.about !== about || known.slot !== slot || heardTypes.has(known.type);
}

/** Makes a run and poisons it. */
async function poisonRun(run: string, { at, ahead, body, blobs }: Poison): Promise<void> {
  for (const { writer, digest, body: value } of blobs) await store(blobSubject({ shard: 0, writer, run, digest }), value);
  const subject = `reel.0.${run}.${at.kind}.${at.id}.${at.n}.${at.slot}`;
  if (ahead || (at.kind === 'run' && at.slot === 'request')) {
    await store(subject, body(run));
    await store(`reel.0.${run}.run.run.1.request`, requested(run));
    return;
  }
  await store(`reel.0.${run}.run.run.1.request`, requested(run));
  await fact(run, isHeld);
  await store(subject, body(run));
}

async function inTurns<T>(all: readonly T[], width: number, work: (one: T, index: number) => Promise<void>): Promise<void> {
  const queue = all.entries();
  await Promise.all(
    Array.from({ length: width }, async () => {
      for (const [index, one] of queue) await work(one, index);
    }),
  );
}

/**
 * Measures the longest turn of the event loop in processor time, which does not depend on what else the machine does.
 * @returns how to stop, and how long it was, ms.
 */
function longestTurn(): () => number {
  const spent = (): number => process.threadCpuUsage().user / 1000;
  let before = spent();
  let longest = 0;
  const timer = setInterval(() => {
    const now = spent();
    longest = Math.max(longest, now - before);
    before = now;
  }, 10);
  return () => {
    clearInterval(timer);
    return longest;
  };
}

/** Whether something took effect cannot be told from rubbish: somebody is asked, and does not know either. */
async function giveUp(run: string): Promise<void> {
  const { approvals } = (await reel.ask<ApprovalPage>('GET', `/v1/approvals?run=${run}`)).body;
  const vote = { decision: 'grant', who: 'olga', why: 'nobody can tell', form: { action: 'end' } };
  for (const { id, kind } of approvals) if (kind === ASKED) await reel.ask('POST', `/v1/approvals/${id}`, vote);
}

describe(`facts gone bad (seed ${seed})`, () => {
  const all = poisons(seed, rounds);
  const runOf = (index: number): string => `P${seed}-${index}`;
  const told = ({ type, how, ahead }: Poison, index: number): string =>
    `${runOf(index)}: ${type}, ${how}, ${ahead ? 'ahead' : 'in the midst'}`;

  it('stop no service, for no longer than a moment', { timeout }, async () => {
    const longestMs = longestTurn();
    await inTurns(all, 24, (one, index) => poisonRun(runOf(index), one));
    await settled(all.map((_, index) => runOf(index)));
    // Eight services, the broker's client and this test share the loop: what would hold it up is looking through something without end.
    const turnMs = longestMs();
    assert.ok(turnMs < 3000, `the event loop stood still for ${Math.round(turnMs)} ms of processor time`);
    const { status } = await reel.finish({ name: 'good', steps: [{ id: 'mark', uses: 'mark' }] });
    assert.equal(status, 'completed');
    assert.equal(({} as { polluted?: boolean }).polluted, undefined);
  });

  it('leave every run to end under a name: in time, when it is cancelled, or when nobody can tell what somebody is asked about', {
    timeout,
  }, async () => {
    await inTurns(all, 16, async (poison, index) => {
      const run = runOf(index);
      const { status, body } = await reel.ask('POST', `/v1/runs/${run}/cancel`, { who: 'ada', why: 'enough' });
      // It cannot be read, or it ends in another way already.
      if (status === 409) assert.match(String(body.type), /^\/problems\/(invalid-request-fact|run-closing)$/, told(poison, index));
      else assert.ok([200, 202].includes(status), `${told(poison, index)}: ${status} ${JSON.stringify(body)}`);
    });
    const open = new Map(all.entries());
    for (const sinceMs = performance.now(); open.size > 0; ) {
      const left = [...open].map(([index, poison]) => told(poison, index));
      assert.ok(performance.now() - sinceMs < timeout / 2, `these do not end: ${left.join('; ')}`);
      await settled([...open.keys()].map(runOf));
      await inTurns([...open], 16, async ([index, poison]) => {
        const { status, body } = await reel.ask('GET', `/v1/runs/${runOf(index)}`);
        assert.ok(status === 200 || status === 409, `${told(poison, index)}: ${status} ${JSON.stringify(body)}`);
        if (status === 409 || ENDS.includes(body.status)) open.delete(index);
        else await giveUp(runOf(index));
      });
    }
  });

  it('can be seen, with why they cannot be read', { timeout }, async () => {
    let voids = 0;
    await inTurns(all, 16, async (poison, index) => {
      const run = runOf(index);
      const { at } = poison;
      const address = `reel.0.${run}.${at.kind}.${at.id}.${at.n}.${at.slot}`;
      const { events } = (await reel.ask<{ events: (CloudEvent | InvalidEntry)[] }>('GET', `/v1/runs/${run}/events`)).body;
      const line = storyTree(false, 200);
      const lines = events.map(line);
      const bad = events.findIndex((event) => 'invalid' in event && event.address === address);
      if (bad === -1) return;
      voids += 1;
      assert.match(lines[bad] as string, /void reel\.0\.\S+: ./, told(poison, index));
      const { status, body } = await reel.ask('GET', `/v1/runs/${run}`);
      if (status === 409) return assert.match(String(body.detail), /: ./, told(poison, index));
      if (!poison.ahead && isHeard(poison, run)) {
        const named = body.faults.some(({ event, problem }) => event === address && problem.message !== '');
        assert.ok(named, `${told(poison, index)}: nobody said that it cannot be read: ${JSON.stringify(body.faults)}`);
      }
      // What is delivered before its run is requested is no fault of anything; it is found when somebody waits for what stands there.
      if (poison.ahead && DECIDING.has(at.slot)) assert.notEqual(body.status, 'completed', told(poison, index));
    });
    assert.ok(voids > all.length / 3, `${voids} of ${all.length} could not be read`);
  });
});

it('every way of going bad is tried', () => {
  const ways = new Set(poisons(seed, rounds).map(({ how }) => how));
  assert.deepEqual(
    Object.keys(mutations).filter((how) => !ways.has(how)),
    [],
  );
});
