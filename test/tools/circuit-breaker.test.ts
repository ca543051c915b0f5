/** Whole runs that meet a server which failed too often: it is left alone, a declared fallback is taken at once, and who has none waits for it. */
import assert from 'node:assert/strict';
import { once } from 'node:events';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { after, before, it } from 'node:test';
import { type Entry, isInvalid } from '@reel/bus/history.ts';
import { CIRCUIT_OPEN } from '@reel/contracts/tool.ts';
import type { Run, Submitted, ToolList } from '@reel/gateway/shapes.ts';
import { follow } from '@reel/scripts/cli/api.ts';
import { until } from '@reel/scripts/local/until.ts';
import { type LocalReel, startReel } from '../fixtures/local-reel.ts';

/** So many calls in a row that fail begin a rest. */
const FAILURES = 5;

const done = { description: 'done', content: { 'application/json': { schema: { type: 'object' } } } };
const openapi = {
  openapi: '3.1.0',
  info: { title: 'weather', version: '1' },
  paths: { '/weather': { get: { operationId: 'weather', responses: { 200: done } } } },
};
let isWell = false;
let calls = 0;
const api: Server = createServer((request, response) => {
  const tell = (status: number, body: object): unknown =>
    response.writeHead(status, { 'content-type': 'application/json' }).end(JSON.stringify(body));
  if (request.url !== '/weather') return void tell(200, openapi);
  calls += 1;
  if (isWell) return void tell(200, { sky: 'clear' });
  // Both say that it is the server which is in trouble.
  if (calls % 2 === 0) tell(500, { title: 'no idea' });
  else request.socket.destroy();
});

let reel: LocalReel;
before(async () => {
  api.listen(0, '127.0.0.1');
  await once(api, 'listening');
  const url = `http://127.0.0.1:${(api.address() as AddressInfo).port}`;
  reel = await startReel({
    modules: [join(import.meta.dirname, '../fixtures/tools.ts')],
    apis: { weather: { document: `${url}/openapi.json`, baseUrl: url } },
  });
  process.env['REEL_API'] = reel.api;
  await until(async () => {
    const names = (await reel.ask<ToolList>('GET', '/v1/tools')).body.tools.map(({ name }) => name);
    return ['weather', 'echo'].every((name) => names.includes(name));
  });
});
after(async () => {
  await reel?.close();
  api.closeAllConnections();
  api.close();
});

type Fact = Exclude<Entry, { invalid: string }>;

async function submit(step: object): Promise<string> {
  const workflow = { name: 'weather', steps: [{ id: 'sky', uses: 'weather', ...step }] };
  const { body, status } = await reel.ask<Submitted>('POST', '/v1/runs', { workflow });
  assert.equal(status, 201, JSON.stringify(body));
  return body.id;
}
/** How a run has ended, and what was said in it, which has kept to the protocol. */
async function endOf(run: string): Promise<{ run: Run; facts: Fact[] }> {
  for await (const _ of follow(run));
  const { entries, findings } = await reel.log(run);
  assert.deepEqual(findings, []);
  return { run: (await reel.ask('GET', `/v1/runs/${run}`)).body, facts: entries.filter((entry): entry is Fact => !isInvalid(entry)) };
}
const all = (facts: Fact[], type: string): Fact[] => facts.filter((fact) => fact.type === type);
/** Why attempts failed, in order. */
const failures = (facts: Fact[]): string[] =>
  all(facts, 'step.outcome.failed').map(({ data }) => (data as { problem: { code: string } }).problem.code);

it(`${FAILURES} calls in a row that its server fails are made, each as it was asked for`, async () => {
  const { run, facts } = await endOf(await submit({ retry: { attempts: FAILURES, delayMs: 0 } }));
  assert.deepEqual([run.status, calls], ['failed', FAILURES]);
  assert.deepEqual(
    failures(facts),
    Array.from({ length: FAILURES }, (_, n) => (n % 2 === 0 ? 'api-unreachable' : 'api-unavailable')),
  );
});

it('then the server is left alone, and a fallback is taken at once, though the step might be tried again', async () => {
  const fallback = { uses: 'echo', with: { value: 7 } };
  const { run, facts } = await endOf(await submit({ retry: { attempts: 3, delayMs: 0 }, fallback }));
  assert.deepEqual([run.status, run.answer], ['completed', { sky: { value: 7 } }]);
  assert.deepEqual(failures(facts), [CIRCUIT_OPEN]);
  // Nobody has waited for the server to be well again, and it was not called.
  assert.deepEqual([all(facts, 'step.retry.postponed').length, calls], [0, FAILURES]);
});

it('a step without a fallback waits until the server may be tried, which is none of its own tries', { timeout: 60_000 }, async () => {
  const id = await submit({});
  for await (const told of follow(id)) if ('type' in told && told.type === 'step.retry.postponed') break;
  assert.equal(calls, FAILURES);
  isWell = true;
  const { run, facts } = await endOf(id);
  assert.deepEqual([run.status, run.answer], ['completed', { sky: { sky: 'clear' } }]);
  assert.deepEqual([failures(facts), calls], [[CIRCUIT_OPEN], FAILURES + 1]);
  const [postponed] = all(facts, 'step.retry.postponed').map(({ data }) => (data as { untilMs: number }).untilMs) as [number];
  const [, again] = all(facts, 'step.request.requested').map(({ time }) => time) as [number, number];
  assert.ok(again >= postponed, `it was asked for ${postponed - again} ms too soon`);
});
