/** A request that is repeated under its key is the same run, even when services have stopped since. */
import assert from 'node:assert/strict';
import { hash } from 'node:crypto';
import { it } from 'node:test';
import type { Edge } from '@reel/bus/edge.ts';
import { digestOf } from '@reel/bus/runtime/digest.ts';
import { simulate } from '@reel/bus/simulator/simulator.ts';
import { keyClaimed } from '@reel/contracts/run.ts';
import type { ToolDefinition } from '@reel/contracts/tool.ts';
import { readWorkflow } from '@reel/contracts/workflow/source.ts';
import { HttpProblem } from './problems.ts';
import { submit } from './submit.ts';

const known = {
  name: 'look',
  description: '',
  server: 'world',
  input: { type: 'object' },
  effect: 'read-only',
  timeoutMs: 1000,
  concurrency: 1,
} as const;
const look: ToolDefinition = { ...known, digest: digestOf(known) };
const body = { requestedBy: 'ann', workflow: 'name: w\nsteps: [{ id: a, uses: look }]' };
const traceparent = '00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01';

/** With the tool, and after everybody who had it has gone. */
function edges(): { there: Edge; gone: Edge } {
  const { edge } = simulate({ players: [], tools: [look] });
  const present = { ...edge, kinds: () => new Set(['tool']) };
  return { there: present, gone: { ...present, tools: async () => new Map(), kinds: () => new Set() } };
}

it('is the same run when its tool is no longer offered', async () => {
  const { there, gone } = edges();
  const first = await submit(there, body, 'k', traceparent);
  assert.equal(first.created, true);
  assert.deepEqual(await submit(gone, body, 'k', traceparent), { ...first, created: false });
});

/** How a submission is answered that is not accepted. */
async function refusal(edge: Edge, more: object): Promise<[status: number, code: string, retryAfter: string | undefined]> {
  const error = await submit(edge, { ...body, ...more }, undefined, traceparent).then(
    () => assert.fail('it was accepted'),
    (problem: unknown) => problem,
  );
  assert.ok(error instanceof HttpProblem, String(error));
  return [error.status, error.code, error.headers['retry-after']];
}

it('is checked like any new request when the key is new', async () => {
  const { there, gone } = edges();
  await submit(there, body, 'k', traceparent);
  await assert.rejects(submit(gone, body, 'other', traceparent), (error) => error instanceof HttpProblem && error.status === 503);
});

it('is refused for a while when a service that the run needs is unavailable', async () => {
  const { there, gone } = edges();
  const wait = [503, 'no-performer', '5'];
  const model = { workflow: 'name: w\nsteps: [{ id: a, kind: model, prompt: Think. }]' };
  const goal = { workflow: undefined, goal: 'a bed near Lisbon' };
  assert.deepEqual([await refusal(gone, {}), await refusal(there, model), await refusal(there, goal)], [wait, wait, wait]);
  const person = { workflow: 'name: w\nsteps: [{ id: a, kind: person, prompt: Well?, form: {} }]' };
  assert.deepEqual(
    [await refusal(there, person), await refusal({ ...there, kinds: () => new Set(['tool', 'model']) }, goal)],
    [wait, wait],
  );
  const strange = { ...there, kinds: () => new Set(['tool', 'model', 'person']) };
  assert.deepEqual(await refusal(strange, model), [422, 'invalid-workflow', undefined]);
  assert.deepEqual(await refusal(strange, goal), [422, 'no-model', undefined]);
});

it('is refused for a while when a known tool is not offered', async () => {
  const { there } = edges();
  const restarting = { ...there, tools: async () => new Map(), kinds: () => new Set(['tool', 'model', 'person']) };
  assert.deepEqual(await refusal(restarting, {}), [503, 'no-performer', '5']);
  assert.deepEqual(await refusal(restarting, { workflow: 'name: w\nsteps: [{ id: a, uses: lok }]' }), [422, 'invalid-workflow', undefined]);
});

it('is invalid, whichever service is unavailable, when it is wrong in itself or needs a kind that no service of Reel performs', async () => {
  const { there, gone } = edges();
  const wrong = [422, 'invalid-workflow', undefined];
  for (const workflow of [
    'name: w\nsteps: [{ id: a, uses: look, dependsOn: [b] }]',
    'name: w\nsteps: [{ id: a, kind: sms }]',
    'name: w\nsteps: [{ id: a, uses: look, with: { x: = steps.c } }]',
  ])
    assert.deepEqual([await refusal(gone, { workflow }), await refusal(there, { workflow })], [wrong, wrong]);
  assert.deepEqual(await refusal(there, { workflow: 'name: w\nsteps: [{ id: a, uses: lok }]' }), wrong);
});

it('is refused when the request differs under the same key', async () => {
  const { there } = edges();
  await submit(there, body, 'k', traceparent);
  await assert.rejects(submit(there, { ...body, input: { x: 1 } }, 'k', traceparent), /whose request was different/);
});

it('is the same run when an earlier version accepted it', async () => {
  const { there, gone } = edges();
  const { workflow } = readWorkflow(body.workflow, new Map([[look.name, look]]));
  const earlier = keyClaimed({ kind: 'claim', id: 'key', n: 1 }, { run: 'OLD', request: digestOf({ ...body, workflow }) });
  await there.publish(0, hash('sha256', 'k').slice(0, 40), earlier);
  assert.equal((await submit(there, body, 'k', traceparent)).run, 'OLD');
  await assert.rejects(submit(gone, body, 'k', traceparent), /2 errors: see/);
});
