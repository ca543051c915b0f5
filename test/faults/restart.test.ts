/**
 * Whatever a run waits for outlives a restart of everything: a broker, a gateway and services that are killed at once, all while runs
 * wait for another try, a hung tool, a step's time, a person and their deadline, find each of them where it was, and none ends too soon.
 */
import assert from 'node:assert/strict';
import type { ChildProcess } from 'node:child_process';
import { EventEmitter, once } from 'node:events';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { type Entry, isInvalid } from '@reel/bus/history.ts';
import type { Approval, Run, Submitted, ToolList } from '@reel/gateway/shapes.ts';
import { ask, follow } from '@reel/scripts/cli/api.ts';
import { freePort } from '@reel/scripts/local/free-port.ts';
import { until } from '@reel/scripts/local/until.ts';
import { SERVICES } from '@reel/services/main.ts';
import { type LocalReel, startReel } from '../fixtures/local-reel.ts';

/** Long enough that everything is killed well before the first of them is over, also on a machine that is busy. */
const BACKOFF_MS = 12_000;
const TIMEOUT_MS = 20_000;
const WITHIN_MS = 24_000;
const DEADLINE_MS = 20_000;

/** The world, which is not restarted: it remembers under which keys it was called. */
const calls = new Map<string, string[]>();
const world = new EventEmitter<{ hung: [path: string] }>();
const operation = (operationId: string): object => ({
  post: { operationId, responses: { 200: { description: 'done', content: { 'application/json': { schema: { type: 'object' } } } } } },
});
const openapi = {
  openapi: '3.1.0',
  info: { title: 'moody', version: '1' },
  paths: { '/busy': operation('busy_once'), '/hang': operation('hangs_once'), '/stuck': operation('busy_then_stuck') },
};
/** What each path does the first time, and what after that. 429: it was not taken up, and may be tried again. */
const moods: { readonly [path: string]: readonly [first: 'busy' | 'hang', then: 'done' | 'hang'] } = {
  '/busy': ['busy', 'done'],
  '/hang': ['hang', 'done'],
  '/stuck': ['busy', 'hang'],
};
const api: Server = createServer((request, response) => {
  const tell = (status: number, body: object): unknown =>
    response.writeHead(status, { 'content-type': 'application/json' }).end(JSON.stringify(body));
  const path = request.url ?? '';
  const mood = moods[path];
  if (mood === undefined) return void tell(200, openapi);
  const before = calls.get(path) ?? [];
  calls.set(path, [...before, String(request.headers['idempotency-key'])]);
  const now = before.length === 0 ? mood[0] : mood[1];
  if (now === 'hang') return void world.emit('hung', path);
  tell(now === 'busy' ? 429 : 200, { calls: before.length + 1 });
});

let reel: LocalReel;
let children: ChildProcess[] = [];
let killedMs: number;
const behind = SERVICES.filter((name) => name !== 'gateway');
const start = async (): Promise<void> => {
  children = await Promise.all([reel.local.spawn(['gateway']), reel.local.spawn(behind)]);
};

/** None of them is told beforehand, and none is left when the first comes back. */
async function restartEverything(): Promise<void> {
  killedMs = Date.now();
  const gone = children.map((child) => once(child, 'exit'));
  for (const child of children) child.kill('SIGKILL');
  const broker = reel.local.restartBroker('SIGKILL');
  await Promise.all([broker, ...gone]);
  await start();
}

const submit = async (step: object, more: object = {}): Promise<string> =>
  (await ask<Submitted>('POST', '/v1/runs', { workflow: { name: 'waits', ...more, steps: [{ id: 's', ...step }] } })).id;
/** Resolves when the run says this of its step. */
async function said(run: string, type: string): Promise<void> {
  for await (const told of follow(run)) if ('type' in told && told.type === type) return;
  assert.fail(`${run} ended without ${type}`);
}
async function ended(run: string): Promise<Run> {
  for await (const _ of follow(run));
  return await ask<Run>('GET', `/v1/runs/${run}`);
}
/** The readable facts of a run, which has kept to the protocol. */
async function factsOf(run: string): Promise<Exclude<Entry, { invalid: string }>[]> {
  const { entries, findings } = await reel.log(run);
  assert.deepEqual(findings, [], run);
  return entries.filter((entry) => !isInvalid(entry)) as Exclude<Entry, { invalid: string }>[];
}
type Facts = Awaited<ReturnType<typeof factsOf>>;
const all = (facts: Facts, type: string): Facts => facts.filter((fact) => fact.type === type);
const the = (facts: Facts, type: string, n = 1): Facts[number] => {
  const found = all(facts, type).find(({ at }) => at.n === n);
  assert.ok(found, `there is no ${type} ${n} among ${facts.map((fact) => fact.type).join(' ')}`);
  return found;
};
/** It was still to come when everything was killed, and came no sooner than it was due. */
function came(at: number, dueMs: number): void {
  assert.ok(killedMs < dueMs, `everything was killed ${killedMs - dueMs} ms too late for this to say anything`);
  assert.ok(at >= dueMs, `it came ${dueMs - at} ms too soon`);
}

describe('a restart of everything, killed at once', { timeout: 180_000 }, () => {
  let runs: { [wait in 'person' | 'hangs' | 'endless' | 'deadline' | 'within' | 'backoff']: string };
  let open: Approval[];
  const approvals = async (): Promise<Approval[]> =>
    (await ask<{ approvals: Approval[] }>('GET', `/v1/approvals?run=${runs.person}`)).approvals;

  before(async () => {
    api.listen(0, '127.0.0.1');
    await once(api, 'listening');
    const url = `http://127.0.0.1:${(api.address() as AddressInfo).port}`;
    const retry = { attempts: 3, delayMs: BACKOFF_MS };
    const tools = {
      busy_once: { effect: 'idempotent' },
      hangs_once: { effect: 'idempotent', timeoutMs: 60_000 },
      busy_then_stuck: { effect: 'read-only', timeoutMs: 60_000, withinMs: WITHIN_MS, retry },
    };
    const port = await freePort();
    reel = await startReel({
      services: [],
      modules: [join(import.meta.dirname, '../fixtures/tools.ts')],
      apis: { moody: { document: `${url}/openapi.json`, baseUrl: url, tools } },
      env: { REEL_PORT: String(port) },
    });
    process.env['REEL_API'] = `http://127.0.0.1:${port}`;
    await start();
    const known = async (): Promise<string[]> => (await ask<ToolList>('GET', '/v1/tools')).tools.map(({ name }) => name);
    await until(async () => {
      const names = await known();
      return ['endless', 'hangs_once'].every((name) => names.includes(name));
    });

    const hangs = once(world, 'hung');
    const question = { kind: 'person', prompt: 'Go on?', form: { type: 'object' }, timeoutMs: 600_000 };
    // What waits for the shortest time is begun last.
    runs = {
      person: await submit(question),
      hangs: await submit({ uses: 'hangs_once' }),
      endless: await submit({ uses: 'endless', timeoutMs: TIMEOUT_MS }),
      deadline: await submit({ ...question, timeoutMs: DEADLINE_MS }, { deadlineMs: DEADLINE_MS }),
      within: await submit({ uses: 'busy_then_stuck' }),
      backoff: await submit({ uses: 'busy_once', retry }),
    };
    await Promise.all([
      said(runs.person, 'step.verdict.held'),
      hangs,
      said(runs.endless, 'step.verdict.approved'),
      said(runs.deadline, 'step.verdict.held'),
      said(runs.within, 'step.retry.postponed'),
      said(runs.backoff, 'step.retry.postponed'),
    ]);
    open = await approvals();
    await restartEverything();
  });
  after(async () => {
    await reel.close();
    api.closeAllConnections();
    api.close();
  });

  it('leaves a person’s question open, until when it was, and their answer completes the run', async () => {
    assert.equal(open.length, 1);
    assert.deepEqual(await approvals(), open);
    await ask('POST', `/v1/approvals/${open[0]?.id}`, { decision: 'grant', who: 'ada', why: 'yes', form: { fine: true } });
    const { status, answer } = await ended(runs.person);
    assert.deepEqual([status, answer], ['completed', { s: { fine: true } }]);
    await factsOf(runs.person);
  });

  it('has the attempt taken up again whose tool hung, as the same attempt, under the same key', async () => {
    const { status, answer } = await ended(runs.hangs);
    assert.deepEqual([status, answer], ['completed', { s: { calls: 2 } }]);
    assert.deepEqual(calls.get('/hang'), [`${runs.hangs}.tool.s`, `${runs.hangs}.tool.s`]);
    const facts = await factsOf(runs.hangs);
    assert.deepEqual([all(facts, 'step.request.requested').length, all(facts, 'step.start.started').length], [1, 1]);
  });

  it('tries again when it is time to, and once', async () => {
    const { status, answer } = await ended(runs.backoff);
    assert.deepEqual([status, answer], ['completed', { s: { calls: 2 } }]);
    const facts = await factsOf(runs.backoff);
    const { untilMs } = the(facts, 'step.retry.postponed').data as { untilMs: number };
    came(the(facts, 'step.wake.due').time, untilMs);
    assert.deepEqual([all(facts, 'step.request.requested').length, calls.get('/busy')?.length], [2, 2]);
  });

  it('ends an attempt that hangs for good when its time is up, counted from before', async () => {
    const { status, problem } = await ended(runs.endless);
    assert.deepEqual([status, problem?.code], ['failed', 'timed-out']);
    const facts = await factsOf(runs.endless);
    came(the(facts, 'run.closing.failing').time, the(facts, 'step.verdict.approved').time + TIMEOUT_MS);
    assert.equal(all(facts, 'step.request.requested').length, 1);
  });

  it('ends a run at its deadline', async () => {
    const { status, problem, deadlineAt } = await ended(runs.deadline);
    assert.deepEqual([status, problem?.code], ['exhausted', 'deadline-passed']);
    came(the(await factsOf(runs.deadline), 'run.closing.exhausted').time, Date.parse(deadlineAt as string));
  });

  it('gives a step the time that is left of its own, counted from its first attempt, and no attempt after that', async () => {
    const { status, problem } = await ended(runs.within);
    assert.deepEqual([status, problem?.code], ['failed', 'timed-out']);
    const facts = await factsOf(runs.within);
    const dueMs = the(facts, 'step.request.requested').time + WITHIN_MS;
    const second = the(facts, 'step.request.requested', 2);
    const { call } = second.data as { call: { timeoutMs: number } };
    assert.equal(the(facts, 'step.wake.due').time + call.timeoutMs, dueMs);
    came(the(facts, 'run.closing.failing').time, dueMs);
    assert.deepEqual([all(facts, 'step.request.requested').length, calls.get('/stuck')?.length], [2, 2]);
  });
});
