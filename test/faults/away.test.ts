/** What a service does while the broker is away from it: what it says is said once it is back, and what it missed it reads. */
import assert from 'node:assert/strict';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, beforeEach, test } from 'node:test';
import type { Entry } from '@reel/bus/history.ts';
import { connect } from '@reel/bus/jetstream/connect.ts';
import { openLog } from '@reel/bus/jetstream/event-log.ts';
import { openRunCache, type RunCache } from '@reel/bus/jetstream/run-cache.ts';
import type { Log } from '@reel/bus/log.ts';
import { publishOne } from '@reel/bus/runtime/publish.ts';
import { theRun } from '@reel/contracts/address.ts';
import { keyClaimed, runRequested } from '@reel/contracts/run.ts';
import { Workflow } from '@reel/contracts/workflow/format.ts';
import { openProxy, type TcpProxy } from '@reel/nats/proxy.ts';
import { installationIn } from '@reel/scripts/local/installation.ts';
import { type Local, startLocal } from '@reel/scripts/local/local.ts';
import { until } from '@reel/scripts/local/until.ts';
import type { NatsConnection } from 'nats';

type End = { readonly connection: NatsConnection; readonly log: Log; readonly reader: RunCache; readonly heard: Entry[] };

let dir: string;
let local: Local;
/** Everything of `far` goes through it. */
let proxy: TcpProxy;
let near: End;
let far: End;
let runs = 0;
let run: string;

async function end(servers: string): Promise<End> {
  const connection = await connect({ servers, credentials: installationIn(local.dir).credentials }, 'gateway');
  const reader = await openRunCache(connection, 1);
  const heard: Entry[] = [];
  reader.follow((entry) => heard.push(entry));
  return { connection, reader, heard, log: openLog('gateway', connection, reader) };
}
const workflow = Workflow.parse({ name: 'w', steps: [{ id: 's', uses: 't' }] });
const say = ({ log }: End, text = ''): ReturnType<typeof publishOne> =>
  publishOne(
    log,
    { source: 'gateway', shard: 0, run },
    runRequested(theRun, { requestedBy: 'ann', workflow, input: { text }, tools: {}, deadlineMs: 1 }),
  );
/** Says something else about the same run, in slot `n`. */
const claim = ({ log }: End, n: number): ReturnType<typeof publishOne> =>
  publishOne(log, { source: 'gateway', shard: 0, run }, keyClaimed({ kind: 'claim', id: 'key', n }, { run, request: 'r' }));
const status = async ({ connection }: End, type: string): Promise<void> => {
  for await (const one of connection.status()) if (one.type === type) return;
};

before(async () => {
  dir = await mkdtemp(join(tmpdir(), 'reel-away-'));
  local = await startLocal({ dir, services: [], logLevel: 'silent' });
  proxy = await openProxy(Number(new URL(local.nats).port));
  near = await end(local.nats);
  far = await end(`nats://127.0.0.1:${proxy.port}`);
});
beforeEach(() => {
  runs += 1;
  run = `R${runs}`;
});
after(async () => {
  await near.connection.close();
  await far.connection.close();
  await proxy.close();
  await local.stop();
  await rm(dir, { recursive: true, force: true });
});

test('what is said while the broker is away is said once it is back', async () => {
  const gone = status(far, 'disconnect');
  proxy.cut();
  await gone;
  const saying = say(far);
  proxy.heal();
  assert.equal((await saying).published, true);
  assert.equal((await near.reader.read(0, run)).entries.length, 1);
});

test('what was stored, and whose acknowledgement was lost with the connection, counts as said, and is known at once', async () => {
  proxy.delay(300);
  const saying = say(far);
  await until(() => near.heard.some(({ at }) => at.run === run));
  proxy.delay(0);
  const begin = performance.now();
  proxy.cut();
  proxy.heal();
  assert.equal((await saying).published, true);
  assert.ok(performance.now() - begin < 4000, 'as late as whoever waits for the acknowledgement');
  assert.equal((await near.reader.read(0, run)).entries.length, 1);
});

test('what somebody else said meanwhile stands, and the one who comes late is told', async () => {
  const gone = status(far, 'disconnect');
  proxy.cut();
  await gone;
  const saying = say(far, 'late');
  assert.equal((await say(near, 'first')).published, true);
  proxy.heal();
  assert.equal((await saying).published, false);
});

test('what the broker refuses is refused at once, however patient one is with a broker that is away', async () => {
  const outcome = publishOne(
    far.log,
    { source: 'gateway', shard: 0, run },
    { ...keyClaimed({ kind: 'claim', id: 'key', n: 1 }, { run, request: 'r' }), slot: 'verdict' },
  );
  await assert.rejects(outcome, /Permissions Violation/);
});

test('a follower who was away hears all that it missed, in order and once, without anything new being said', async () => {
  await say(near);
  await until(() => far.heard.some(({ at }) => at.run === run));
  const gone = status(far, 'disconnect');
  proxy.cut();
  await gone;
  for (let n = 1; n <= 700; n += 1) await claim(near, n);
  proxy.heal();
  const mine = (): Entry[] => far.heard.filter(({ at }) => at.run === run);
  await until(() => mine().length === 701);
  assert.deepEqual(
    mine().map(({ at }) => at.n),
    [1, ...Array.from({ length: 700 }, (_, i) => i + 1)],
  );
  const { entries } = await far.reader.read(0, run);
  assert.deepEqual(
    entries.map(({ seq }) => seq),
    (await near.reader.read(0, run, entries.at(-1)?.seq)).entries.map(({ seq }) => seq),
  );
});

test('a follower whose connection goes silent knows it in ten seconds or so, and hears all the same', { timeout: 60_000 }, async () => {
  await say(near);
  await until(() => far.heard.some(({ at }) => at.run === run));
  const back = status(far, 'disconnect');
  proxy.cut('silent');
  await claim(near, 1);
  const begin = performance.now();
  await back;
  assert.ok(performance.now() - begin < 20_000);
  proxy.heal();
  await until(() => far.heard.some(({ at }) => at.run === run && at.kind === 'claim'));
});
