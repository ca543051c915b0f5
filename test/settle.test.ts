/** An operator settles, on the command line, what nobody knows the end of: refunds that are paid and then cut off, at a desk that honours no keys. */
import assert from 'node:assert/strict';
import { join } from 'node:path';
import { after, before, it } from 'node:test';
import type { Submitted, ToolList } from '@reel/gateway/shapes.ts';
import { follow } from '@reel/scripts/api.ts';
import { callReel } from './cli.ts';
import { type LocalReel, startReel } from './local-reel.ts';
import { type Refunds, startRefunds } from './refunds-server.ts';

let reel: LocalReel;
let desk: Refunds;
before(async () => {
  desk = await startRefunds();
  const tools = { refund_plain: { compensation: { uses: 'unreserve', with: { place: '= result.refunded' } } } };
  reel = await startReel({
    modules: [join(import.meta.dirname, 'tools.ts')],
    apis: { refunds: { document: `${desk.url}/openapi.json`, baseUrl: desk.url, tools } },
  });
  process.env['REEL_API'] = reel.api;
  const known = async (): Promise<string[]> => (await reel.ask<ToolList>('GET', '/v1/tools')).body.tools.map(({ name }) => name);
  for (let names = await known(); !['refund_plain', 'unreserve'].every((name) => names.includes(name)); names = await known());
});
after(async () => {
  await reel?.close();
  await desk?.close();
});

/** Waits until so many people have been asked in a run. */
async function asked(run: string, people: number): Promise<void> {
  let held = 0;
  for await (const told of follow(run)) if ('type' in told && told.type === 'step.verdict.held' && (held += 1) === people) return;
  assert.fail(`the run ended when ${held} of ${people} people had been asked`);
}

/** Requests a refund and looks at the desk. @returns the run, in which nobody knows that the order was paid back. */
async function inDoubt(order: string, escalate: object[] = []): Promise<string> {
  const steps = [{ id: 'refund', uses: 'refund_plain', with: { body: { order } } }];
  const { body } = await reel.ask<Submitted>('POST', '/v1/runs', { workflow: { name: 'refund', steps, escalate } });
  await asked(body.id, 1);
  const { steps: stand } = (await reel.ask('GET', `/v1/runs/${body.id}`)).body;
  assert.equal(stand.find(({ id }) => id === 'refund')?.status, 'unknown');
  const look = { name: 'look', steps: [{ id: 'look', uses: 'look_at_refund', with: { order } }] };
  assert.deepEqual((await reel.finish(look)).answer, { look: { paid: 1 } });
  return body.id;
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
