/**
 * More than can be done: a flood of runs, with every service in a process of its own, and readers who do not read. Memory stays within
 * bounds, what is too much is turned away, and nothing that was accepted is lost. REEL_PRESSURE_RUNS=20000 for the long version.
 */
import assert from 'node:assert/strict';
import type { ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { existsSync } from 'node:fs';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { connect as dial, type Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { setTimeout as wait } from 'node:timers/promises';
import { type Entry, isInvalid } from '@reel/bus/history.ts';
import { connect } from '@reel/bus/jetstream/connect.ts';
import { openRunCache, type RunCache } from '@reel/bus/jetstream/run-cache.ts';
import { openFullLog } from '@reel/bus/operator/full-log.ts';
import { OPERATOR } from '@reel/bus/runtime/role.ts';
import { nothingVerified, verifyShard } from '@reel/bus/verifier/verify.ts';
import { memoryOf } from '@reel/scripts/bench/size.ts';
import { freePort } from '@reel/scripts/local/free-port.ts';
import { installationIn } from '@reel/scripts/local/installation.ts';
import { type Local, startLocal } from '@reel/scripts/local/local.ts';
import { castIn } from '@reel/scripts/local/operator.ts';
import { until } from '@reel/scripts/local/until.ts';
import { SERVICES } from '@reel/services/main.ts';
import type { NatsConnection } from 'nats';
import { flood, secondsIn } from './pressure-flood.ts';

const RUNS = Number(process.env['REEL_PRESSURE_RUNS'] ?? 1000);
const LONG = RUNS > 1000;
const MAX_BACKLOG = LONG ? 500 : 100;
/** The heap that the image gives each service, in MB, and what its process may take with it, however many runs there are. */
const HEAP_MB = 256;
const MOST_MB = 450;
/** The broker's grows with what is in the log, by a few hundred bytes a fact. */
const BROKER_MB = 800;

let dir: string;
let local: Local;
let api: string;
let connection: NatsConnection;
let reader: RunCache;
const processes = new Map<string, ChildProcess>();
/** Each run's end, as it is said. */
const ends = new Map<string, Entry>();

before(async () => {
  dir = await mkdtemp(join(tmpdir(), 'reel-pressure-'));
  await writeFile(join(dir, 'tools.json'), JSON.stringify({ modules: [join(import.meta.dirname, '../cluster/ledger-tools.ts')] }));
  const port = await freePort();
  local = await startLocal({
    dir: join(dir, 'reel'),
    services: [],
    env: {
      REEL_PORT: String(port),
      REEL_TOOLS: join(dir, 'tools.json'),
      REEL_MAX_BACKLOG: String(MAX_BACKLOG),
      NODE_OPTIONS: `--max-old-space-size=${HEAP_MB}`,
    },
    logLevel: 'silent',
  });
  api = `http://127.0.0.1:${port}`;
  await Promise.all(SERVICES.map(async (name) => processes.set(name, await local.spawn([name]))));
  connection = await connect({ servers: local.nats, credentials: installationIn(local.dir).credentials }, 'gateway');
  reader = await openRunCache(connection, 1);
  reader.follow((entry) => {
    if (entry.at.kind === 'run' && entry.at.slot === 'outcome') ends.set(entry.at.run, entry);
  });
  while (((await (await fetch(`${api}/v1/tools`)).json()) as { tools: unknown[] }).tools.length === 0);
});
after(async () => {
  await connection.close();
  await local.stop();
  await rm(dir, { recursive: true, force: true });
});

async function memory(): Promise<Map<string, { nowMb: number; peakMb: number }>> {
  const broker = Number(await readFile(installationIn(local.dir).pidFile, 'utf8'));
  const pids = [...[...processes].map(([name, { pid }]) => [name, pid as number] as const), ['broker', broker] as const];
  return new Map(await Promise.all(pids.map(async ([name, pid]) => [name, await memoryOf(pid)] as const)));
}
const figures = (what: object): void => {
  if (LONG) process.stderr.write(`${JSON.stringify(what)}\n`);
};
const short = (of: Map<string, { peakMb: number }>): object =>
  Object.fromEntries([...of].map(([name, { peakMb }]) => [name, Math.round(peakMb)]));

/** Two steps, and something to carry. */
const body = (n: number): object => ({
  workflow: {
    name: 'flood',
    steps: [
      { id: 'a', uses: 'look' },
      { id: 'b', uses: 'look', dependsOn: ['a'] },
    ],
    answer: { value: { n: '= input.n', seen: '= steps.b.seen' } },
  },
  input: { n, text: 'x'.repeat(2000) },
});

test(`a flood of ${RUNS} runs: what is too much is turned away, what was accepted ends, and memory stays within bounds`, {
  skip: !existsSync('/proc/self/status'),
  timeout: 3_600_000,
}, async () => {
  const begin = performance.now();
  // Nobody looks at a run until one too many was sent, so that there is one too many on every machine.
  const policy = processes.get('policy') as ChildProcess;
  policy.kill('SIGSTOP');
  const first = await flood(api, RUNS / 2, 128, body, () => policy.kill('SIGCONT')).finally(() => policy.kill('SIGCONT'));
  const floodedS = (performance.now() - begin) / 1000;
  await until(() => [...first.accepted].every((run) => ends.has(run)));
  const half = await memory();
  figures({ runs: RUNS / 2, turnedAway: first.turnedAway, floodedS, endedS: (performance.now() - begin) / 1000, peakMb: short(half) });
  const second = await flood(api, RUNS / 2, 128, body);
  const accepted = new Set([...first.accepted, ...second.accepted]);
  await until(() => [...second.accepted].every((run) => ends.has(run)));
  const whole = await memory();
  figures({
    runs: RUNS,
    turnedAway: first.turnedAway + second.turnedAway,
    endedS: (performance.now() - begin) / 1000,
    peakMb: short(whole),
  });
  // A 429 without a wait that can be heeded is strange.
  assert.deepEqual([...first.strange, ...second.strange], []);
  assert.ok(first.turnedAway > 0, 'none was turned away');
  assert.equal(accepted.size, RUNS);
  for (const run of accepted) assert.equal(typeOf(ends.get(run)), 'run.outcome.completed');
  for (const [name, { peakMb }] of whole) assert.ok(peakMb < (name === 'broker' ? BROKER_MB : MOST_MB), `${name} took ${peakMb} MB`);
  const operator = await connect({ servers: local.nats, credentials: installationIn(local.dir).credentials }, OPERATOR);
  const verified = nothingVerified();
  await verifyShard(await openFullLog(operator), 0, { now: Date.now(), cast: await castIn(local.dir) }, verified);
  await operator.close();
  assert.deepEqual(verified.findings, []);
  assert.equal(verified.runs, RUNS);
});

const typeOf = (entry: Entry | undefined): string | undefined => (entry === undefined || isInvalid(entry) ? undefined : entry.type);

test('whoever is turned away and comes again under the same key is let in once, and found again while others are not', async () => {
  const send = async (key: string): Promise<{ status: number; id: string | undefined; retryAfter: string | null }> => {
    const headers = { 'content-type': 'application/json', 'idempotency-key': key };
    const response = await fetch(`${api}/v1/runs`, { method: 'POST', headers, body: JSON.stringify(body(0)) });
    const { id } = (await response.json()) as { id?: string };
    return { status: response.status, id, retryAfter: response.headers.get('retry-after') };
  };
  const mine = await send('mine');
  assert.equal(mine.status, 201);
  await until(() => ends.has(mine.id as string));
  const policy = processes.get('policy') as ChildProcess;
  policy.kill('SIGSTOP');
  try {
    const more = await flood(api, MAX_BACKLOG, 128, body);
    assert.deepEqual([more.accepted.size, more.strange], [MAX_BACKLOG, []]);
    const { status, retryAfter } = await send('another');
    assert.equal(status, 429);
    assert.ok(secondsIn(retryAfter), `Retry-After is ${retryAfter}`);
    assert.deepEqual(await send('mine'), { status: 200, id: mine.id, retryAfter: null });
  } finally {
    policy.kill('SIGCONT');
  }
  let late = await send('another');
  while (late.status === 429) {
    await wait((secondsIn(late.retryAfter) ?? assert.fail(`Retry-After is ${late.retryAfter}`)) * 1000);
    late = await send('another');
  }
  assert.equal(late.status, 201);
});

test('eighty readers who do not read, of a run of megabytes, cost the gateway next to nothing', {
  skip: !existsSync('/proc/self/status'),
}, async () => {
  const pid = processes.get('gateway')?.pid as number;
  const steps = Array.from({ length: 40 }, (_, n) => ({ id: `p${n}`, uses: 'picture', dependsOn: n === 0 ? [] : [`p${n - 1}`] }));
  const submit = async (): Promise<string> => {
    const headers = { 'content-type': 'application/json', prefer: 'wait=30' };
    const response = await fetch(`${api}/v1/runs`, {
      method: 'POST',
      headers,
      body: JSON.stringify({ workflow: { name: 'album', steps } }),
    });
    return ((await response.json()) as { id: string }).id;
  };
  const run = await submit();
  await until(() => ends.has(run));
  await (await fetch(`${api}/v1/runs/${run}/events`, { headers: { accept: 'text/event-stream' } })).text();
  const before = await memoryOf(pid);
  const sockets = await Promise.all(Array.from({ length: 80 }, () => slow(run)));
  // Kept for them, it would take more than 320 MB. One who reads gets all of it meanwhile, and so do the others, once they do.
  const all = await (await fetch(`${api}/v1/runs/${run}/events`, { headers: { accept: 'text/event-stream' } })).text();
  assert.ok(all.length > 4_000_000);
  const after = await memoryOf(pid);
  assert.ok(after.nowMb - before.nowMb < 150, `it grew from ${before.nowMb} to ${after.nowMb} MB`);
  const late = await rest(sockets[0] as Socket);
  assert.ok(late >= all.length, `the first got ${late} of ${all.length} bytes`);
  for (const socket of sockets) socket.destroy();
});

/** A reader who asks, hears the first word, and reads no further. */
async function slow(run: string): Promise<Socket> {
  const socket = dial(Number(new URL(api).port), '127.0.0.1');
  socket.write(`GET /v1/runs/${run}/events HTTP/1.1\r\nhost: 127.0.0.1\r\naccept: text/event-stream\r\nconnection: close\r\n\r\n`);
  await once(socket, 'readable');
  return socket;
}
/** How many bytes are left for it. */
async function rest(socket: Socket): Promise<number> {
  let bytes = 0;
  for await (const chunk of socket) bytes += (chunk as Buffer).length;
  return bytes;
}
