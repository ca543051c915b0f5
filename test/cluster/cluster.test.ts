/**
 * Three nodes, three replicas, on disk before it is acknowledged: each node, and whoever leads, is killed and cut off while runs are in
 * flight. Nothing acknowledged is lost, nothing breaks the protocol, every run ends. REEL_CLUSTER_ROUNDS=3 for the long version.
 */
import assert from 'node:assert/strict';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { jetstreamManager } from '@nats-io/jetstream';
import { type Entry, isInvalid } from '@reel/bus/history.ts';
import { connect } from '@reel/bus/jetstream/connect.ts';
import { openRunCache, type RunCache } from '@reel/bus/jetstream/run-cache.ts';
import { bucketArchiveStore } from '@reel/bus/operator/archive-store.ts';
import { findings } from '@reel/bus/verifier/protocol.ts';
import { publishersOf } from '@reel/bus/verifier/publishers.ts';
import type { Cluster, Node } from '@reel/nats/cluster.ts';
import { ownServices } from '@reel/scripts/check/topology.ts';
import { installationIn } from '@reel/scripts/local/installation.ts';
import { type Local, startLocal } from '@reel/scripts/local/local.ts';
import { SERVICES } from '@reel/services/main.ts';
import type { NatsConnection } from 'nats';
import { ENDS, endOf, FORGOTTEN, type Load, startLoad, submit } from './runs.ts';
import { contend, disputes, writeOn } from './slots.ts';

const ROUNDS = Number(process.env['REEL_CLUSTER_ROUNDS'] ?? 0);
const WRITERS = 64;
const SLOTS = ROUNDS > 0 ? 10_000 : 200;
const IN_FLIGHT = 8;

type End = { readonly connection: NatsConnection; readonly reader: RunCache };
let dir: string;
let local: Local;
let cluster: Cluster;
let ends: End[];
/** Connections of their own, over the nodes in turn. */
let writers: End[];
let load: Load;
/** Every fact that somebody was told of while the nodes were failing, by its address. */
const heard = new Map<string, Entry>();
/** Where everything stands that was acknowledged to the test itself meanwhile, by its address. */
let acknowledged: ReadonlyMap<string, number>;
let longestMs = 0;

async function end(servers: string): Promise<End> {
  const connection = await connect({ servers, credentials: installationIn(local.dir).credentials }, 'gateway');
  return { connection, reader: await openRunCache(connection, 1) };
}
const figures = (what: object): void => {
  if (ROUNDS > 0) process.stderr.write(`${JSON.stringify(what)}\n`);
};

before(async () => {
  dir = await mkdtemp(join(tmpdir(), 'reel-cluster-'));
  const modules = [join(import.meta.dirname, 'ledger-tools.ts')];
  await writeFile(join(dir, 'tools.json'), JSON.stringify({ modules }));
  await writeFile(join(dir, 'ledger'), '');
  process.env['REEL_TEST_LEDGER'] = join(dir, 'ledger');
  const env = { REEL_PORT: '0', REEL_TOOLS: join(dir, 'tools.json'), REEL_TEST_LEDGER: join(dir, 'ledger') };
  local = await startLocal({
    dir: join(dir, 'reel'),
    services: SERVICES,
    clustered: true,
    syncInterval: 'always',
    env,
    logLevel: 'silent',
  });
  // With a second replica of each service in a process of its own, where there is time for it.
  if (ROUNDS > 0) await local.spawn(SERVICES.filter((name) => name !== 'gateway'));
  cluster = local.cluster as Cluster;
  ends = await Promise.all(cluster.nodes.map((node) => end(cluster.urlOf(node))));
  writers = await Promise.all(
    Array.from({ length: WRITERS }, async (_, n) => {
      const near = n % ends.length;
      const connection = await connect(
        { servers: cluster.urlOf(cluster.nodes[near] as Node), credentials: installationIn(local.dir).credentials },
        'gateway',
      );
      return { connection, reader: (ends[near] as End).reader };
    }),
  );
});
after(async () => {
  await Promise.all([...ends, ...writers].map(({ connection }) => connection.close()));
  await local.stop();
  await rm(dir, { recursive: true, force: true });
});

test('64 writers over three nodes: every slot has exactly one winner, stored as it was told', { timeout: 900_000 }, async () => {
  const contest = await contend('contest', writers, SLOTS);
  for (const { reader } of ends) assert.deepEqual(await disputes('contest', contest, reader), []);
  // Whoever was told too late finds their own fact there, and cannot know that it is theirs.
  assert.ok(contest.told.every(({ length }) => length <= 1));
  assert.ok(contest.told.filter(({ length }) => length === 1).length > SLOTS * 0.9);
  figures({ writers: WRITERS, slots: SLOTS, seconds: contest.seconds, publishesPerSecond: (WRITERS * SLOTS) / contest.seconds });
});

test('the same while their leader is killed: nobody is told wrong, and no slot stays empty', { timeout: 900_000 }, async () => {
  let killing: Promise<void> | undefined;
  const contest = await contend('killed', writers, SLOTS, (slot) => {
    if (slot === Math.floor(SLOTS / 2)) killing = cluster.leader('REEL_0').then((leader) => restarted(leader as Node));
  });
  await killing;
  for (const { reader } of ends) assert.deepEqual(await disputes('killed', contest, reader), []);
});

test('an archive in the Object Store is kept on every node', async () => {
  const connection = await connect({ servers: local.nats, credentials: installationIn(local.dir).credentials }, 'provisioner');
  const shelf = bucketArchiveStore(connection, 'kept');
  const content = Buffer.alloc(20 * 1024 * 1024, 'reel');
  await shelf.write('large', content);
  assert.deepEqual(await shelf.names(), ['large']);
  assert.ok((await shelf.read('large')).equals(content));
  const { config, state } = await (await jetstreamManager(connection, { checkAPI: false })).streams.info('OBJ_kept');
  await connection.close();
  assert.deepEqual([config.num_replicas, state.consumer_count], [3, 0]);
});

/** Kills a node and starts it again. */
async function restarted(node: Node): Promise<void> {
  await cluster.kill(node);
  await cluster.start(node);
  await cluster.whole();
}

test('runs go on whichever node is killed or cut off, and whoever leads', { timeout: 3_600_000 }, async () => {
  const faults = { killed: 0, cut: 0, silent: 0, isolated: 0 };
  load = startLoad(local.api as string, IN_FLIGHT);
  let lastMs = performance.now();
  const unfollow = (ends[0] as End).reader.follow((entry) => {
    longestMs = Math.max(longestMs, performance.now() - lastMs);
    lastMs = performance.now();
    heard.set(entry.address, entry);
  });
  const writing = writeOn('written', ends);
  const timed = await submit(local.api as string, FORGOTTEN);
  await load.more(IN_FLIGHT);
  const kill = async (node: Node): Promise<void> => {
    faults.killed += 1;
    await cluster.kill(node);
    await load.more(IN_FLIGHT);
    await cluster.start(node);
  };
  const cut = async (node: Node, kind: 'cut' | 'silent' | 'isolated'): Promise<void> => {
    faults[kind] += 1;
    cluster.cut(node, kind === 'isolated' ? 'nodes' : 'all', kind === 'silent' ? 'silent' : 'closed');
    await load.more(IN_FLIGHT);
    cluster.heal(node);
  };
  const leader = async (stream: string): Promise<Node> => {
    for (;;) {
      const one = await cluster.leader(stream);
      if (one !== undefined) return one;
    }
  };
  const plan: (() => Promise<void>)[] =
    ROUNDS === 0
      ? [async () => kill(await leader('REEL_0')), async () => cut(await leader('REEL_0'), 'isolated')]
      : Array.from({ length: ROUNDS }, () => [
          ...cluster.nodes.flatMap((node) => [
            () => kill(node),
            () => cut(node, 'cut'),
            () => cut(node, 'silent'),
            () => cut(node, 'isolated'),
          ]),
          ...['REEL_0', 'CLOCK_0_saga-tracker', 'BLOB_0', 'KV_tools'].map((stream) => async () => kill(await leader(stream))),
          ...(['cut', 'silent', 'isolated'] as const).map((kind) => async () => cut(await leader('REEL_0'), kind)),
        ]).flat();
  for (const step of plan) {
    await step();
    await load.more(1);
    await cluster.whole();
  }
  await load.stop();
  acknowledged = await writing.stop();
  await cluster.whole();
  // Nobody answers it, and its time ran out meanwhile: the clock has gone on as well.
  assert.equal(await endOf(local.api as string, timed), 'exhausted');
  unfollow();
  figures({ ...faults, runs: load.accepted.length, refused: load.refused.length, longestStallMs: Math.round(longestMs) });
});

test('every run that was accepted has ended, as it had to', () => {
  for (const { workflow, status, id, problem } of load.accepted)
    assert.equal(status, ENDS[workflow], `${workflow} ${id} ${status}: ${problem}`);
  assert.deepEqual(load.refused, []);
});

test('nothing that anybody was told of is lost, and nothing breaks the protocol', { timeout: 600_000 }, async () => {
  const stands = new Map<string, Entry>();
  const runs = new Map<string, Entry[]>();
  for await (const entry of (ends[1] as End).reader.scan(0, 'reel.0.>', 1)) {
    stands.set(entry.address, entry);
    const run = runs.get(entry.at.run) ?? [];
    run.push(entry);
    runs.set(entry.at.run, run);
  }
  const lost = [...heard.values()].filter((entry) => !isSame(entry, stands.get(entry.address)));
  // A few are enough: to show what differs in thousands would take all memory.
  assert.deepEqual(lost.slice(0, 3), [], `${lost.length} of ${heard.size} are lost, of ${stands.size} that stand`);
  assert.ok(acknowledged.size > 0);
  for (const [address, seq] of acknowledged) assert.equal(stands.get(address)?.seq, seq, `${address} was acknowledged`);
  const found: string[] = [];
  const circumstances = { now: Date.now(), cast: publishersOf(await ownServices()) };
  for (const { id } of load.accepted) found.push(...findings(runs.get(id) ?? assert.fail(`${id} is not there`), circumstances));
  assert.deepEqual(found, []);
  figures({ facts: stands.size, heard: heard.size, acknowledged: acknowledged.size, lost: lost.length, findings: found.length });
});

const isSame = (a: Entry, b: Entry | undefined): boolean =>
  b !== undefined && !isInvalid(a) && !isInvalid(b) && a.seq === b.seq && JSON.stringify(a.data) === JSON.stringify(b.data);

test('nothing was charged twice, and what had to be given back was', async () => {
  const lines = (await readFile(join(dir, 'ledger'), 'utf8')).trim().split('\n');
  const charges = lines.filter((line) => line.startsWith('charge '));
  assert.equal(new Set(charges).size, charges.length);
  const refunds = new Set(lines.filter((line) => line.startsWith('refund ')).map((line) => line.slice('refund '.length)));
  const undone = load.accepted.filter(({ workflow }) => workflow === 'undone');
  assert.deepEqual(new Set(undone.map(({ id }) => `${id}.tool.pay`)), refunds);
  assert.equal(charges.length, load.accepted.length);
});
