import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Answers } from '@reel/bus/service.ts';
import { given, told } from '@reel/bus/testing/given.ts';
import { answerRevision, planRevision, theRun } from '@reel/contracts/address.ts';
import * as a from '@reel/contracts/answer.ts';
import type { Draft } from '@reel/contracts/envelope.ts';
import { faultRaised } from '@reel/contracts/fault.ts';
import * as p from '@reel/contracts/plan.ts';
import * as r from '@reel/contracts/run.ts';
import { stepDue } from '@reel/contracts/step.ts';
import { answered, begun, completed, DEADLINE_MS, failing, grounds, problem, question, requested, step, undo } from './saga.fixture.ts';
import sagaTracker from './saga-tracker.ts';

const says = async (...facts: Draft[]): Promise<string[]> => told(await given(facts).then(sagaTracker, {}));
const answer = (...facts: Draft[]): Promise<Answers> => given(facts).then(sagaTracker, {});
const draftsOf = (said: Answers): Draft[] => said.filter((one): one is Draft => !('timer' in one));
const dataOf = async (said: Promise<Answers>, type: string): Promise<Record<string, unknown>> => {
  const found = draftsOf(await said).find((one) => one.type === type);
  assert.ok(found, `it says no ${type}: ${told(await said).join(', ')}`);
  return found.data as Record<string, unknown>;
};

const flight = step('flight');
const hotel = step('hotel');
const cancelAsked = r.cancelRequested(theRun, { who: 'Bob', why: 'rain' });

test('a run whose answer is approved completes', async () => {
  assert.deepEqual(await says(...begun, ...answered('yes')), ['run.closing.completed run']);
  const at = answerRevision(1);
  const held = [a.answerProposed(at, { answer: 1 }), a.answerAccepted(at, {}), a.answerHeld(at, { ...grounds, prompt: '?' })];
  assert.deepEqual(await says(...begun, ...held, a.answerGranted(at, { who: 'Eve', why: 'ok', vote: 'v' })), ['run.closing.completed run']);
});

const ruled = { who: 'Eve', why: 'too dear', vote: 'v' };
const plan = planRevision(1);
const reply = answerRevision(1);
const proposed = a.answerProposed(reply, { answer: 1 });
const planned = begun.slice(0, 3);
const defeats: [what: string, facts: readonly Draft[], code: string][] = [
  ['a run that is denied', [requested(), r.runDenied(theRun, { ...grounds, problem })], 'no'],
  ['a run that a person refuses', [requested(), r.runHeld(theRun, { ...grounds, prompt: '?' }), r.runRefused(theRun, ruled)], 'refused'],
  ['a plan that a person refuses', [...planned, p.planHeld(plan, { ...grounds, prompt: '?' }), p.planRefused(plan, ruled)], 'refused'],
  ['a plan that is abandoned', [...begun, p.planAbandoned(planRevision(2), { problem })], 'no'],
  [
    'an answer that a person refuses',
    [...begun, proposed, a.answerAccepted(reply, {}), a.answerHeld(reply, { ...grounds, prompt: '?' }), a.answerRefused(reply, ruled)],
    'refused',
  ],
  ['a fault', [...begun, faultRaised({ kind: 'fault', id: 'given', n: 4 }, { event: 'reel.0.R.x', problem })], 'fault'],
];
for (const [what, facts, code] of defeats) {
  test(`${what} makes the run fail, and says why`, async () => {
    const said = await dataOf(answer(...facts), 'run.closing.failing');
    assert.equal((said['problem'] as { code: string }).code, code);
    assert.deepEqual(await says(...facts.slice(0, -1), failing, facts.at(-1) as Draft), ['run.outcome.failed run'], 'a run turns once');
  });
}

test('a refusal names who refused, and a fault names the service and the fact', async () => {
  const refusal = await dataOf(
    answer(...begun.slice(0, 3), p.planHeld(plan, { ...grounds, prompt: '?' }), p.planRefused(plan, ruled)),
    'run.closing.failing',
  );
  assert.match(JSON.stringify(refusal), /Eve refused it: too dear/);
  const fault = await dataOf(
    answer(...begun, faultRaised({ kind: 'fault', id: 'given', n: 4 }, { event: 'reel.0.R.x', problem })),
    'run.closing.failing',
  );
  assert.match(JSON.stringify(fault), /given could not handle reel\.0\.R\.x/);
});

test('a cancelled run turns, unless it has turned before', async () => {
  assert.deepEqual(await says(...begun, cancelAsked), ['run.closing.cancelling run']);
  assert.deepEqual(await says(...begun, ...answered(1), completed, cancelAsked), ['run.outcome.completed run']);
});

test('a step of a healthy run is nothing to speak of', async () => {
  assert.deepEqual(await says(...begun, ...flight.running, flight.succeeded()), []);
  assert.deepEqual(await says(...begun, ...flight.running, flight.failed), []);
  assert.deepEqual(await says(...begun, flight.requested, flight.denied), []);
});

test('a completed run gives the answer that was approved', async () => {
  const said = answer(
    ...begun,
    a.answerProposed(reply, { answer: 'first' }),
    a.answerRejected(reply, { problem }),
    ...answered('second', 2),
    completed,
  );
  assert.deepEqual(told(await said), ['run.outcome.completed run']);
  assert.deepEqual(await dataOf(said, 'run.outcome.completed'), { answer: 'second' });
});

test('a run that did nothing yet ends with its turn', async () => {
  assert.deepEqual(await says(requested(), failing), ['run.outcome.failed run']);
  assert.deepEqual(await says(requested(), r.closingCancelling(theRun, { problem })), ['run.outcome.cancelled run']);
  assert.deepEqual(await says(requested(), r.closingExhausted(theRun, { problem })), ['run.outcome.exhausted run']);
});

test('the turn stops what can be stopped and waits for the rest', async () => {
  const [asked, unjudged, held, running, reading] = [
    step('asked'),
    step('unjudged'),
    step('held'),
    step('running'),
    step('reading', { effect: 'read-only' }),
  ];
  const facts = [...begun, ...asked.asked, unjudged.requested, held.requested, held.held, ...running.running, ...reading.asked];
  assert.deepEqual(await says(...facts, failing), [
    'timer clock',
    'step.start.withdrawn tool.asked.1',
    'step.start.withdrawn tool.unjudged.1',
    'step.ruling.expired tool.held.1',
  ]);
  assert.deepEqual(await says(...facts, failing, asked.withdrawn), [
    'timer clock',
    'step.start.withdrawn tool.unjudged.1',
    'step.ruling.expired tool.held.1',
  ]);
});

test('a person who is still asked about the run, its plan or its answer is let go', async () => {
  const heldRun = r.runHeld(theRun, { ...grounds, prompt: '?' });
  assert.deepEqual(await says(requested(), heldRun, failing), ['timer clock', 'run.ruling.expired run', 'run.outcome.failed run']);
  const heldPlan = p.planHeld(plan, { ...grounds, prompt: '?' });
  assert.deepEqual(await says(...planned, failing, heldPlan), ['timer clock', 'plan.ruling.expired plan.plan.1', 'run.outcome.failed run']);
  const heldAnswer = [proposed, a.answerAccepted(reply, {}), a.answerHeld(reply, { ...grounds, prompt: '?' })];
  assert.deepEqual(await says(...begun, ...heldAnswer, failing), [
    'timer clock',
    'answer.ruling.expired answer.answer.1',
    'run.outcome.failed run',
  ]);
});

test('a step granted while the run closes is withdrawn, unless it has started', async () => {
  const facts = [...begun, flight.requested, flight.held, failing, flight.granted];
  assert.deepEqual(await says(...facts), ['timer clock', 'step.start.withdrawn tool.flight.1']);
  assert.deepEqual(await says(...facts, flight.started, flight.failed), ['run.outcome.failed run']);
});

test('the run does not end before the last step in flight has ended', async () => {
  const facts = [...begun, ...flight.running, ...hotel.running, failing];
  assert.deepEqual(await says(...facts), ['timer clock']);
  assert.deepEqual(await says(...facts, flight.failed), ['timer clock']);
  assert.deepEqual(await says(...facts, flight.failed, hotel.failed), ['run.outcome.failed run']);
});

test('a call that only reads and was not judged as the run turned ends when it is denied, or asks a person in vain', async () => {
  const reading = step('reading', { effect: 'read-only' });
  assert.deepEqual(await says(...begun, reading.requested, failing), ['timer clock']);
  assert.deepEqual(await says(...begun, reading.requested, failing, reading.denied), ['run.outcome.failed run']);
  assert.deepEqual(await says(...begun, reading.requested, failing, reading.held), ['timer clock', 'step.ruling.expired tool.reading.1']);
});

test('effects are undone the last first, one at a time, with what they were given and what they gave', async () => {
  const facts = [...begun, ...flight.done, ...hotel.done, failing];
  const first = answer(...facts);
  assert.deepEqual(told(await first), ['timer clock', 'undo.request.requested undo-tool.hotel-1.1']);
  assert.deepEqual(await dataOf(first, 'undo.request.requested'), {
    call: {
      uses: 'cancel',
      arguments: { booking: 'hotel', for: 'Ada' },
      effect: 'idempotent',
      timeoutMs: 10_000,
      definition: 'sha256:cancel',
    },
  });
  assert.deepEqual(await says(...facts, ...undo('hotel').done), ['timer clock', 'undo.request.requested undo-tool.flight-1.1']);
  const end = answer(...facts, ...undo('hotel').done, ...undo('flight').done);
  assert.deepEqual(told(await end), ['run.outcome.failed run']);
  assert.deepEqual(await dataOf(end, 'run.outcome.failed'), { problem, undone: [hotel.at, flight.at], remaining: [] });
});

test('a compensation may name the results that its step could have named, and no later ones', async () => {
  const seat = step('seat', {
    compensation: { uses: 'cancel', with: { early: '=steps.flight.id', late: '=steps.hotel.id', mine: '=arguments.row' } },
    arguments: { row: 4 },
  });
  const facts = [...begun, ...flight.done, ...seat.running, ...hotel.done, seat.succeeded(), failing];
  const { call } = (await dataOf(answer(...facts), 'undo.request.requested')) as { call: { arguments: unknown } };
  assert.deepEqual(call.arguments, { early: 'flight', mine: 4 });
});

test('a result that was not what was promised is undone all the same', async () => {
  const facts = [...begun, ...flight.running, flight.succeeded(), flight.rejected, failing];
  assert.deepEqual(await says(...facts), ['timer clock', 'undo.request.requested undo-tool.flight-1.1']);
});

test('a late result is undone next', async () => {
  const facts = [
    ...begun,
    ...flight.done,
    ...hotel.done,
    ...step('car').running,
    step('car').timedOut,
    failing,
    ...question('car').held,
    ...undo('hotel').running,
    step('car').late(),
  ];
  assert.deepEqual(await says(...facts), ['timer clock', 'undo.ruling.expired undo-person.car-1.1'], 'one at a time');
  const next = await says(...facts, ...question('car').expired.slice(2), undo('hotel').done.at(-1) as Draft);
  assert.deepEqual(next, ['timer clock', 'undo.request.requested undo-tool.car-1.1']);
});

test('a late result does not overtake an undo that was decided on before it, though it is not in the log yet', async () => {
  const car = step('car');
  const facts = [...begun, ...hotel.done, ...car.running, car.timedOut, failing, car.late()];
  const said = await says(...facts, ...question('car').expired);
  assert.deepEqual(said, ['timer clock', 'undo.request.requested undo-tool.hotel-1.1']);
});

test('attempts under one key of an idempotent tool are one effect', async () => {
  const again = step('flight', {}, 2);
  const facts = [...begun, ...flight.running, flight.unknown, ...again.done, failing];
  assert.deepEqual(await says(...facts), ['timer clock', 'undo.request.requested undo-tool.flight-2.1']);
  const end = await says(...facts, ...undo('flight', 1, { attempt: 2 }).done);
  assert.deepEqual(end, ['run.outcome.failed run'], 'the first attempt is accounted for by the second');
});

test('what nothing undoes stays, and does not strand the run, which says that it is there', async () => {
  const mail = step('mail', { effect: 'once', compensation: undefined });
  for (const check of [mail.accepted, mail.rejected]) {
    const said = answer(...begun, ...mail.running, mail.succeeded(), check, failing);
    assert.deepEqual(told(await said), ['run.outcome.failed run']);
    const { remaining } = await dataOf(said, 'run.outcome.failed');
    assert.deepEqual(remaining, [
      {
        ...mail.at,
        problem: { code: 'no-compensation', message: 'attempt 1 at tool "mail" took effect, and nothing undoes it', step: 'mail' },
      },
    ]);
  }
  const free = step('free', { effect: 'metered', compensation: undefined });
  assert.deepEqual((await dataOf(answer(...begun, ...free.done, failing), 'run.outcome.failed'))['remaining'], []);
});

test('a run with an effect that stays in doubt is stranded', async () => {
  for (const end of [flight.unknown, flight.timedOut]) {
    const facts = [...begun, ...flight.running, end, failing, ...question('flight').said({ action: 'end' })];
    const said = await dataOf(answer(...facts), 'run.outcome.stranded');
    assert.match(JSON.stringify(said['stranded']), /"kind":"tool","id":"flight","n":1,.*unknown-effect/);
  }
  assert.deepEqual(
    await says(...begun, ...flight.asked, flight.withdrawn, flight.timedOut, failing),
    ['run.outcome.failed run'],
    'what was never begun never happened',
  );
});

test('an undo that fails is tried three times, further apart each time, and then the others go on', async () => {
  const facts = [...begun, ...flight.done, ...hotel.done, failing];
  const twice = [...facts, ...undo('hotel').running, undo('hotel').failed()];
  assert.deepEqual(await says(...twice), ['timer clock']);
  const ring = async (afterMs: number, drafts: Draft[]): Promise<string[]> => told(await given(drafts).fire(sagaTracker, {}, afterMs));
  assert.deepEqual(await ring(1_400, twice), ['timer clock']);
  assert.deepEqual(await ring(2_000, twice), ['timer clock', 'undo.request.requested undo-tool.hotel-1.2']);
  const thrice = [...twice, ...undo('hotel', 2).running, undo('hotel', 2).unknown];
  assert.deepEqual(await ring(2_900, thrice), ['timer clock']);
  assert.deepEqual(await ring(4_000, thrice), ['timer clock', 'undo.request.requested undo-tool.hotel-1.3']);
  const out = [...thrice, ...undo('hotel', 3).running, undo('hotel', 3).failed()];
  // The second of them may have undone it.
  const next = ['undo.request.requested undo-person.hotel-1.1', 'undo.request.requested undo-tool.flight-1.1'];
  assert.deepEqual(await says(...out), ['timer clock', ...next]);
  const said = await dataOf(answer(...out, ...undo('flight').done, ...question('hotel').said({ action: 'end' })), 'run.outcome.stranded');
  assert.deepEqual(said, { problem, undone: [flight.at], stranded: [{ ...hotel.at, problem }], remaining: [] });
});

test('an undo that cannot help again or is not allowed is given up', async () => {
  const facts = [...begun, ...flight.done, failing];
  for (const end of [
    [...undo('flight').running, undo('flight').failed(false)],
    [undo('flight').requested, undo('flight').denied],
  ]) {
    assert.deepEqual(await says(...facts, ...end), ['run.outcome.stranded run']);
  }
});

test('an undo whose result comes late has been done', async () => {
  const facts = [...begun, ...flight.done, failing, ...undo('flight').running, undo('flight').unknown, undo('flight').late];
  assert.deepEqual(await says(...facts), ['timer clock'], 'the next try was decided on');
  const end = [...facts, ...undo('flight', 2).running, undo('flight', 2).failed(false)];
  assert.deepEqual(await dataOf(answer(...end), 'run.outcome.failed'), { problem, undone: [flight.at], remaining: [] });
});

test('an undo that cannot be made is left to a person, with the reason', async () => {
  const broken = step('seat', { compensation: { uses: 'cancel', with: { id: '=$error("no such seat")' } } });
  const strange = step('car', { compensation: { uses: 'teleport', with: {} } });
  const said = await dataOf(answer(...begun, ...broken.done, ...strange.done, failing), 'run.outcome.stranded');
  const [first, second] = said['stranded'] as { id: string; problem: { code: string; message: string } }[];
  assert.deepEqual([first?.id, first?.problem.code], ['car', 'unknown-tool']);
  assert.deepEqual([second?.id, second?.problem.code], ['seat', 'compensation-arguments']);
  assert.match(second?.problem.message ?? '', /no such seat/);
});

test('an effect that comes after the end is a residue', async () => {
  const ended = [...begun, ...flight.running, flight.timedOut, failing, r.runStranded(theRun, { problem, undone: [], stranded: [] })];
  assert.deepEqual(await says(...ended, flight.late()), ['step.residue.left tool.flight.1']);
  const reading = step('reading', { effect: 'read-only' });
  assert.deepEqual(
    await says(...begun, ...reading.asked, reading.timedOut, failing, r.runFailed(theRun, { problem, undone: [] }), reading.late()),
    [],
  );
});

test('a late result under a key whose undo has begun is for a person to look at', async () => {
  const again = step('flight', {}, 2);
  const facts = [...begun, ...flight.running, flight.timedOut, ...again.done, failing, ...undo('flight', 1, { attempt: 2 }).running];
  assert.deepEqual(await says(...facts, flight.late()), ['timer clock', 'step.residue.left tool.flight.1']);
});

test('an effect that a completed run does not rest on is a residue, and is not undone', async () => {
  const again = step('flight', {}, 2);
  const end = [...answered(1), completed, r.runCompleted(theRun, { answer: 1 })];
  assert.deepEqual(await says(...begun, ...flight.running, flight.timedOut, ...again.done, ...end, flight.late()), [], 'the same effect');
  const other = step('flight-fallback', { effect: 'once' });
  const facts = [...begun, ...flight.running, flight.timedOut, ...other.done];
  assert.deepEqual(await says(...facts, ...end, flight.late()), ['step.residue.left tool.flight.1']);
  assert.deepEqual(await says(...facts, flight.late(), ...end.slice(0, -1)), [
    'timer clock',
    'run.outcome.completed run',
    'step.residue.left tool.flight.1',
  ]);
});

test('a turn that cannot be read is decided against the run', async () => {
  // Without a request before it, the closing is void, and so are the facts that rest on it.
  const facts = [failing, requested(), cancelAsked];
  const { history } = given(facts);
  assert.ok('invalid' in (history.occupant(theRun, 'closing') ?? {}));
  assert.deepEqual(await says(...facts), ['run.outcome.failed run']);
});

test('an invalid entry where a service waits for an answer makes the run fail', async () => {
  const facts = [...begun, flight.requested, flight.succeeded()];
  const said = given(facts).fire(sagaTracker, {}, 0, 'sweep');
  assert.match(JSON.stringify(await dataOf(said, 'run.closing.failing')), /invalid-fact.*tool\.flight\.1\.outcome cannot be read/);
});

test('rubbish where a step waits to be tried again makes the run fail, not wait', async () => {
  const waiting = [...begun, flight.requested, flight.approved, flight.started, flight.failed];
  // Without a postponement before it, the word that it is due is void.
  const said = given([...waiting, stepDue(flight.at, {})]).fire(sagaTracker, {}, 0, 'sweep');
  assert.match(JSON.stringify(await dataOf(said, 'run.closing.failing')), /invalid-fact.*tool\.flight\.1\.wake cannot be read/);
});

test('rubbish where an undo will be does not stand for its request', async () => {
  const done = [...begun, ...flight.done];
  // Without a request before them, all of these are void.
  for (const left of [undo('flight').denied, undo('flight').held, undo('flight').granted, undo('flight').failed(), undo('flight').late])
    assert.deepEqual(await says(...done, left, failing), ['timer clock', 'undo.request.requested undo-tool.flight-1.1'], left.type);
});

test('a run that is not over by its deadline turns, plan or no plan', async () => {
  assert.deepEqual(told(await given([requested()]).fire(sagaTracker, {}, DEADLINE_MS, 'sweep')), ['run.closing.exhausted run']);
  assert.deepEqual(told(await given([requested()]).fire(sagaTracker, {}, 0, 'sweep')), []);
});
