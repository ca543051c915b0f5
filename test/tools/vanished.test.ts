/** Whole runs whose tool is gone when its turn comes, after a person has approved it: it is waited for, or something else is done. */
import assert from 'node:assert/strict';
import { once } from 'node:events';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { after, before, it } from 'node:test';
import { TOOL_GONE } from '@reel/contracts/tool.ts';
import type { Run, Submitted, ToolList } from '@reel/gateway/shapes.ts';
import { follow } from '@reel/scripts/cli/api.ts';
import { until } from '@reel/scripts/local/until.ts';
import { type LocalReel, startReel } from '../fixtures/local-reel.ts';

/** The operations that the API has now, by their names. */
let operations = ['pay', 'look'];
const paid: string[] = [];
const done = { '200': { description: 'done', content: { 'application/json': { schema: { type: 'object' } } } } };
const api = createServer((request, response) => {
  const json = (body: object): unknown => response.writeHead(200, { 'content-type': 'application/json' }).end(JSON.stringify(body));
  if (request.url === '/openapi.json') {
    const paths = Object.fromEntries(operations.map((name) => [`/${name}`, { post: { operationId: name, responses: done } }]));
    return void json({ openapi: '3.1.0', info: { title: 'till' }, paths });
  }
  paid.push(request.url as string);
  json({ by: request.url });
});

let reel: LocalReel;
before(async () => {
  api.listen(0, '127.0.0.1');
  await once(api, 'listening');
  const url = `http://127.0.0.1:${(api.address() as AddressInfo).port}`;
  reel = await startReel({
    modules: [join(import.meta.dirname, '../fixtures/tools.ts')],
    apis: { till: { document: `${url}/openapi.json`, baseUrl: url } },
  });
  process.env['REEL_API'] = reel.api;
  await until(async () => (await tools()).includes('pay') && (await tools()).includes('echo'));
});
after(async () => {
  await reel?.close();
  api.closeAllConnections();
  api.close();
});

const tools = async (): Promise<string[]> => (await reel.ask<ToolList>('GET', '/v1/tools')).body.tools.map(({ name }) => name);

/** Submits a run whose payment waits for a person; the tool is renamed before they answer. */
async function renamedWhileOpen(step: object): Promise<string> {
  operations = ['pay', 'look'];
  // Whoever calls an operation has the document read again.
  await reel.ask('POST', '/v1/runs', { workflow: { name: 'look', steps: [{ id: 'look', uses: 'look' }] } });
  const question = { id: 'sure', kind: 'person', prompt: 'pay?', form: { type: 'object' } };
  await until(async () => {
    const { status } = await reel.ask('POST', '/v1/runs', { workflow: { name: 'probe', steps: [{ id: 'a', uses: 'pay', when: false }] } });
    return status === 201;
  });
  const { body } = await reel.ask<Submitted>('POST', '/v1/runs', {
    workflow: { name: 'pay', steps: [question, { id: 'pay', uses: 'pay', dependsOn: ['sure'], ...step }] },
  });
  let open: { id: string }[] = [];
  await until(async () => {
    open = (await reel.ask<{ approvals: { id: string }[] }>('GET', `/v1/approvals?run=${body.id}`)).body.approvals;
    return open.length > 0;
  });
  operations = ['payNow', 'look'];
  const { status } = await reel.ask('POST', `/v1/approvals/${open[0]?.id}`, { decision: 'grant', who: 'ada', why: 'ok', form: {} });
  assert.ok(status < 300, String(status));
  return body.id;
}

async function told(run: string, type: string): Promise<{ problem?: { code: string } }> {
  for await (const one of follow(run)) if ('type' in one && one.type === type) return one.data as { problem?: { code: string } };
  throw new Error(`${type} was never said`);
}
async function endOf(run: string): Promise<Run> {
  for await (const _ of follow(run));
  assert.deepEqual((await reel.log(run)).findings, []);
  return (await reel.ask<Run>('GET', `/v1/runs/${run}`)).body;
}

it('is done when the tool is back, however many attempts the step may make', { timeout: 60_000 }, async () => {
  paid.length = 0;
  const run = await renamedWhileOpen({});
  assert.equal((await told(run, 'step.outcome.failed')).problem?.code, TOOL_GONE);
  operations = ['pay', 'look'];
  const { status, answer } = await endOf(run);
  assert.deepEqual([status, answer], ['completed', { pay: { by: '/pay' } }]);
  assert.equal(paid.filter((url) => url === '/pay').length, 1);
});

it('takes its fallback at once', { timeout: 60_000 }, async () => {
  const run = await renamedWhileOpen({ fallback: { uses: 'echo', with: { value: 7 } } });
  const { status, answer } = await endOf(run);
  assert.deepEqual([status, answer], ['completed', { pay: { value: 7 } }]);
});

it('fails, and says what was missing, when its time is over', { timeout: 60_000 }, async () => {
  const run = await renamedWhileOpen({ withinMs: 2_500 });
  const { status, problem } = await endOf(run);
  assert.equal(status, 'failed');
  assert.match(JSON.stringify(problem), /"pay"/);
});
