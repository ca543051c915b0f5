/** Whole runs on a real nats-server, over HTTP, with real MCP tools: the travel story, and everything that people get wrong. */
import assert from 'node:assert/strict';
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { createServer } from 'node:http';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { isInvalid } from '@reel/bus/history.ts';
import { connect, refuseOld } from '@reel/bus/jetstream/connect.ts';
import type { Run, Submitted } from '@reel/gateway/shapes.ts';
import { follow } from '@reel/scripts/cli/api.ts';
import { decide } from '@reel/scripts/demo/person.ts';
import { installationIn } from '@reel/scripts/local/installation.ts';
import { startLocal } from '@reel/scripts/local/local.ts';
import { until } from '@reel/scripts/local/until.ts';
import { type LocalReel, startReel } from '../fixtures/local-reel.ts';

const demo = join(import.meta.dirname, '../../scripts/demo');
const travel = readFileSync(join(demo, 'travel.yaml'), 'utf8');
const input = { place: 'Lisbon', checkIn: '2027-10-01', checkOut: '2027-10-07', maxPrice: 200, guests: 2, card: 'tok_ada' };
const { card: _, ...withoutCard } = input;

let reel: LocalReel;

/** Follows a run to its end, deciding whatever is held; gives back the types of its facts in order. */
async function accompany(run: string, onHeld: () => Promise<unknown> = () => decide(run, 'grace')): Promise<string[]> {
  const types: string[] = [];
  for await (const told of follow(run)) {
    if (!('type' in told)) continue;
    types.push(told.type);
    if (told.type === 'step.verdict.held') await onHeld();
  }
  return types;
}
const submit = async (changed: object = {}): Promise<string> =>
  (await reel.ask<Submitted>('POST', '/v1/runs', { workflow: travel, input: { ...input, ...changed }, requestedBy: 'ada' })).body.id;
const runOf = async (run: string): Promise<Run> => (await reel.ask('GET', `/v1/runs/${run}`)).body;

describe('travel', () => {
  before(async () => {
    reel = await startReel({ policies: join(demo, 'policies') });
    process.env['REEL_API'] = reel.api;
    await until(async () => (await reel.ask<{ tools: unknown[] }>('GET', '/v1/tools')).body.tools.length > 0);
  });
  after(() => reel.close());

  it('is told from the request to the outcome, and keeps the protocol', async () => {
    const run = await submit();
    const types = await accompany(run);
    assert.deepEqual(
      types.filter((type) => /^(run|plan|answer)\./.test(type)),
      [
        'run.request.requested',
        'run.verdict.approved',
        'plan.proposal.proposed',
        'plan.verdict.approved',
        'answer.proposal.proposed',
        'answer.check.accepted',
        'answer.verdict.approved',
        'run.closing.completed',
        'run.outcome.completed',
      ],
    );
    const end = await runOf(run);
    assert.equal(end.status, 'completed');
    assert.equal(end.steps.find(({ id }) => id === 'choose')?.status, 'accepted');
    assert.deepEqual(end.waitsFor, []);
    assert.deepEqual((await reel.log(run)).findings, []);
  });

  it('takes both bookings back in reverse order when the payment fails', async () => {
    const run = await submit({ card: 'tok_declined' });
    const types = await accompany(run);
    assert.equal(types.at(-1), 'run.outcome.failed');
    const end = await runOf(run);
    const { entries, findings } = await reel.log(run);
    assert.deepEqual(findings, []);
    const outcomes = entries
      .filter((entry) => !isInvalid(entry) && entry.type === 'step.outcome.succeeded' && entry.at.id.startsWith('book'))
      .map(({ at }) => at.id);
    assert.deepEqual(
      end.undone.map(({ id }) => id),
      outcomes.reverse(),
    );
    const { bookings, transfers, ledger } = reel.world.state();
    for (const [key, { effects }] of Object.entries(ledger)) assert.equal(effects, 1, key);
    assert.equal(Object.values(bookings).filter(({ status }) => status === 'cancelled').length, 1);
    assert.equal(Object.values(transfers).filter(({ status }) => status === 'cancelled').length, 1);
  });

  it('ends when the person refuses, saying who and why', async () => {
    const run = await submit();
    await accompany(run, async () => {
      const { body } = await reel.ask<{ approvals: { id: string }[] }>('GET', `/v1/approvals?run=${run}`);
      const refused = await reel.ask<{ ruling: string }>('POST', `/v1/approvals/${body.approvals[0]?.id}`, {
        decision: 'refuse',
        who: 'grace',
        why: 'too dear',
      });
      assert.equal(refused.body.ruling, 'refused');
      const again = await reel.ask('POST', `/v1/approvals/${body.approvals[0]?.id}`, { decision: 'refuse', who: 'bob', why: 'late' });
      assert.equal(again.status, 409);
      assert.match(again.body.detail ?? '', /refused by grace/);
    });
    const end = await runOf(run);
    assert.equal(end.status, 'failed');
    assert.match(end.problem?.message ?? '', /grace.*too dear/);
  });

  it('asks for the form again when it is not filled in as asked', async () => {
    const run = await submit();
    await accompany(run, async () => {
      const { body } = await reel.ask<{ approvals: { id: string }[] }>('GET', `/v1/approvals?run=${run}`);
      const wrong = await reel.ask('POST', `/v1/approvals/${body.approvals[0]?.id}`, {
        decision: 'grant',
        who: 'grace',
        why: 'x',
        form: { hotelId: 'nowhere' },
      });
      assert.equal(wrong.status, 422);
      assert.match(wrong.body.detail ?? '', /hotelId/);
      await decide(run, 'grace');
    });
    assert.equal((await runOf(run)).status, 'completed');
  });

  it('is stopped while it waits for a person, and says what it waited for until then', async () => {
    const run = await submit();
    await accompany(run, async () => {
      const [waiting] = (await runOf(run)).waitsFor;
      assert.equal(waiting?.owedBy, 'a person');
      assert.equal((await reel.ask('POST', `/v1/runs/${run}/cancel`, { who: 'ada', why: 'changed my mind' })).status, 202);
    });
    const end = await runOf(run);
    assert.equal(end.status, 'cancelled');
    assert.deepEqual((await reel.log(run)).findings, []);
    const late = await reel.ask<{ changed: boolean }>('POST', `/v1/runs/${run}/cancel`);
    assert.deepEqual([late.status, late.body.changed], [200, false]);
  });

  it('is the same run again under the same Idempotency-Key, and none under another body', async () => {
    const body = { workflow: travel, input: { ...input, guests: 1 } };
    const [one, other] = await Promise.all(
      [1, 2].map(() => reel.ask<Submitted>('POST', '/v1/runs', body, { 'idempotency-key': 'trip-1' })),
    );
    assert.equal(one?.body.id, other?.body.id);
    const reused = await reel.ask('POST', '/v1/runs', { ...body, input }, { 'idempotency-key': 'trip-1' });
    assert.equal(reused.status, 422);
    assert.equal(reused.body.type, '/problems/idempotency-key-reused');
    await accompany(one?.body.id as string);
  });

  it('is judged: what no policy permits does not begin', async () => {
    const run = await reel.finish({
      name: 'not-travel',
      steps: [{ id: 'a', uses: 'search_hotels', with: { place: 'Lisbon', checkIn: '2027-10-01', checkOut: '2027-10-02', maxPrice: 9 } }],
    });
    assert.equal(run.status, 'failed');
    assert.match(run.problem?.message ?? '', /no policy permits/i);
  });
});

describe('what is wrong is said', () => {
  before(async () => {
    reel = await startReel({ modules: [join(import.meta.dirname, '../fixtures/tools.ts')] });
    process.env['REEL_API'] = reel.api;
    await until(async () => (await reel.ask<{ tools: unknown[] }>('GET', '/v1/tools')).body.tools.length >= 6);
  });
  after(() => reel.close());
  const refused = async (body: unknown, headers: Record<string, string> = {}): Promise<{ status: number; errors: string }> => {
    const { status, body: problem } = await reel.ask('POST', '/v1/runs', body, headers);
    return { status, errors: JSON.stringify(problem.errors ?? problem.detail) };
  };
  const step = { id: 'a', uses: 'echo', with: { value: 1 } };

  it('of a request: fields that are unknown, missing, or of the wrong type', async () => {
    assert.match((await refused({ workflow: travel, inptu: {} })).errors, /body\.inptu.*there is no field/);
    assert.match((await refused({ input: {} })).errors, /body\.workflow/);
    assert.match((await refused({ workflow: travel, deadlineMs: 'soon' })).errors, /body\.deadlineMs.*number.*soon/);
    assert.match((await refused('{"workflow": ')).errors, /JSON|json/);
    assert.match((await refused({ workflow: travel }, { prefer: 'wait=900' })).errors, /wait=N/);
    assert.equal((await reel.ask('GET', '/v1/runs?limt=3')).status, 400);
    assert.equal((await reel.ask('GET', '/v1/runs?cursor=nobody')).status, 400);
    assert.equal((await reel.ask('GET', '/v1/runs/nobody')).status, 404);
    assert.equal((await reel.ask('GET', '/v1/nothing')).status, 404);
    assert.equal((await reel.ask('DELETE', '/v1/runs')).status, 405);
    assert.equal((await reel.ask('POST', '/v1/runs', 'x', { 'content-type': 'text/plain' })).status, 415);
  });
  it('of an input that is not what the workflow takes', async () => {
    assert.match((await refused({ workflow: travel, input: withoutCard })).errors, /card/);
  });
  it('of a workflow, with its line: cycles, unknown tools, expressions, missing dependencies', async () => {
    const yaml = (lines: string): string => `name: w\nsteps:\n${lines}`;
    const cycle = await refused({
      workflow: yaml('  - { id: a, uses: echo, dependsOn: [b] }\n  - { id: b, uses: echo, dependsOn: [a] }\n'),
    });
    assert.match(cycle.errors, /wait for each other.*a -> b -> a|a -> b/);
    assert.match(cycle.errors, /"line":3/);
    assert.match(
      (await refused({ workflow: yaml('  - { id: a, uses: ecko, with: { value: 1 } }\n') })).errors,
      /no tool.*ecko.*did you mean.*echo/,
    );
    assert.match((await refused({ workflow: yaml('  - { id: a, uses: echo, with: { value: "= input.(" } }\n') })).errors, /input\.\(/);
    assert.match(
      (
        await refused({
          workflow: yaml('  - { id: a, uses: echo, with: { value: 1 } }\n  - { id: b, uses: echo, with: { value: = steps.a.value } }\n'),
        })
      ).errors,
      /dependsOn/,
    );
  });
  it('of a name that no step may have', async () => {
    assert.match(
      (await refused({ workflow: { name: 'w', steps: [{ ...step, id: '__proto__' }] } })).errors,
      /no step may be called __proto__/,
    );
  });
  it('of what is too large, in numbers', async () => {
    const { status, errors } = await refused({ workflow: travel, input: { ...input, place: 'x'.repeat(1_100_000) } });
    assert.equal(status, 413);
    assert.match(errors, /has \d{7} bytes and may have 1048576/);
    const pieces = new ReadableStream({
      pull: (controller) => controller.enqueue(new TextEncoder().encode(' '.repeat(100_000))),
    });
    const init = { method: 'POST', headers: { 'content-type': 'application/json' }, body: pieces, duplex: 'half' };
    const endless = await fetch(`${reel.api}/v1/runs`, init as RequestInit);
    assert.equal(endless.status, 413);
    assert.match(await endless.text(), /1048576/);
  });
  it('of what is nested too deeply, of a place that is not there, and of a method that it does not take', async () => {
    const deep = await refused(`{"goal":"x","input":${'{"a":'.repeat(5000)}1${'}'.repeat(5000)}}`);
    assert.deepEqual([deep.status, /200 levels/.test(deep.errors)], [400, true]);
    assert.match((await refused({ workflow: '['.repeat(100_000) })).errors, /200 levels/);
    assert.match((await refused({ workflow: 'name: x\nsteps: &a [*a]\n' })).errors, /refers to itself/);
    assert.equal((await reel.ask('GET', '/nowhere')).status, 404);
    const strange = await fetch(`${reel.api}/v1/runs`, { method: 'DELETE' });
    assert.deepEqual([strange.status, strange.headers.get('allow')], [405, 'POST, GET, HEAD, OPTIONS']);
  });
  it('of a result that is not what its tool promised: the run fails and can be read', async () => {
    const run = await reel.finish({ name: 'w', steps: [{ id: 'a', uses: 'liar' }] });
    assert.equal(run.status, 'failed');
    assert.match(run.problem?.message ?? '', /number/);
    assert.equal(run.problem?.step, 'a');
  });
  it('of a result that is too large; what is merely large comes through', async () => {
    const run = await reel.finish({ name: 'w', steps: [{ id: 'a', uses: 'huge' }] });
    assert.deepEqual([run.status, run.problem?.code], ['failed', 'result-too-large']);
    const large = await reel.finish({ name: 'w', steps: [{ id: 'a', uses: 'large' }], answer: { value: '= $length(steps.a.text)' } });
    assert.deepEqual([large.status, large.answer], ['completed', 200_000]);
  });
  it('of rubbish in the stream: the run it concerns fails, and can be read', async () => {
    const { body } = await reel.ask<Submitted>('POST', '/v1/runs', {
      workflow: { name: 'w', steps: [{ id: 'p', kind: 'person', prompt: 'well?', form: { type: 'object' } }] },
    });
    const admin = await connect({ servers: reel.local.nats, credentials: installationIn(reel.local.dir).credentials }, 'provisioner');
    await admin.request(`reel.0.${body.id}.tool.x.1.outcome`, 'rubbish', { timeout: 10_000 });
    await accompany(body.id, async () => {});
    await admin.close();
    const end = await runOf(body.id);
    assert.equal(end.status, 'failed');
    assert.match(end.problem?.message ?? '', /not JSON/);
  });
  it('of a tool that fails twice: it is tried again', async () => {
    const run = await reel.finish({
      name: 'w',
      steps: [{ id: 'a', uses: 'flaky', retry: { attempts: 3 } }],
      answer: { value: '= steps.a.tries' },
    });
    assert.deepEqual([run.status, run.answer], ['completed', 3]);
  });
  it('of a tool that does not come back in time', async () => {
    const run = await reel.finish({ name: 'w', steps: [{ id: 'a', uses: 'slow' }] });
    assert.equal(run.status, 'failed');
    assert.match(run.problem?.message ?? '', /300 ms/);
  });
  it('of a port in use and of a broker that is too old, with what to do', async () => {
    const taken = createServer().listen(0, '127.0.0.1');
    await once(taken, 'listening');
    const { port } = taken.address() as { port: number };
    await assert.rejects(
      startLocal({ dir: join(reel.dir, 'second'), services: ['gateway'], env: { REEL_PORT: String(port) }, logLevel: 'silent' }),
      new RegExp(`port ${port} is in use.*REEL_PORT`),
    );
    taken.close();
    assert.throws(() => refuseOld('2.9.10', 'nats://x'), /nats-server 2\.9\.10 at nats:\/\/x is too old: Reel needs 2\.14\.0/);
    await assert.rejects(
      connect({ servers: 'nats://127.0.0.1:1', credentials: installationIn(reel.local.dir).credentials }, 'planner'),
      /cannot connect.*npm start/,
    );
  });
  it('and the API describes itself', async () => {
    const { body } = await reel.ask<{ openapi: string; paths: object }>('GET', '/openapi.json');
    assert.match(body.openapi, /^3\.1/);
    assert.deepEqual(Object.keys(body.paths).sort(), [
      '/healthz',
      '/readyz',
      '/v1/approvals',
      '/v1/approvals/{id}',
      '/v1/components',
      '/v1/runs',
      '/v1/runs/{id}',
      '/v1/runs/{id}/cancel',
      '/v1/runs/{id}/events',
      '/v1/tools',
    ]);
    assert.equal((await reel.ask('GET', '/readyz')).status, 200);
  });
  it('and runs are listed in pages: the next goes on where the last ended, whatever has become of the runs meanwhile', async () => {
    const workflow = { name: 'paged', steps: [{ id: 'who', kind: 'person', prompt: 'Well?', form: { type: 'object' } }] };
    const asked: string[] = [];
    for (let n = 0; n < 3; n += 1) asked.unshift((await reel.ask<Submitted>('POST', '/v1/runs', { workflow })).body.id);
    type Page = { runs: { id: string }[]; next?: string };
    const pageOf = async (query: string): Promise<Page> => (await reel.ask<Page>('GET', `/v1/runs?workflow=paged&${query}`)).body;
    const untilThere = (query: string, count: number): Promise<void> => until(async () => (await pageOf(query)).runs.length === count);
    await untilThere('status=running', 3);
    const first = await pageOf('status=running&limit=1');
    assert.deepEqual([first.runs.map(({ id }) => id), first.next !== undefined], [[asked[0]], true]);
    await reel.ask('POST', `/v1/runs/${asked[0]}/cancel`, { who: 'ada', why: 'enough' });
    await untilThere('status=cancelled', 1);
    const second = await pageOf(`status=running&cursor=${first.next}`);
    assert.deepEqual([second.runs.map(({ id }) => id), second.next], [asked.slice(1), undefined]);
  });
  it('and events resume where they were cut off', async () => {
    const run = await reel.finish({ name: 'w', steps: [step] });
    const { body } = await reel.ask<{ events: { sequence: string }[] }>('GET', `/v1/runs/${run.id}/events`);
    const middle = Number(body.events[4]?.sequence);
    const text = await (
      await fetch(`${reel.api}/v1/runs/${run.id}/events`, { headers: { accept: 'text/event-stream', 'last-event-id': String(middle) } })
    ).text();
    const ids = [...text.matchAll(/^id: (\d+)$/gm)].map(([, id]) => Number(id));
    assert.deepEqual(
      ids,
      body.events.map(({ sequence }) => Number(sequence)).filter((seq) => seq > middle),
    );
  });
});
