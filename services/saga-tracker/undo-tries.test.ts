import assert from 'node:assert/strict';
import { test } from 'node:test';
import { given, told } from '@reel/bus/testing/given.ts';
import type { Draft } from '@reel/contracts/envelope.ts';
import { begun, begunWith, failing, step, undo } from './saga.fixture.ts';
import sagaTracker from './saga-tracker.ts';

const flight = step('flight');
const done = [...begun, ...flight.done, failing];
/** What is said when the clock rings so many ms after the last of these. */
const ring = async (afterMs: number, facts: readonly Draft[]): Promise<string[]> =>
  told(await given(facts).fire(sagaTracker, {}, afterMs)).filter((one) => !one.startsWith('timer'));
const says = async (facts: readonly Draft[]): Promise<string[]> =>
  told(await given(facts).then(sagaTracker, {})).filter((one) => !one.startsWith('timer'));
const again = (n: number): string[] => [`undo.request.requested undo-tool.flight-1.${n}`];

test('a server that is left alone for a while is waited for, and costs no try', async () => {
  const resting = [...done, ...undo('flight').running, undo('flight').resting(9_000)];
  assert.deepEqual(await ring(8_900, resting), []);
  assert.deepEqual(await ring(9_000, resting), again(2));
  const tries = [2, 3].flatMap((n) => [...undo('flight', n).running, undo('flight', n).failed()]);
  assert.deepEqual(await ring(4_000, [...resting, ...tries]), again(4));
  assert.deepEqual(await says([...resting, ...tries, ...undo('flight', 4).running, undo('flight', 4).failed()]), [
    'run.outcome.stranded run',
  ]);
});

test('a server that rests for ever is left to a person in the end', async () => {
  const rests = (times: number): Draft[] =>
    Array.from({ length: times }, (_, i) => undo('flight', i + 1)).flatMap(({ running, resting }) => [...running, resting(9_000)]);
  assert.deepEqual(await ring(9_000, [...done, ...rests(20)]), again(21));
  assert.deepEqual(await says([...done, ...rests(21)]), ['run.outcome.stranded run']);
});

test('the tool that undoes it is tried as often, and after as long, as it is registered with', async () => {
  const facts = [...begunWith({ attempts: 2, delayMs: 8_000 }), ...flight.done, failing];
  const once = [...facts, ...undo('flight').running, undo('flight').failed()];
  assert.deepEqual(await ring(5_900, once), []);
  assert.deepEqual(await ring(8_000, once), again(2));
  assert.deepEqual(await says([...once, ...undo('flight', 2).running, undo('flight', 2).failed()]), ['run.outcome.stranded run']);
});

test('a tool that says when to come again is not asked before', async () => {
  const busy = undo('flight');
  const facts = [...done, ...busy.running, { ...busy.failed(), data: { problem: { code: 'busy', message: 'so', retryAfterMs: 7_000 } } }];
  assert.deepEqual(await ring(6_900, facts), []);
  assert.deepEqual(await ring(7_000, facts), again(2));
});
