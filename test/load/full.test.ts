/** A log without room: clients are told so, services keep what they have to say, and go on when there is room, though it take longer than anything is tried. */
import assert from 'node:assert/strict';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { after, before, it } from 'node:test';
import { isInvalid } from '@reel/bus/history.ts';
import { connect } from '@reel/bus/jetstream/connect.ts';
import { openStorageLimit, type StorageLimit } from '@reel/bus/operator/storage-limit.ts';
import type { Run, Submitted } from '@reel/gateway/shapes.ts';
import { follow } from '@reel/scripts/cli/api.ts';
import { installationIn } from '@reel/scripts/local/installation.ts';
import type { NatsConnection } from 'nats';
import { type LocalReel, startReel } from '../fixtures/local-reel.ts';

/** Longer than eight deliveries take, after which a service is said not to have survived a fact. */
const FULL_MS = 4000;

let reel: LocalReel;
let room: StorageLimit;
let provisioner: NatsConnection;
let calls = 0;
let called = Promise.withResolvers<void>();
let answer = Promise.withResolvers<void>();
const document = {
  openapi: '3.1.0',
  info: { title: 'bank', version: '1' },
  // Neither read-only nor idempotent, so it is done once, and whoever loses the answer cannot ask for it again.
  paths: {
    '/pay': {
      post: {
        operationId: 'pay',
        responses: { 200: { description: 'done', content: { 'application/json': { schema: { type: 'object' } } } } },
      },
    },
  },
};
const server = createServer((request, response) => {
  if (request.url !== '/pay') return void response.writeHead(200, { 'content-type': 'application/json' }).end(JSON.stringify(document));
  calls += 1;
  called.resolve();
  void answer.promise.then(() => response.writeHead(200, { 'content-type': 'application/json' }).end('{"paid":true}'));
});

before(async () => {
  await new Promise<void>((listening) => server.listen(0, '127.0.0.1', listening));
  const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  reel = await startReel({ apis: { bank: { document: `${url}/openapi.json`, baseUrl: url } } });
  process.env['REEL_API'] = reel.api;
  provisioner = await connect({ servers: reel.local.nats, credentials: installationIn(reel.local.dir).credentials }, 'provisioner');
  room = await openStorageLimit(provisioner);
});
after(async () => {
  await provisioner.close();
  await reel.close();
  await new Promise((closed) => server.close(closed));
});

const workflow = {
  name: 'pay',
  steps: [
    { id: 'pay', uses: 'pay' },
    {
      id: 'then',
      uses: 'search_hotels',
      dependsOn: ['pay'],
      with: { place: 'Lisbon', checkIn: '2027-10-01', checkOut: '2027-10-03', maxPrice: 200 },
    },
  ],
};
const submit = async (): Promise<string> => (await reel.ask<Submitted>('POST', '/v1/runs', { workflow })).body.id;
async function fullForLong(): Promise<void> {
  for (const until = Date.now() + FULL_MS; Date.now() < until; ) {
    const { status, body } = await reel.ask('POST', '/v1/runs', { workflow });
    assert.deepEqual([status, body.type], [503, '/problems/log-unavailable']);
    assert.match(body.detail ?? '', /with the same Idempotency-Key/);
  }
}
async function completes(run: string): Promise<void> {
  for await (const _ of follow(run));
  const { status, problem } = (await reel.ask<Run>('GET', `/v1/runs/${run}`)).body;
  assert.deepEqual({ status, problem }, { status: 'completed', problem: undefined });
  const { entries, findings } = await reel.log(run);
  assert.deepEqual(findings, []);
  const faults = entries.filter((entry) => isInvalid(entry) || entry.type === 'fault.fault.raised');
  assert.deepEqual(faults, []);
}

it('what was done while the log was full is told when there is room, and not done again', { timeout: 60_000 }, async () => {
  const run = await submit();
  await called.promise;
  await room.fill(0);
  answer.resolve();
  await fullForLong();
  await room.empty(0);
  await completes(run);
  assert.equal(calls, 1);
});

it('a service that cannot say its answer keeps it until there is room, and is not said to have failed', { timeout: 60_000 }, async () => {
  called = Promise.withResolvers();
  answer = Promise.withResolvers();
  const run = await submit();
  await called.promise;
  // The outcome fits, and what others say of it does not.
  await room.fill(0, 1200);
  answer.resolve();
  for await (const told of follow(run)) if ('type' in told && told.type === 'step.outcome.succeeded') break;
  await fullForLong();
  await room.empty(0);
  await completes(run);
});
