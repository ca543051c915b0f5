/**
 * What stays, and what nobody can tell. A call that is done once, or the undo of one, whose performer is killed or frozen in the middle of it: somebody is asked a few seconds
 * later, not when its time is up, and what they say, or the late result, decides. `REEL_DOUBT_ROUNDS`: how often each is tried, if more
 * than what it takes for every answer to be given once.
 */
import assert from 'node:assert/strict';
import { EventEmitter, once } from 'node:events';
import { writeFile } from 'node:fs/promises';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { after, before, describe, it, type TestContext } from 'node:test';
import type { Event } from '@reel/contracts/envelope.ts';
import type { ApprovalPage, ComponentList, Run, Submitted, ToolList } from '@reel/gateway/shapes.ts';
import { type Replica, startReplica } from '@reel/scripts/chaos/replica.ts';
import { follow } from '@reel/scripts/cli/api.ts';
import { until } from '@reel/scripts/local/until.ts';
import { SERVICES } from '@reel/services/main.ts';
import { callReel } from '../fixtures/cli.ts';
import { type LocalReel, startReel } from '../fixtures/local-reel.ts';

const ROUNDS = Number(process.env['REEL_DOUBT_ROUNDS'] ?? 0);
/** The time of a call: what is asked about sooner was not waited for to be over. */
const TIMEOUT_MS = 60_000;
const EXECUTOR = 'tool-executor';

type Called = { readonly replica: string; readonly answer: () => void };
/** What the till was asked for, each time, by run; it answers the first call of what it is told to hold only when the test says so. */
const calls = new Map<string, string[]>();
const till = new EventEmitter<{ held: [called: Called] }>();
let held: 'charge' | 'repay' | undefined;

const done = { description: 'done', content: { 'application/json': { schema: { type: 'object' } } } };
const post = (operationId: string): object => ({ post: { operationId, responses: { 200: done } } });
const openapi = {
  openapi: '3.1.0',
  info: { title: 'till', version: '1' },
  paths: { '/charge': post('charge'), '/repay': post('repay'), '/decline': post('decline'), '/ring': post('ring') },
};
const server: Server = createServer((request, response) => {
  const tell = (status: number, body: object): unknown =>
    response.writeHead(status, { 'content-type': 'application/json' }).end(JSON.stringify(body));
  const [, replica = '', tool = ''] = (request.url ?? '').split('/');
  if (request.method === 'GET') return void tell(200, openapi);
  if (tool === 'decline') return void tell(422, { title: 'never' });
  const run = String(request.headers['idempotency-key']).split('.')[0] as string;
  const before = calls.get(run) ?? [];
  calls.set(run, [...before, tool]);
  const answer = (): unknown => tell(200, { amount: 5 });
  if (tool === held && !before.includes(tool)) till.emit('held', { replica, answer });
  else answer();
});

let reel: LocalReel;
const replicas = new Map<string, Replica>();

/** A tool-executor with a way of its own to the broker, and to the till, which tells by it who has called. */
async function startExecutor(name: string): Promise<void> {
  const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  const tools = { charge: { timeoutMs: TIMEOUT_MS, compensation: { uses: 'repay', with: {} } }, repay: { timeoutMs: TIMEOUT_MS } };
  const file = join(reel.dir, `${name}.json`);
  await writeFile(file, JSON.stringify({ apis: { till: { document: `${url}/openapi.json`, baseUrl: `${url}/${name}`, tools } } }));
  const { env, nats } = reel.local;
  const options = { name, services: [EXECUTOR], env: { ...env, REEL_TOOLS: file }, natsPort: Number(new URL(nats).port) };
  replicas.set(name, await startReplica({ ...options, logFile: join(reel.dir, `${name}.log`) }));
}

const executors = async (): Promise<number> =>
  (await reel.ask<ComponentList>('GET', '/v1/components')).body.components.filter(({ name, offers }) => name === EXECUTOR && offers.tools)
    .length;
const ready = (): Promise<void> =>
  until(async () => {
    const names = (await reel.ask<ToolList>('GET', '/v1/tools')).body.tools.map(({ name }) => name);
    return ['charge', 'repay', 'decline', 'ring'].every((name) => names.includes(name)) && (await executors()) >= replicas.size;
  });

before(async () => {
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  reel = await startReel({ services: SERVICES.filter((service) => service !== EXECUTOR) });
  process.env['REEL_API'] = reel.api;
  await startExecutor('one');
  await ready();
});
after(async () => {
  await Promise.all([...replicas.values()].map((replica) => replica.stop()));
  await reel?.close();
  server.closeAllConnections();
  server.close();
});

const STEPS = {
  charge: [{ id: 'charge', uses: 'charge' }],
  repay: [
    { id: 'charge', uses: 'charge' },
    { id: 'no', uses: 'decline', dependsOn: ['charge'] },
  ],
};

type Doubtful = { readonly run: string; readonly replica: Replica; readonly answer: () => void; readonly sinceMs: number };

/** Has the till called by a run, and does something to whoever calls it in the middle of that. */
async function interrupted(what: 'charge' | 'repay', how: (replica: Replica) => void): Promise<Doubtful> {
  held = what;
  const calling = once(till, 'held') as Promise<[Called]>;
  const submit = () => reel.ask<Submitted>('POST', '/v1/runs', { workflow: { name: what, steps: STEPS[what] } });
  let accepted = await submit();
  await until(async () => accepted.status !== 503 || (accepted = await submit()).status !== 503);
  assert.equal(accepted.status, 201, JSON.stringify(accepted.body));
  const [{ replica: name, answer }] = await calling;
  const replica = replicas.get(name) as Replica;
  const sinceMs = Date.now();
  how(replica);
  return { run: accepted.body.id, replica, answer, sinceMs };
}

/** Waits until somebody is asked. @returns after how many ms */
async function asked({ run, sinceMs }: Doubtful): Promise<number> {
  for await (const told of follow(run))
    if ('type' in told && /^(step|undo)\.verdict\.held$/.test(told.type)) return Date.parse(told.time) - sinceMs;
  assert.fail(`${run} ended, and nobody was asked`);
}

async function end({ run }: Doubtful): Promise<Run> {
  for await (const _ of follow(run));
  assert.deepEqual((await reel.log(run)).findings, []);
  assert.deepEqual((await reel.ask<ApprovalPage>('GET', `/v1/approvals?run=${run}`)).body.approvals, []);
  return (await reel.ask('GET', `/v1/runs/${run}`)).body;
}

async function settle({ run }: Doubtful, how: readonly string[]): Promise<void> {
  const said = await callReel(reel, ['settle', run, 'charge', ...how, '--who', 'olga', '--why', 'I looked at the bank']);
  assert.deepEqual(said, { code: 0, stdout: 'granted by olga\n', stderr: '' });
}

/** A few seconds, most of which a process takes to start: many more on a machine that is busy, and yet not the time of a call. */
function soon(context: TestContext, waits: readonly number[]): void {
  context.diagnostic(`asked after ${waits.map((ms) => (ms / 1000).toFixed(1)).join(', ')} s`);
  for (const ms of waits) assert.ok(ms < TIMEOUT_MS / 2, `they were asked only after ${ms} ms`);
}

const charge = { kind: 'tool', id: 'charge', n: 1 };
/** What people say, how the run ends with that, and what the till was asked for. */
const ANSWERS = {
  charge: [
    { how: ['--done', '{"amount":5}'], ends: ['completed', [], []], called: ['charge'] },
    { how: ['--retry'], ends: ['completed', [], []], called: ['charge', 'charge'] },
    { how: ['--give-up'], ends: ['stranded', [], ['in-doubt']], called: ['charge'] },
    { how: ['--give-up', '--done', '{"amount":5}'], ends: ['failed', [charge], []], called: ['charge', 'repay'] },
  ],
  repay: [
    { how: ['--done', '{}'], ends: ['failed', [charge], []], called: ['charge', 'repay'] },
    { how: ['--retry'], ends: ['failed', [charge], []], called: ['charge', 'repay', 'repay'] },
    { how: ['--give-up'], ends: ['stranded', [], ['undo-in-doubt']], called: ['charge', 'repay'] },
  ],
};

const KINDS = [
  ['charge', 'a step'],
  ['repay', 'an undo'],
] as const;

/** Has it interrupted, somebody asked, and what they say done, beginning with the answer of that number. */
async function answered(context: TestContext, what: 'charge' | 'repay', from: number, how: (replica: Replica) => void): Promise<void> {
  const waits: number[] = [];
  for (let round = 0; round < Math.max(ROUNDS, 2); round += 1) {
    const answers = ANSWERS[what];
    const { how: answer, ends, called } = answers[(from + round) % answers.length] as (typeof answers)[number];
    const doubt = await interrupted(what, how);
    waits.push(await asked(doubt));
    await settle(doubt, answer);
    const { status, undone, remaining } = await end(doubt);
    assert.deepEqual([status, undone, remaining.map(({ why }) => why)], ends, answer.join(' '));
    assert.deepEqual(calls.get(doubt.run), called, answer.join(' '));
    await ready();
  }
  soon(context, waits);
}

describe('done once, and cut off in the middle, is', { timeout: 900_000 }, () => {
  for (const [what, named] of KINDS)
    it(`${named} whose only performer is killed, and started again`, async (context) => {
      await answered(context, what, 0, (replica) => replica.kill(0));
    });

  it('(another performer comes)', async () => {
    await startExecutor('two');
    await ready();
  });

  for (const [what, named] of KINDS)
    it(`${named} whose performer is killed while there is another`, async (context) => {
      await answered(context, what, 2, (replica) => replica.kill(4000));
    });

  for (const [what, named] of KINDS)
    it(`${named} whose performer is frozen: its late result settles it, and nobody is asked any more`, async (context) => {
      const waits: number[] = [];
      for (let round = 0; round < Math.max(ROUNDS, 1); round += 1) {
        const doubt = await interrupted(what, (replica) => replica.freeze());
        waits.push(await asked(doubt));
        doubt.replica.thaw();
        doubt.answer();
        const { status, undone, remaining } = await end(doubt);
        assert.deepEqual([status, undone, remaining], what === 'charge' ? ['completed', [], []] : ['failed', [charge], []]);
        assert.deepEqual(calls.get(doubt.run), what === 'charge' ? ['charge'] : ['charge', 'repay']);
        const facts = (await reel.log(doubt.run)).entries as Event[];
        const told = facts.flatMap(({ type }) => (/unknown|late|expired/.test(type) ? [type] : []));
        const about = what === 'charge' ? 'step' : 'undo';
        assert.deepEqual(told, [`${about}.outcome.unknown`, `${about}.late.succeeded`, `${about}.ruling.expired`]);
        await ready();
      }
      soon(context, waits);
    });
});

describe('what a failed run did', () => {
  before(() => {
    held = undefined;
  });
  const done = async (steps: object[]): Promise<Run> => (await reel.pursue({ workflow: { name: 'stays', steps } })).body;

  it('is listed with what it returned where nothing undoes it, and the command line tells of it', async () => {
    const { id, status, remaining } = await done([
      { id: 'bell', uses: 'ring' },
      { id: 'no', uses: 'decline', dependsOn: ['bell'] },
    ]);
    const problem = { code: 'no-compensation', message: 'attempt 1 at tool "bell" took effect, and nothing undoes it', step: 'bell' };
    const bell = { kind: 'tool', id: 'bell', n: 1, uses: 'ring', why: 'no-compensation', problem, result: { amount: 5 } };
    assert.deepEqual([status, remaining], ['failed', [{ ...bell, fact: `reel.0.${id}.tool.bell.1.outcome` }]]);
    const { stdout } = await callReel(reel, ['show', id]);
    assert.match(stdout.replaceAll(/\n +/g, ' '), /left behind: bell \(ring\): .*nothing undoes it; it returned \{"amount":5\}/);
    assert.deepEqual((await reel.log(id)).findings, []);
  });

  it('is listed or undone as well where its result was not what was promised', async () => {
    const assertion = { assert: ['result.amount = 6'] };
    const [stays] = (await done([{ id: 'bell', uses: 'ring', ...assertion }])).remaining;
    assert.deepEqual([stays?.why, stays?.rejected?.code, stays?.result], ['no-compensation', 'assertion-failed', { amount: 5 }]);
    const { status, undone, remaining } = await done([{ id: 'charge', uses: 'charge', ...assertion }]);
    assert.deepEqual([status, undone, remaining], ['failed', [charge], []]);
  });

  it('is not listed where the run completed: it was meant to be done', async () => {
    const { status, remaining } = await done([{ id: 'bell', uses: 'ring' }]);
    assert.deepEqual([status, remaining], ['completed', []]);
  });
});
