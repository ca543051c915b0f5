/** What people are asked once the run has turned: whether an undo that was cut off is done, and whether what is to be undone ever happened. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { given, told } from '@reel/bus/testing/given.ts';
import { planRevision, theRun } from '@reel/contracts/address.ts';
import type { Draft } from '@reel/contracts/envelope.ts';
import { planAbandoned } from '@reel/contracts/plan.ts';
import { closingExhausted, runRequested } from '@reel/contracts/run.ts';
import * as s from '@reel/contracts/step.ts';
import { Workflow } from '@reel/contracts/workflow/format.ts';
import { begun, begunAs, DEADLINE_MS, failing, problem, question, START_MS, step, undo } from './saga.fixture.ts';
import sagaTracker from './saga-tracker.ts';

const says = async (...facts: Draft[]): Promise<string[]> =>
  told(await given(facts).then(sagaTracker, {})).filter((one) => !one.startsWith('timer'));
const dataOf = async (type: string, ...facts: Draft[]): Promise<Record<string, unknown>> => {
  const said = await given(facts).then(sagaTracker, {});
  const found = said.find((one): one is Draft => 'type' in one && one.type === type);
  assert.ok(found, `it says no ${type}: ${told(said).join(', ')}`);
  return found.data as Record<string, unknown>;
};

const pay = step('pay', { effect: 'once' });
const once = undo('pay', 1, { effect: 'once' });
const again = undo('pay', 2, { effect: 'once' });
const cutOff = [...begun, ...pay.done, failing, ...once.running, once.unknown];
const asks = (n = 1): string[] => [`undo.request.requested undo-person.pay-1.${n}`];
const end = { problem, remaining: [] };

test('an undo that is done once and was cut off is not done again: operators are asked, who are told what to look for', async () => {
  assert.deepEqual(await says(...cutOff), asks());
  const { call } = (await dataOf('undo.request.requested', ...cutOff)) as { call: s.Call };
  assert.deepEqual([call.uses, call.effect], ['operators', 'read-only']);
  assert.match(call.prompt as string, /attempt 1 at tool "pay" was undone by "cancel" is not known: it did not go well/);
  const { attempt, step: about, unknown } = call.arguments as { attempt: object; step: string; unknown: boolean };
  assert.deepEqual([attempt, about, unknown], [once.at, 'pay', true]);
  // Until the deadline of the run, 600 s after its beginning; the doubt was stored after 12 s.
  assert.equal(call.timeoutMs, 3_600_000 - 4_000);
  assert.deepEqual(await says(...cutOff, ...question('pay').held), [], 'nothing ends while they are asked');
});

test('what they say of the undo decides: it is done, it is tried again, perhaps with other arguments, or the outcome stays unknown', async () => {
  for (const said of [
    { action: 'supply', result: 1 },
    { action: 'end', result: null },
  ] as const)
    assert.deepEqual(await dataOf('run.outcome.failed', ...cutOff, ...question('pay').said(said)), { ...end, undone: [pay.at] });
  const retried = [...cutOff, ...question('pay').said({ action: 'retry', with: { booking: 7 } })];
  assert.deepEqual(await says(...retried), ['undo.request.requested undo-tool.pay-1.2']);
  const { call } = (await dataOf('undo.request.requested', ...retried)) as { call: s.Call };
  assert.deepEqual([call.uses, call.arguments], ['cancel', { booking: 7 }]);
  assert.deepEqual(await dataOf('run.outcome.failed', ...retried, ...again.done), { ...end, undone: [pay.at] });
  const lost = { ...end, undone: [], stranded: [{ ...pay.at, problem }] };
  assert.deepEqual(await dataOf('run.outcome.stranded', ...cutOff, ...question('pay').said({ action: 'end' })), lost);
  // Only operators were left to ask, and they have been asked.
  assert.deepEqual(await dataOf('run.outcome.stranded', ...retried, ...again.running, again.unknown), lost);
});

test('a late result answers the question, and no more people are asked', async () => {
  const late = [...cutOff, ...question('pay').held, once.late];
  assert.deepEqual(await says(...late), ['undo.ruling.expired undo-person.pay-1.1']);
  const over = [...late, ...question('pay').expired.slice(2)];
  assert.deepEqual(await dataOf('run.outcome.failed', ...over), { ...end, undone: [pay.at] });
  // A person was faster, and knew less.
  const said = [...late, ...question('pay').said({ action: 'retry' }).slice(2)];
  assert.deepEqual(await dataOf('run.outcome.failed', ...said), { ...end, undone: [pay.at] });
});

test('who does not answer, refuses, or may not be asked, is followed by the next whom the plan names, and then by operators', async () => {
  const workflow = Workflow.parse({
    name: 'w',
    steps: [{ id: 'pay', uses: 'pay' }],
    escalate: [
      { to: 'ada', withinMs: 5_000 },
      { to: 'bob', withinMs: 5_000 },
    ],
  });
  const facts = [...begunAs(workflow), ...pay.done, failing, ...once.running, once.unknown];
  const { call } = (await dataOf('undo.request.requested', ...facts)) as { call: s.Call };
  assert.deepEqual([call.uses, call.timeoutMs], ['ada', 5_000]);
  const second = [...facts, ...question('pay').refused];
  assert.deepEqual(await says(...second), asks(2));
  const third = [...second, ...question('pay', 2).denied];
  assert.equal(((await dataOf('undo.request.requested', ...third)) as { call: s.Call }).call.uses, 'operators');
  assert.deepEqual(await says(...third, ...question('pay', 3).expired), ['run.outcome.stranded run']);
});

test('the rest is undone meanwhile, and the run ends when all of it is over', async () => {
  const hotel = step('hotel');
  const facts = [...begun, ...hotel.done, ...pay.done, failing, ...once.running, once.unknown];
  assert.deepEqual(await says(...facts), [...asks(), 'undo.request.requested undo-tool.hotel-1.1']);
  const answered = question('pay').said({ action: 'retry' });
  const [first] = undo('hotel').running;
  assert.deepEqual(await says(...facts, first as Draft, ...answered), [], 'one at a time');
  assert.deepEqual(await says(...facts, ...answered, ...undo('hotel').done), ['undo.request.requested undo-tool.pay-1.2']);
  assert.deepEqual(await says(...facts, ...undo('hotel').done), asks());
});

test('an idempotent undo is tried again by itself first, and people are asked when it is out of tries', async () => {
  const facts = [...begun, ...step('flight').done, failing];
  const tries = [1, 2, 3].flatMap((n) => [...undo('flight', n).running, undo('flight', n).unknown]);
  assert.deepEqual(await says(...facts, ...tries), ['undo.request.requested undo-person.flight-1.1']);
  assert.deepEqual(await says(...facts, ...tries.slice(0, -4)), []);
});

test('a question is asked about an attempt in doubt at the closing: it is undone if it happened, and not done again', async () => {
  const facts = [...begun, ...pay.running, failing, pay.unknown];
  assert.deepEqual(await says(...facts), asks());
  const { call } = (await dataOf('undo.request.requested', ...facts)) as { call: s.Call };
  assert.match(call.prompt as string, /Whether attempt 1 at tool "pay" took effect is not known/);
  const happened = [...facts, ...question('pay').said({ action: 'supply', result: { id: 'P' } })];
  assert.deepEqual(await says(...happened), ['undo.request.requested undo-tool.pay-1.1']);
  // Whether it was undone is another question, and the first of those who are there for it is asked.
  assert.deepEqual(await says(...happened, ...once.running, once.unknown), asks(2));
  assert.deepEqual(await dataOf('run.outcome.failed', ...facts, ...question('pay').said({ action: 'retry' })), { ...end, undone: [] });
  const late = [...facts, ...question('pay').held, pay.late()];
  assert.deepEqual(
    await says(...late),
    ['undo.request.requested undo-tool.pay-1.1', 'undo.ruling.expired undo-person.pay-1.1'].toReversed(),
  );
});

test('a person asked about an attempt before the closing is not asked again, unless the closing cut the question off', async () => {
  const asked = { kind: 'person', id: 'pay-escalation-1', n: 1 };
  const call = { uses: 'operators', arguments: {}, effect: 'read-only' as const, timeoutMs: 10_000 };
  const grounds = { policies: [], policySet: 's', question: 'q' };
  const held = [s.stepRequested(asked, { call }), s.stepHeld(asked, { ...grounds, prompt: '?' })];
  const doubtful = [...begun, ...pay.running, pay.unknown, ...held];
  const gone = planAbandoned(planRevision(2), { problem });
  const silent = s.stepExpired(asked, { problem });
  assert.deepEqual(await says(...doubtful, silent, gone, failing), ['run.outcome.stranded run']);
  const ended = [
    s.stepGranted(asked, { who: 'Eve', why: 'so', vote: 'v' }),
    s.stepSucceeded(asked, { output: { action: 'end' } }),
    s.stepAccepted(asked, {}),
  ];
  assert.deepEqual(await says(...doubtful, ...ended, gone, failing), ['run.outcome.stranded run']);
  const cut = s.stepExpired(asked, { problem: { code: 'run-closing', message: 'so' } });
  assert.deepEqual(await says(...doubtful, failing), ['step.ruling.expired person.pay-escalation-1.1']);
  assert.deepEqual(await says(...doubtful, failing, cut), asks());
});

test('people have until the deadline of the run, and an hour after its turn where that has passed', async () => {
  const request = (deadlineMs: number): Draft =>
    runRequested(theRun, { ...(begun[0]?.data as Parameters<typeof runRequested>[1]), deadlineMs });
  const leftOf = async (deadlineMs: number): Promise<number> => {
    const facts = [
      request(deadlineMs),
      ...begun.slice(1),
      ...pay.done,
      closingExhausted(theRun, { problem }),
      ...once.running,
      once.unknown,
    ];
    return ((await dataOf('undo.request.requested', ...facts)) as { call: s.Call }).call.timeoutMs;
  };
  // The turn was stored after 10 s, and the doubt after 14.
  assert.equal(await leftOf(START_MS + 1_000), 3_600_000 - 4_000);
  assert.equal(await leftOf(DEADLINE_MS + 7_200_000), 7_200_000 + 600_000 - 14_000);
});
