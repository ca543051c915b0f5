/** Poison beside the log: what services tell each other, the clock's stream, the registry of tools. Readers ignore it, and go on. */
import assert from 'node:assert/strict';
import { join } from 'node:path';
import { after, before, it } from 'node:test';
import { type JetStreamManager, jetstreamManager } from '@nats-io/jetstream';
import { connect } from '@reel/bus/jetstream/connect.ts';
import { watchRun } from '@reel/bus/signals/token-stream.ts';
import type { ComponentList, Run, ToolList } from '@reel/gateway/shapes.ts';
import { installationIn } from '@reel/scripts/local/installation.ts';
import { until } from '@reel/scripts/local/until.ts';
import type { NatsConnection } from 'nats';
import { type LocalReel, startReel } from '../fixtures/local-reel.ts';

const good = { name: 'good', steps: [{ id: 'mark', uses: 'mark' }] };
const waiting = { name: 'waiting', steps: [{ id: 'ask', kind: 'person', prompt: 'Well?', form: { type: 'object' } }] };

let reel: LocalReel;
let admin: NatsConnection;
let executor: NatsConnection;
let gateway: NatsConnection;
let manager: JetStreamManager;

before(async () => {
  reel = await startReel({ modules: [join(import.meta.dirname, 'poison-tools.ts')] });
  const as = (name: string): Promise<NatsConnection> =>
    connect({ servers: reel.local.nats, credentials: installationIn(reel.local.dir).credentials }, name);
  [admin, executor, gateway] = await Promise.all([as('provisioner'), as('tool-executor'), as('gateway')]);
  manager = await jetstreamManager(admin, { checkAPI: false });
});
after(async () => {
  await Promise.all([admin, executor, gateway].map((connection) => connection.close()));
  await reel.close();
});

/** What is not what any of these channels carries; `like` is something that it does carry. */
const rubbish = (like: object): (string | Buffer)[] => [
  '',
  'null',
  '[]',
  '{',
  'not found',
  Buffer.from([0xff, 0xc3, 0x28, 0x00]),
  '['.repeat(500_000),
  `${'{"a":'.repeat(100_000)}1${'}'.repeat(100_000)}`,
  '{"__proto__":{"polluted":true}}',
  ...Object.keys(like).map((key) => JSON.stringify({ ...like, [key]: { x: [1e308] } })),
  ...Object.keys(like).map((key) => JSON.stringify({ ...like, [key]: undefined })),
  JSON.stringify({ ...like, pad: 'x'.repeat(1_000_000) }).slice(0, -1),
];

async function store(subject: string, body: string | Buffer): Promise<void> {
  const { error } = (await admin.request(subject, body, { timeout: 10_000 })).json<{ error?: object }>();
  assert.equal(error, undefined, subject);
}
const names = async (): Promise<string[]> => (await reel.ask<ToolList>('GET', '/v1/tools')).body.tools.map(({ name }) => name);
const runOf = async (run: string): Promise<Run> => (await reel.ask('GET', `/v1/runs/${run}`)).body;

/** Waits until nothing is left to be delivered. @returns how many deliveries of facts there have been in all. */
async function delivered(): Promise<number> {
  let facts = 0;
  await until(async () => {
    const all = (await Promise.all(['REEL_0', 'CLOCK_0_saga-tracker'].map((stream) => manager.consumers.list(stream).next()))).flat();
    facts = all.reduce((sum, { stream_name: stream, delivered }) => sum + (stream === 'REEL_0' ? delivered.consumer_seq : 0), 0);
    return all.every(({ num_pending, num_ack_pending }) => num_pending + num_ack_pending === 0);
  });
  return facts;
}
const deliveriesOf = async (work: () => Promise<unknown>): Promise<number> => {
  const before = await delivered();
  await work();
  return (await delivered()) - before;
};
const finishes = async (): Promise<void> => assert.equal((await reel.finish(good)).status, 'completed');

it('empty messages end nobody deliveries: what is delivered after them is delivered once', async () => {
  await finishes();
  const one = await deliveriesOf(finishes);
  const slots = [
    'run.run.1.request',
    'run.run.1.verdict',
    'plan.plan.1.verdict',
    'tool.a.1.verdict',
    'tool.a.1.check',
    'fault.policy.1.fault',
  ];
  for (const slot of slots) await store(`reel.0.empty.${slot}`, '');
  await store('timer.0.saga-tracker.fired.empty.clock', '');
  await delivered();
  assert.equal(await deliveriesOf(finishes), one);
});

it('what is stored under no address is nothing, and is delivered once', async () => {
  const odd = [
    'a.tool.a.x.verdict',
    'a.tool.a.0.verdict',
    'a.tool.ä.1.verdict',
    `a.tool.${'a'.repeat(65)}.1.verdict`,
    `${'r'.repeat(300)}.run.run.1.request`,
  ];
  const heard = await deliveriesOf(async () => {
    for (const subject of odd) await store(`reel.0.${subject}`, '{}');
  });
  const again = await deliveriesOf(async () => {
    for (const subject of odd) await store(`reel.0.b${subject}`, '{}');
  });
  assert.equal(heard, again);
  await finishes();
});

it('announcements that are none change nobody', async () => {
  const list = async () => (await reel.ask<ComponentList>('GET', '/v1/components')).body.components;
  const before = await list();
  const like = before.find(({ name }) => name === 'tool-executor') as object;
  for (const body of rubbish(like)) executor.publish('presence.tool-executor.x.tool', body);
  executor.publish('presence.tool-executor.y.tool', JSON.stringify({ ...like, name: 'policy', instance: 'y' }));
  await executor.flush();
  await gateway.flush();
  assert.deepEqual(
    (await list()).map(({ name, instance }) => `${name} ${instance}`),
    before.map(({ name, instance }) => `${name} ${instance}`),
  );
  await finishes();
});

it('pieces of text that are none are shown to nobody', async () => {
  const shown: unknown[] = [];
  const unwatch = watchRun(gateway, 'r', (tokens) => shown.push(tokens));
  await gateway.flush();
  for (const body of rubbish({ text: 'x' })) executor.publish('tokens.0.r.tool.s.1', body);
  for (const n of ['x', '0', '-1', '1e9', '99999999999999999999']) executor.publish(`tokens.0.r.tool.s.${n}`, '{"text":"lies"}');
  executor.publish('tokens.0.r.tool.s.1', '{"text":"true"}');
  await executor.flush();
  while (shown.length === 0) await gateway.flush();
  unwatch();
  assert.deepEqual(shown, [{ at: { kind: 'tool', id: 's', n: 1 }, text: 'true' }]);
});

it('rings that nobody asked for bring nothing about', async () => {
  const run = (await reel.ask('POST', '/v1/runs', { workflow: waiting })).body.id;
  while ((await runOf(run)).held === 0) await delivered();
  const before = await runOf(run);
  const rings = [
    `${run}.clock`,
    `${run}.wake-1`,
    `${run}.${'x'.repeat(200)}`,
    `${run}.ä`,
    'nowhere.clock',
    'sweep.other',
    'sweep.sweep',
    run,
    `${run}.a.b.c`,
    `${'r'.repeat(300)}.clock`,
  ];
  for (const ring of rings)
    for (const body of ['', 'null', '{', '['.repeat(500_000)]) await store(`timer.0.saga-tracker.fired.${ring}`, body);
  await delivered();
  const { steps, status, faults } = await runOf(run);
  assert.deepEqual([steps, status, faults], [before.steps, before.status, []]);
  await reel.ask('POST', `/v1/runs/${run}/cancel`, { who: 'ada', why: 'enough' });
  await delivered();
  assert.equal((await runOf(run)).status, 'cancelled');
});

it('values in the registry that are no tools, or stand under the name of another, are nobody’s tools', async () => {
  const before = await names();
  const { tools } = (await reel.ask<ToolList>('GET', '/v1/tools')).body;
  const like = tools.find(({ name }) => name === 'mark') as object;
  for (const [index, body] of rubbish(like).entries()) await store(`$KV.tools.rubbish-${index}`, body);
  await store('$KV.tools.zzz', JSON.stringify({ ...like, effect: 'read-only', digest: 'sha256:forged' }));
  await gateway.flush();
  assert.deepEqual(await names(), before);
  assert.deepEqual(
    (await reel.ask<ToolList>('GET', '/v1/tools')).body.tools.find(({ name }) => name === 'mark'),
    like,
  );
  await finishes();
});

it('a tool whose schemas are none is refused where it is used, or its run fails by name', async () => {
  const { tools } = (await reel.ask<ToolList>('GET', '/v1/tools')).body;
  const like = tools.find(({ name }) => name === 'unmark') as object;
  for (const input of [
    { type: 5 },
    { pattern: '((' },
    { $ref: '#/nowhere' },
    { $ref: '#' },
    { allOf: [{ $ref: '#' }] },
    { properties: 7 },
  ]) {
    await store('$KV.tools.unmark', JSON.stringify({ ...like, input, output: input, digest: `sha256:${JSON.stringify(input)}` }));
    const workflow = { name: 'absurd', steps: [{ id: 'mark', uses: 'unmark' }] };
    const { status, body } = await reel.ask('POST', '/v1/runs', { workflow }, { prefer: 'wait=20' });
    assert.ok(
      status === 422 || (status === 200 && body.status === 'failed'),
      `${JSON.stringify(input)}: ${status} ${JSON.stringify(body).slice(0, 500)}`,
    );
  }
});
