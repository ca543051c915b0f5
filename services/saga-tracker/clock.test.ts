import assert from 'node:assert/strict';
import { test } from 'node:test';
import { given, told } from '@reel/bus/testing/given.ts';
import { theRun } from '@reel/contracts/address.ts';
import type { Draft } from '@reel/contracts/envelope.ts';
import type { ModelDefinition } from '@reel/contracts/model.ts';
import { runFailed } from '@reel/contracts/run.ts';
import { Workflow } from '@reel/contracts/workflow/format.ts';
import { begun, begunAs, DEADLINE_MS, failing, START_MS, step, undo } from './saga.fixture.ts';
import sagaTracker from './saga-tracker.ts';

const flight = step('flight');
const friend = step('friend', { effect: 'read-only', timeoutMs: 60_000 }, 1, 'person');

const says = async (...facts: Draft[]): Promise<string[]> => told(await given(facts).then(sagaTracker, {}));

/** What is said when the clock rings so long after the last fact, and for when it is set, in seconds since the run began. */
async function ring(facts: readonly Draft[], afterMs: number, name = 'clock'): Promise<{ said: string[]; nextS: number | undefined }> {
  const said = await given(facts).fire(sagaTracker, {}, afterMs, name);
  const alarm = said.find((one) => 'timer' in one);
  return {
    said: told(said).filter((one) => !one.startsWith('timer')),
    nextS: alarm === undefined ? undefined : (alarm.atMs - START_MS) / 1000,
  };
}

test('the clock is set when a plan is approved, for when its quickest step could be overdue', async () => {
  const said = await given(begun).then(sagaTracker, {});
  // Fact 4 is stored after 4 s, a search may take 5 s, and 2 s are for grace.
  assert.deepEqual(said, [{ timer: 'clock', atMs: START_MS + 11_000 }]);
});

test('the clock heeds what a plan says of a step’s whole time, and what a model’s registration says of one attempt', async () => {
  const lookAt = async (step: object, models: ModelDefinition[] = []): Promise<number> => {
    const workflow = Workflow.parse({ name: 'w', steps: [{ id: 'a', uses: 'book', ...step }] });
    const facts = begunAs(workflow, models);
    const [alarm] = await given(facts).then(sagaTracker, {});
    return ((alarm as { atMs: number }).atMs - START_MS) / 1000 - facts.length;
  };
  assert.equal(await lookAt({}), 12);
  assert.equal(await lookAt({ withinMs: 3_000 }), 5);
  const model = { name: 'm', capabilities: [], price: 'low' as const };
  assert.equal(await lookAt({ kind: 'model', uses: '' }, [{ ...model, timeoutMs: 4_000 }]), 6);
  assert.equal(await lookAt({ kind: 'model', uses: '', timeoutMs: 9_000 }, [{ ...model, timeoutMs: 4_000 }]), 11);
});

test('it looks when the time for all attempts at a step is over', async () => {
  const workflow = Workflow.parse({
    name: 'w',
    steps: [{ id: 'a', uses: 'book', withinMs: 20_000, retry: { attempts: 2 }, timeoutMs: 30_000 }],
  });
  const a = step('a', { timeoutMs: 20_000, leftMs: 20_000 });
  // It was asked for after 5 s; the last look was after 8 s, and the plan by itself has nothing overdue before 30.
  assert.equal((await ring([...begunAs(workflow), ...a.running, a.failed], 0)).nextS, 27);
  assert.equal((await ring([...begunAs(workflow), ...a.done], 0)).nextS, 31, 'unless it is done');
});

test('a step that was begun times out after its time and a grace', async () => {
  const facts = [...begun, ...flight.running];
  assert.deepEqual(await ring(facts, 11_999), { said: [], nextS: 19 });
  assert.deepEqual(await ring(facts, 12_000), { said: ['step.outcome.timed-out tool.flight.1'], nextS: 26 });
});

test('a read-only call without a performer times out from its approval on', async () => {
  const search = step('search', { effect: 'read-only', timeoutMs: 5_000 });
  const facts = [...begun, ...search.asked];
  assert.deepEqual((await ring(facts, 6_999)).said, []);
  assert.deepEqual((await ring(facts, 7_000)).said, ['step.outcome.timed-out tool.search.1']);
  assert.deepEqual(
    (await ring([...begun, search.requested], 7_000)).said,
    ['step.outcome.timed-out tool.search.1'],
    'nor one without a verdict',
  );
});

test('a step that was not begun in time is withdrawn first, and times out when that is sure', async () => {
  const facts = [...begun, ...flight.asked];
  assert.deepEqual((await ring(facts, 12_000)).said, ['step.start.withdrawn tool.flight.1']);
  assert.deepEqual(await says(...facts, flight.withdrawn), ['step.outcome.timed-out tool.flight.1']);
  assert.deepEqual(
    (await ring([...facts, flight.withdrawn], 0)).said,
    ['step.outcome.timed-out tool.flight.1'],
    'should that have been lost',
  );
  assert.deepEqual((await ring([...facts, flight.started], 11_000)).said, [], 'a faster performer has its time');
});

test('a person has the time that the question gives them', async () => {
  const facts = [...begun, friend.requested, friend.held];
  assert.deepEqual(await ring(facts, 59_999), { said: [], nextS: 66 });
  assert.deepEqual((await ring(facts, 60_000)).said, ['step.ruling.expired person.friend.1']);
});

test('a tool that waits for a person waits until the deadline: its own time is meant for a machine', async () => {
  const facts = [...begun, flight.requested, flight.held];
  assert.deepEqual(await ring(facts, 60_000), { said: [], nextS: 600 });
});

test('a tool that waits for a person waits no longer than its step may take', async () => {
  const brief = step('brief', { leftMs: 30_000 });
  const facts = [...begun, brief.requested, brief.held];
  assert.deepEqual(await ring(facts, 29_999), { said: [], nextS: 36 });
  assert.deepEqual((await ring(facts, 30_000)).said, ['step.ruling.expired tool.brief.1']);
});

test('while only persons are waited for, the clock is set for them alone; a ruling sets it again', async () => {
  const facts = [...begun, friend.requested, friend.held];
  assert.equal((await ring(facts, 6_999)).nextS, 20, 'a service may still be about to say something');
  assert.equal((await ring(facts, 7_000)).nextS, 66);
  assert.deepEqual(await says(...facts), ['timer clock']);
  assert.deepEqual(await says(...facts, friend.granted), ['timer clock']);
  assert.deepEqual(await says(...facts, friend.refused), ['timer clock']);
});

test('the clock is never set past the deadline', async () => {
  const slow = step('slow', { timeoutMs: 3_600_000 });
  const { said, nextS } = await ring([...begun, ...slow.running], 590_000);
  assert.deepEqual([said, nextS], [[], (DEADLINE_MS - START_MS) / 1000]);
});

test('a step that was postponed is woken in time, at once if that has passed', async () => {
  const untilMs = START_MS + 50_500;
  const facts = [...begun, ...flight.running, flight.failed, flight.postponed(untilMs)];
  assert.deepEqual(await given(facts).then(sagaTracker, {}), [{ timer: 'wake-9', atMs: START_MS + 51_000 }]);
  assert.deepEqual((await ring(facts, 41_499, 'wake-9')).said, []);
  assert.deepEqual((await ring(facts, 41_500, 'wake-9')).said, ['step.wake.due tool.flight.1']);
  assert.deepEqual(await says(...begun, ...flight.running, flight.failed, flight.postponed(START_MS)), ['step.wake.due tool.flight.1']);
  assert.deepEqual(await says(...begun, ...flight.running, flight.failed, failing, flight.postponed(untilMs)), []);
});

test('the sweep winds the clock where there was something to say, and where it has to ring before the next sweep', async () => {
  const facts = [...begun, ...flight.running];
  assert.deepEqual(await ring(facts, 1_000, 'sweep'), { said: [], nextS: 15 });
  const waiting = [...begun, friend.requested, friend.held];
  assert.deepEqual(await ring(waiting, 20_000, 'clock'), { said: [], nextS: 66 });
  assert.deepEqual(await ring(waiting, 20_000, 'sweep'), { said: [], nextS: undefined });
  assert.deepEqual(await ring(waiting, 40_000, 'sweep'), { said: [], nextS: 66 });
  assert.deepEqual(await ring(facts, 12_000, 'sweep'), { said: ['step.outcome.timed-out tool.flight.1'], nextS: 26 });
});

test('after the turn, steps in flight and undos time out as before', async () => {
  const running = [...begun, ...flight.running, failing];
  assert.deepEqual(await ring(running, 11_000), { said: ['step.outcome.timed-out tool.flight.1'], nextS: 31 });
  const undoing = [...begun, ...flight.done, failing, ...undo('flight').running];
  assert.deepEqual(await ring(undoing, 11_999), { said: [], nextS: 25 });
  assert.deepEqual((await ring(undoing, 12_000)).said, ['undo.outcome.timed-out undo-tool.flight-1.1']);
});

test('an undo that waits for a person waits until the deadline', async () => {
  const facts = [...begun, ...flight.done, failing, undo('flight').requested, undo('flight').held];
  assert.deepEqual(await ring(facts, 60_000), { said: [], nextS: 600 });
  assert.deepEqual((await ring(facts, 600_000)).said, ['undo.ruling.expired undo-tool.flight-1.1']);
});

test('a person who is asked about an undo, and their answer, set the clock again', async () => {
  const facts = [...begun, ...flight.done, failing, undo('flight').requested, undo('flight').held];
  const alarms = async (...more: Draft[]) => await given([...facts, ...more]).then(sagaTracker, {});
  assert.deepEqual(await alarms(), [{ timer: 'clock', atMs: DEADLINE_MS }]);
  // The ruling is the thirteenth fact.
  assert.deepEqual(await alarms(undo('flight').granted), [{ timer: 'clock', atMs: START_MS + 13_000 + 12_000 }]);
});

test('a run that is over hears nothing any more when the clock rings', async () => {
  const facts = [
    ...begun,
    ...flight.running,
    flight.timedOut,
    failing,
    runFailed(theRun, { problem: { code: 'no', message: 'no' }, undone: [] }),
  ];
  assert.deepEqual(await ring(facts, 1_000_000), { said: [], nextS: undefined });
});
