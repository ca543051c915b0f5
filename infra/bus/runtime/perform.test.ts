/** What a performer tells that took over what another had begun, when there is an outcome already. */
import assert from 'node:assert/strict';
import { it } from 'node:test';
import { type Place, theRun } from '@reel/contracts/address.ts';
import type { Json, Problem } from '@reel/contracts/envelope.ts';
import { runRequested } from '@reel/contracts/run.ts';
import { stepApproved, stepFailed, stepRequested, stepStarted, stepTimedOut } from '@reel/contracts/step.ts';
import type { Effect } from '@reel/contracts/tool.ts';
import { Workflow } from '@reel/contracts/workflow/format.ts';
import type { Edge } from '../edge.ts';
import { isInvalid } from '../history.ts';
import { LogUnavailable } from '../log.ts';
import { definePerformer, Failure, InDoubt, Unsent } from '../service.ts';
import { CALM, handle, simulate } from '../simulator/simulator.ts';
import { digestOf } from './digest.ts';
import { keepSecret } from './secrets.ts';

const at: Place = { kind: 'tool', id: 'a', n: 1 };
const problem: Problem = { code: 'no', message: 'it said no', retryable: false };
const busy = new Unsent({ code: 'resting', message: 'it is left alone for a while' });

const executor = (perform: () => Promise<Json>) => definePerformer({ name: 'tool-executor', kind: 'tool', perform });

/** Asks for a call and has it approved, as planner and policy would. */
async function approve(edge: Edge, effect: Effect): Promise<void> {
  const call = { call: { uses: 'x', arguments: {}, effect, timeoutMs: 1000 } };
  const workflow = Workflow.parse({ name: 'w', steps: [{ id: 'a', uses: 'x' }] });
  await edge.publish(0, 'R', runRequested(theRun, { requestedBy: 'ada', workflow, input: {}, tools: {}, deadlineMs: 1e15 }));
  await edge.publish(0, 'R', stepRequested(at, call));
  await edge.publish(0, 'R', stepApproved(at, { policies: [], policySet: 's', question: digestOf(call) }));
}

/**
 * An idempotent call that somebody has begun is taken over. At the last of these attempts whoever began it comes back, and tells that it
 * was refused. @returns the faults that were said
 */
async function takenOver(attempts: readonly Error[]): Promise<Problem[]> {
  let tries = 0;
  const service = executor(async () => {
    tries += 1;
    if (tries === attempts.length) await simulation.edge.publish(0, 'R', stepFailed(at, { problem }));
    throw attempts[Math.min(tries, attempts.length) - 1] as Error;
  });
  const simulation = simulate({ players: [{ service }], faults: CALM });
  await approve(simulation.edge, 'idempotent');
  await simulation.edge.publish(0, 'R', stepStarted(at, { nonce: 'another' }));
  await simulation.run();
  assert.ok(tries >= attempts.length, simulation.trace.join('\n'));
  return simulation.entries.flatMap((entry) =>
    !isInvalid(entry) && entry.type === 'fault.fault.raised' ? [(entry.data as { problem: Problem }).problem] : [],
  );
}

it('who reached nobody has nothing to doubt when whoever began it has told what came of it', async () => {
  assert.deepEqual(await takenOver([busy]), []);
  assert.deepEqual(await takenOver([busy, busy]), []);
});

it('who may have done it says so, however often it reached nobody since', async () => {
  for (const attempts of [[new Error('the line went dead')], [new Error('the line went dead'), busy]]) {
    const [fault, ...more] = await takenOver(attempts);
    assert.deepEqual([fault?.code, fault?.message, more], ['unknown-effect', 'the line went dead', []]);
  }
});

it('what was done and came too late is told however often the log cannot be read meanwhile', async () => {
  let calls = 0;
  const service = executor(async () => {
    calls += 1;
    await simulation.edge.publish(0, 'R', stepTimedOut(at, { problem }));
    return 1;
  });
  let away = 3;
  const flaky: typeof handle = (player, working, address, seq, count) => {
    const { log } = working;
    const read: typeof log.read = (shard, run, atLeast) =>
      // What has been delivered is read up to there; it is read once more when the outcome was told by another.
      atLeast === undefined && away-- > 0 ? Promise.reject(new LogUnavailable('it is away')) : log.read(shard, run, atLeast);
    return handle(player, { ...working, log: { ...log, read } }, address, seq, count);
  };
  const simulation = simulate({ players: [{ service }], faults: CALM, bus: { handle: flaky } });
  await approve(simulation.edge, 'once');
  await simulation.run();
  const late = simulation.entries.filter((entry) => !isInvalid(entry) && entry.type === 'step.late.succeeded');
  assert.deepEqual([calls, away < 0, late.length], [1, true, 1], simulation.trace.join('\n'));
});

it('an answer that is lost for good is a doubt with a name, asked for once, and a failure where nothing was done', async () => {
  const large: Problem = { code: 'result-too-large', message: 'the answer has no end', retryable: false };
  for (const [effect, type] of [
    ['once', 'step.outcome.unknown'],
    ['idempotent', 'step.outcome.unknown'],
    ['read-only', 'step.outcome.failed'],
  ] as const) {
    let calls = 0;
    const service = executor(async () => {
      calls += 1;
      throw new InDoubt(large);
    });
    const simulation = simulate({ players: [{ service }], faults: CALM });
    await approve(simulation.edge, effect);
    await simulation.run();
    const outcomes = simulation.entries.flatMap((entry) =>
      !isInvalid(entry) && entry.at.slot === 'outcome' ? [[entry.type, entry.data]] : [],
    );
    assert.deepEqual([calls, outcomes], [1, [[type, { problem: large }]]], effect);
  }
});

it('what a performer was given, and what it repeats, is in no fact', async () => {
  keepSecret('t0p-secret', 'TOKEN');
  const ends = [
    async () => ({ said: 't0p-secret', 't0p-secret': Buffer.from('a:t0p-secret').toString('base64') }),
    async () => Promise.reject(new Failure({ code: 'no', message: 'it said t0p-secret', retryable: false })),
    async () => Promise.reject(new Error('t0p-secret')),
  ];
  for (const end of ends) {
    const simulation = simulate({ players: [{ service: executor(end) }], faults: CALM });
    await approve(simulation.edge, 'once');
    await simulation.run();
    const said = JSON.stringify(simulation.entries);
    assert.ok(said.includes('(secret)') && !said.includes('t0p-secret') && !said.includes('MHAtc2Vjcm'), said);
  }
});
