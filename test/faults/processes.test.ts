/** Every service in a process of its own, as in production: a run passes through all of them, one that is killed is taken over, one that is stopped finishes. */
import assert from 'node:assert/strict';
import { once } from 'node:events';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, it } from 'node:test';
import type { Run, Submitted, ToolList } from '@reel/gateway/shapes.ts';
import { ask, follow } from '@reel/scripts/cli/api.ts';
import { type RunningWorld, startWorld } from '@reel/scripts/demo/world-server.ts';
import { type Local, startLocal } from '@reel/scripts/local/local.ts';
import { until } from '@reel/scripts/local/until.ts';

let local: Local;
let world: RunningWorld;
let dir: string;
const hung = Promise.withResolvers<string>();
const book = (checkIn: string, checkOut: string, card = 'tok_ada'): object => ({
  name: 'book',
  steps: [{ id: 'book', uses: 'book_hotel', with: { hotelId: 'quinta-das-gaivotas', checkIn, checkOut, guests: 2, card } }],
});
const submit = async (workflow: object): Promise<string> => (await ask<Submitted>('POST', '/v1/runs', { workflow })).id;
async function ended(run: string): Promise<Run> {
  for await (const _ of follow(run));
  return await ask<Run>('GET', `/v1/runs/${run}`);
}

before(async () => {
  dir = await mkdtemp(join(tmpdir(), 'reel-processes-'));
  world = await startWorld({
    stateFile: join(dir, 'world.json'),
    hangAfterEffect: 'book_hotel',
    hangWhen: 'hang',
    onHang: hung.resolve,
    delayMs: { book_hotel: 300 },
  });
  await writeFile(join(dir, 'tools.json'), JSON.stringify({ servers: { world: { url: world.url } } }));
  local = await startLocal({
    dir: join(dir, 'reel'),
    services: ['gateway'],
    env: { REEL_PORT: '0', REEL_TOOLS: join(dir, 'tools.json') },
    logLevel: 'silent',
  });
  process.env['REEL_API'] = local.api;
  await Promise.all(['planner', 'policy', 'human-executor', 'validator', 'saga-tracker'].map((name) => local.spawn([name])));
});
after(async () => {
  await local.stop();
  await world.close();
  await rm(dir, { recursive: true, force: true });
});

it('a killed executor is taken over by another, and the effect happens once', { timeout: 60_000 }, async () => {
  const first = await local.spawn(['tool-executor']);
  await until(async () => (await ask<ToolList>('GET', '/v1/tools')).tools.length > 0);
  const run = await submit(book('2027-10-01', '2027-10-03', 'tok_hang'));
  const key = await hung.promise;
  first.kill('SIGKILL');
  await once(first, 'exit');
  await local.spawn(['tool-executor']);
  assert.equal((await ended(run)).status, 'completed');
  assert.equal(key, `${run}.tool.book`);
  assert.deepEqual([world.state().ledger[key]?.effects, Object.keys(world.state().bookings).length], [1, 1]);
});

it('an executor that is stopped finishes what it has begun', { timeout: 60_000 }, async () => {
  const second = await local.spawn(['tool-executor']);
  const run = await submit(book('2027-11-01', '2027-11-03'));
  let stopped: Promise<unknown> | undefined;
  for await (const told of follow(run)) {
    if (!('type' in told) || told.type !== 'step.start.started') continue;
    stopped = once(second, 'exit');
    second.kill('SIGTERM');
  }
  assert.equal((await ended(run)).status, 'completed');
  const [code] = (await stopped) as [number];
  assert.equal(code, 0);
});

it('a killed broker comes back with everything that it had acknowledged', { timeout: 60_000 }, async () => {
  const run = await submit({ name: 'wait', steps: [{ id: 'p', kind: 'person', prompt: '?', form: { type: 'object' } }] });
  for await (const told of follow(run)) if ('type' in told && told.type === 'step.verdict.held') break;
  const before = (await ask<Run>('GET', `/v1/runs/${run}`)).steps;
  await local.restartBroker('SIGKILL');
  let ready = false;
  while (!ready) {
    ready = await ask('GET', '/readyz').then(
      () => true,
      () => false,
    );
  }
  assert.deepEqual((await ask<Run>('GET', `/v1/runs/${run}`)).steps, before);
  await ask('POST', `/v1/runs/${run}/cancel`, { who: 'ada', why: 'enough' });
  assert.equal((await ended(run)).status, 'cancelled');
});
