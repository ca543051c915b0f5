/**
 * What nobody knows the end of is settled by an operator, on the command line: refunds that are paid and then cut off, at a desk that
 * honours no keys; or by the late result of a performer that was cut off from the broker when it had done its work.
 */
import assert from 'node:assert/strict';
import { once } from 'node:events';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { after, before, it } from 'node:test';
import type { Submitted, ToolList } from '@reel/gateway/shapes.ts';
import { type Replica, startReplica } from '@reel/scripts/chaos/replica.ts';
import { follow } from '@reel/scripts/cli/api.ts';
import { until } from '@reel/scripts/local/until.ts';
import { SERVICES } from '@reel/services/main.ts';
import { callReel } from '../fixtures/cli.ts';
import { type LocalReel, startReel } from '../fixtures/local-reel.ts';
import { type Refunds, startRefunds } from '../fixtures/refunds-server.ts';

const done = { description: 'done', content: { 'application/json': { schema: { type: 'object' } } } };
const openapi = {
  openapi: '3.1.0',
  info: { title: 'till', version: '1' },
  paths: { '/charge': { post: { operationId: 'charge', responses: { 200: done } } } },
};
/** How often it was charged, by the keys that came along. */
const charges = new Map<string, number>();
let cut: 'closed' | 'silent';
/** It does what it is asked, and whoever asked is cut off from the broker before they hear of it. */
const till: Server = createServer((request, response) => {
  const tell = (body: object): unknown => response.writeHead(200, { 'content-type': 'application/json' }).end(JSON.stringify(body));
  if (request.method === 'GET') return void tell(openapi);
  const key = String(request.headers['idempotency-key']);
  charges.set(key, (charges.get(key) ?? 0) + 1);
  performer.proxy.cut(cut);
  tell({ amount: 5 });
});

let reel: LocalReel;
let desk: Refunds;
/** The tool-executor, which has its own way to the broker. */
let performer: Replica;
before(async () => {
  desk = await startRefunds();
  till.listen(0, '127.0.0.1');
  await once(till, 'listening');
  const url = `http://127.0.0.1:${(till.address() as AddressInfo).port}`;
  const tools = { refund_plain: { compensation: { uses: 'unreserve', with: { place: '= result.refunded' } } } };
  const executor = 'tool-executor';
  reel = await startReel({
    services: SERVICES.filter((service) => service !== executor),
    modules: [join(import.meta.dirname, '../fixtures/tools.ts')],
    apis: {
      refunds: { document: `${desk.url}/openapi.json`, baseUrl: desk.url, tools },
      till: { document: `${url}/openapi.json`, baseUrl: url },
    },
  });
  process.env['REEL_API'] = reel.api;
  const { env, nats } = reel.local;
  performer = await startReplica({
    name: executor,
    services: [executor],
    env,
    natsPort: Number(new URL(nats).port),
    logFile: join(reel.dir, 'performer.log'),
  });
  await until(async () => {
    const names = (await reel.ask<ToolList>('GET', '/v1/tools')).body.tools.map(({ name }) => name);
    return ['refund_plain', 'unreserve', 'charge'].every((name) => names.includes(name));
  });
});
after(async () => {
  await performer?.stop();
  await reel?.close();
  await desk?.close();
  till.closeAllConnections();
  till.close();
});

/** Submits it, again for as long as the performer, which has just come or was cut off, is missed. @returns the run */
async function submitted(workflow: object): Promise<string> {
  const submit = () => reel.ask<Submitted>('POST', '/v1/runs', { workflow });
  let answer = await submit();
  await until(async () => answer.status !== 503 || (answer = await submit()).status !== 503);
  assert.equal(answer.status, 201, JSON.stringify(answer.body));
  return answer.body.id;
}

/** Waits until so many people have been asked in a run. */
async function asked(run: string, people: number): Promise<void> {
  let held = 0;
  for await (const told of follow(run)) if ('type' in told && told.type === 'step.verdict.held' && (held += 1) === people) return;
  assert.fail(`the run ended when ${held} of ${people} people had been asked`);
}

/** Requests a refund and looks at the desk. @returns the run, in which nobody knows that the order was paid back. */
async function inDoubt(order: string, escalate: object[] = []): Promise<string> {
  const steps = [{ id: 'refund', uses: 'refund_plain', with: { body: { order } } }];
  const run = await submitted({ name: 'refund', steps, escalate });
  await asked(run, 1);
  const { steps: stand } = (await reel.ask('GET', `/v1/runs/${run}`)).body;
  assert.equal(stand.find(({ id }) => id === 'refund')?.status, 'unknown');
  const look = { name: 'look', steps: [{ id: 'look', uses: 'look_at_refund', with: { order } }] };
  assert.deepEqual((await reel.finish(look)).answer, { look: { paid: 1 } });
  return run;
}

async function settle(run: string, ...how: string[]): Promise<void> {
  const said = await callReel(reel, ['settle', run, 'refund', ...how, '--who', 'olga', '--why', 'I looked at the bank']);
  assert.deepEqual(said, { code: 0, stdout: 'granted by olga\n', stderr: '' });
}

/** How a run ends, and with which arguments something was called in it, by place. */
async function endOf(run: string): Promise<object> {
  for await (const _ of follow(run));
  const { entries, findings } = await reel.log(run);
  assert.deepEqual(findings, []);
  const calls = entries.flatMap((entry) => {
    if (!('type' in entry) || entry.at.slot !== 'request' || !entry.at.kind.endsWith('tool')) return [];
    const { kind, id, n } = entry.at;
    return [[`${kind}.${id}.${n}`, (entry.data as { call: { arguments: object } }).call.arguments] as const];
  });
  const { status, answer, undone, stranded } = (await reel.ask('GET', `/v1/runs/${run}`)).body;
  const named = stranded.map(({ problem, ...at }) => ({ ...at, code: problem.code }));
  return { status, answer, undone, stranded: named, calls: Object.fromEntries(calls) };
}

const paid = (order: string): number | undefined => desk.ledger.get(order)?.paid;
const first = (order: string) => ({ 'tool.refund.1': { body: { order } } });
const nothing = { undone: [], stranded: [] };

it('--done: the run completes with the result, and nothing is called again', async () => {
  const run = await inDoubt('done');
  await settle(run, '--done', '{"refunded":"done"}');
  const answer = { refund: { refunded: 'done' } };
  assert.deepEqual(await endOf(run), { status: 'completed', answer, ...nothing, calls: first('done') });
  assert.equal(paid('done'), 1);
});

it('--retry: it is done again, and the run completes with what comes of that', async () => {
  const run = await inDoubt('again');
  await settle(run, '--retry');
  const calls = { ...first('again'), 'tool.refund-retry-1.1': { body: { order: 'again' } } };
  assert.deepEqual(await endOf(run), { status: 'completed', answer: { refund: { refunded: 'again' } }, ...nothing, calls });
  assert.equal(paid('again'), 2);
});

it('--retry --with: it is done with other arguments', async () => {
  // What the desk is asked for the first time is cut off.
  await assert.rejects(fetch(`${desk.url}/plain`, { method: 'POST', body: '{"order":"other"}' }));
  const run = await inDoubt('one');
  await settle(run, '--retry', '--with', '{"body":{"order":"other"}}');
  const calls = { ...first('one'), 'tool.refund-retry-1.1': { body: { order: 'other' } } };
  assert.deepEqual(await endOf(run), { status: 'completed', answer: { refund: { refunded: 'other' } }, ...nothing, calls });
  assert.deepEqual([paid('one'), paid('other')], [1, 2]);
});

it('--retry, of which nobody knows the end either: whoever comes next is asked, and settles it', async () => {
  const run = await inDoubt('cut', [{ to: 'ada', withinMs: 600_000 }]);
  await settle(run, '--retry', '--with', '{"body":{"order":"cut-off"}}');
  await asked(run, 2);
  await settle(run, '--done', '{"refunded":"cut-off"}');
  const calls = { ...first('cut'), 'tool.refund-retry-1.1': { body: { order: 'cut-off' } } };
  assert.deepEqual(await endOf(run), { status: 'completed', answer: { refund: { refunded: 'cut-off' } }, ...nothing, calls });
});

it('--retry, of which nobody knows the end either, and nobody is left to ask: the run ends stranded, and names that attempt', async () => {
  const run = await inDoubt('last');
  await settle(run, '--retry', '--with', '{"body":{"order":"the-last"}}');
  const stranded = [{ kind: 'tool', id: 'refund-retry-1', n: 1, code: 'unknown-effect' }];
  const calls = { ...first('last'), 'tool.refund-retry-1.1': { body: { order: 'the-last' } } };
  assert.deepEqual(await endOf(run), { status: 'stranded', answer: undefined, undone: [], stranded, calls });
});

it('--give-up: the run ends stranded, and names what nobody knows the end of', async () => {
  const run = await inDoubt('given-up');
  await settle(run, '--give-up');
  const stranded = [{ kind: 'tool', id: 'refund', n: 1, code: 'unknown-effect' }];
  assert.deepEqual(await endOf(run), { status: 'stranded', answer: undefined, undone: [], stranded, calls: first('given-up') });
  assert.equal(paid('given-up'), 1);
});

it('--give-up --done: the run fails, and what was done is undone by its result', async () => {
  const run = await inDoubt('undone');
  await settle(run, '--give-up', '--done', '{"refunded":"it-was"}');
  const undone = [{ kind: 'tool', id: 'refund', n: 1 }];
  const calls = { ...first('undone'), 'undo-tool.refund-1.1': { place: 'it-was' } };
  assert.deepEqual(await endOf(run), { status: 'failed', answer: undefined, undone, stranded: [], calls });
});

/** The connection ends, or it stays and nothing gets through. */
for (const how of ['closed', 'silent'] as const) {
  it(`its late result, when a connection is healed that was ${how}, though nobody answers`, { timeout: 60_000 }, async (context) => {
    context.after(() => performer.proxy.heal());
    cut = how;
    const steps = [
      { id: 'charge', uses: 'charge', timeoutMs: 1500 },
      { id: 'show', uses: 'echo', dependsOn: ['charge'], with: { value: '= steps.charge.amount' } },
    ];
    const run = await submitted({ name: 'charge', steps });
    await asked(run, 1);
    performer.proxy.heal();
    const calls = { 'tool.charge.1': {}, 'tool.show.1': { value: 5 } };
    assert.deepEqual(await endOf(run), { status: 'completed', answer: { show: { value: 5 } }, ...nothing, calls });
    assert.equal(charges.get(`${run}.tool.charge`), 1);
    const shown = (await reel.ask('GET', `/v1/runs/${run}`)).body.steps.find(({ id }) => id === 'charge');
    assert.deepEqual([shown?.status, shown?.result, shown?.problem], ['accepted', { amount: 5 }, undefined]);
    const { entries } = await reel.log(run);
    assert.deepEqual(
      entries.flatMap((entry) => ('type' in entry && entry.at.id.startsWith('charge') ? [`${entry.at.kind} ${entry.type}`] : [])),
      [
        'tool step.request.requested',
        'tool step.verdict.approved',
        'tool step.start.started',
        'tool step.outcome.timed-out',
        'person step.request.requested',
        'person step.verdict.held',
        'tool step.late.succeeded',
        'tool step.check.accepted',
        // Nobody has said a word, and nobody is asked any more.
        'person step.ruling.expired',
      ],
    );
  });
}
