/** Waiting on a real broker: a run can be cancelled whatever it waits for, and what it waits for survives a restart of everything. */
import assert from 'node:assert/strict';
import { once } from 'node:events';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import type { Run, Submitted } from '@reel/gateway/shapes.ts';
import { follow } from '@reel/scripts/cli/api.ts';
import { until } from '@reel/scripts/local/until.ts';
import { SERVICES } from '@reel/services/main.ts';
import { type LocalReel, startReel } from '../fixtures/local-reel.ts';
import { looking } from '../fixtures/tools.ts';

const modules = [join(import.meta.dirname, '../fixtures/tools.ts')];
const reserved = { id: 'reserved', uses: 'reserve' };

/** Submits a workflow, does something when a fact of this type is said, and waits for the end. */
async function when(reel: LocalReel, type: string, steps: object[], act: (run: string) => Promise<unknown>): Promise<Run> {
  process.env['REEL_API'] = reel.api;
  const { body, status } = await reel.ask<Submitted>('POST', '/v1/runs', { workflow: { name: 'patient', steps } });
  assert.equal(status, 201, JSON.stringify(body));
  let done = false;
  for await (const told of follow(body.id)) {
    if (done || !('type' in told) || told.type !== type) continue;
    done = true;
    await act(body.id);
  }
  assert.deepEqual((await reel.log(body.id)).findings, []);
  return (await reel.ask('GET', `/v1/runs/${body.id}`)).body;
}

/** The run was cancelled, long before anything in it would have been over, and the reservation was undone. */
function soonUndone(run: Run): void {
  assert.equal(run.status, 'cancelled');
  assert.deepEqual(
    run.undone.map(({ id }) => id),
    ['reserved'],
  );
  assert.ok(Date.parse(run.endedAt as string) - Date.parse(run.requestedAt) < 20_000);
}

describe('a run is cancelled, and what it did is undone,', () => {
  let reel: LocalReel;
  before(async () => {
    reel = await startReel({ modules });
  });
  after(() => reel.close());
  const cancel = (run: string): Promise<unknown> => reel.ask('POST', `/v1/runs/${run}/cancel`, { who: 'ada', why: 'enough' });
  const question = { kind: 'person', prompt: '?', form: { type: 'object' }, timeoutMs: 600_000 };
  const waits: [what: string, type: string, step: object][] = [
    ['while a step waits to be tried again', 'step.retry.postponed', { uses: 'away' }],
    ['while a person is asked', 'step.verdict.held', question],
  ];
  for (const [what, type, step] of waits) {
    it(what, async () => {
      soonUndone(await when(reel, type, [reserved, { id: 'then', dependsOn: ['reserved'], ...step }], cancel));
    });
  }
  it('while a tool is looking, which is broken off', { timeout: 30_000 }, async () => {
    const begun = once(looking, 'begun');
    const endless = { id: 'then', dependsOn: ['reserved'], uses: 'endless' };
    // That its verdict is there does not say that it was called; the tool itself does.
    const run = await when(reel, 'step.check.accepted', [reserved, endless], async (id) => {
      const [key, signal] = await begun;
      assert.deepEqual([key, signal.aborted], [`${id}.tool.then`, false]);
      await cancel(id);
    });
    soonUndone(run);
    const [, signal] = await begun;
    if (!signal.aborted) await once(signal, 'abort');
    // Not because its time was up, nor because the process stops.
    assert.match(String(signal.reason), /it is not wanted any more/);
  });
  it('while a tool is doing something, which is let finish', async () => {
    const run = await when(reel, 'step.start.started', [reserved], cancel);
    assert.equal(run.status, 'cancelled');
    assert.deepEqual(
      run.undone.map(({ id }) => id),
      ['reserved'],
    );
  });
  it('and the answer names what it does without', async () => {
    const run = await reel.finish({
      name: 'optional',
      steps: [
        { id: 'nice', uses: 'broken', with: { of: 1 }, optional: true },
        { id: 'sure', uses: 'echo', with: { value: 1 } },
      ],
    });
    assert.deepEqual([run.status, run.answer], ['completed', { sure: { value: 1 } }]);
    assert.deepEqual(
      run.omitted?.map(({ step, problem }) => [step, problem.code]),
      [['nice', 'tool-error']],
    );
  });
});

it('a tool is tried as often as it was registered for, in the place of another as well, and no longer', async (context) => {
  const reel = await startReel({ modules });
  context.after(() => reel.close());
  const steps = [{ id: 'x', uses: 'broken', with: { of: 1 }, fallback: { uses: 'spotty' } }];
  const { status, answer } = await reel.finish({ name: 'instead', steps });
  assert.deepEqual([status, answer], ['completed', { x: { tries: 3 } }]);
  const { problem } = await reel.finish({ name: 'hasty', steps: [{ id: 'x', uses: 'hasty' }] });
  assert.match(problem?.message ?? '', /nobody is there/);
});

it('a step is tried again after a restart of everything while it waited', async (context) => {
  const reel = await startReel({ modules, services: ['gateway'] });
  context.after(() => reel.close());
  const others = SERVICES.filter((name) => name !== 'gateway');
  let child = await reel.local.spawn(others);
  await until(async () => (await reel.ask<{ tools: unknown[] }>('GET', '/v1/tools')).body.tools.length >= 12);
  const flaky = { id: 'flaky', uses: 'flaky', retry: { attempts: 9, delayMs: 2_000, maxDelayMs: 2_000 } };
  const run = await when(reel, 'step.retry.postponed', [flaky], async () => {
    child.kill('SIGKILL');
    await once(child, 'exit');
    await reel.local.restartBroker('SIGTERM');
    child = await reel.local.spawn(others);
  });
  assert.equal(run.status, 'completed');
});
