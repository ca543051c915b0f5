import assert from 'node:assert/strict';
import { mkdtempSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { digestOf } from '@reel/bus/runtime/digest.ts';
import { given, told } from '@reel/bus/testing/given.ts';
import { answerRevision, type Place, planRevision, theRun, undoOf } from '@reel/contracts/address.ts';
import { answerAccepted, answerProposed } from '@reel/contracts/answer.ts';
import type { Draft, Problem } from '@reel/contracts/envelope.ts';
import { planHeld, planProposed } from '@reel/contracts/plan.ts';
import { closingCompleted, runApproved, runDenied, runGranted, runHeld } from '@reel/contracts/run.ts';
import { type Call, stepApproved, stepDenied, stepGranted, stepHeld, stepRequested } from '@reel/contracts/step.ts';
import { undoRequested } from '@reel/contracts/undo.ts';
import type { Judge } from './cedar.ts';
import {
  alsoBy,
  approvedOn,
  book,
  bookRequested,
  byDefault,
  call,
  failing,
  payRequested,
  person,
  planned,
  request,
  workflow,
} from './policy.fixture.ts';
import policy from './policy.ts';

const judge = byDefault();

type Verdict = { policies: string[]; policySet: string; question: string; problem?: Problem; prompt?: string; form?: unknown };

/** What policy says to the last of these facts: in words, and the data of it. */
async function verdictOn(facts: readonly Draft[], by: Judge = judge): Promise<Verdict & { told: string }> {
  const said = await given(facts).then(policy, { judge: by });
  assert.equal(said.length, 1);
  return { told: told(said)[0] as string, ...((said[0] as Draft).data as Verdict) };
}

const step = (at: Place, made: Call): Draft => stepRequested(at, { call: made });

test('a run is approved with the deciding policy, the digest of the set and of the question', async () => {
  const { told: words, policies, policySet, question } = await verdictOn([request]);
  assert.equal(words, 'run.verdict.approved run');
  assert.deepEqual(policies, ['anybody-may-ask']);
  assert.equal(policySet, judge.digest);
  assert.equal(question, digestOf(request.data));
});

test('a run that no policy permits is denied, and that is said', async () => {
  const strict = alsoBy('@id("only-bob") forbid (principal, action, resource) unless { principal == User::"bob" };');
  const { told: words, problem } = await verdictOn([request], strict);
  assert.equal(words, 'run.verdict.denied run');
  assert.match(problem?.message as string, /policy "only-bob" forbids Action::"run" on Workflow::"trip" for User::"ann"/);
});

test('a plan is approved once its run is, whether by policy or by a person', async () => {
  const proposal = planProposed(planRevision(1), {
    plan: planned[2] ? (planned[2].data as never as { plan: never }).plan : (undefined as never),
  });
  assert.equal((await verdictOn(planned.slice(0, 3))).told, 'plan.verdict.approved plan.plan.1');
  const held = runHeld(theRun, { ...approvedOn, prompt: '?' });
  const granted = runGranted(theRun, { who: 'bob', why: '', vote: 'v' });
  assert.equal((await verdictOn([request, held, granted, proposal])).told, 'plan.verdict.approved plan.plan.1');
  const denied = runDenied(theRun, { ...approvedOn, problem: { code: 'x', message: 'x' } });
  assert.equal((await verdictOn([request, denied, proposal])).problem?.code, 'no-approved-run');
  assert.equal((await verdictOn([request, runApproved(theRun, approvedOn), failing, proposal])).problem?.code, 'run-closing');
});

test('policies see what a plan will use', async () => {
  const careful = alsoBy(
    '@id("no-pay") forbid (principal, action == Action::"plan", resource) when { context.plan.uses.contains("pay") };',
  );
  assert.deepEqual((await verdictOn(planned.slice(0, 3), careful)).policies, ['no-pay']);
});

test('a planned step is approved', async () => {
  const { told: words, policies, question } = await verdictOn([...planned, bookRequested()]);
  assert.equal(words, 'step.verdict.approved tool.book.1');
  assert.deepEqual(policies, ['planned-steps-may-be-done']);
  assert.equal(question, digestOf(bookRequested().data));
});

test('a step of another kind is the entity of that kind', async () => {
  const made = call('answer', { definition: undefined, effect: 'once' });
  const text = '@id("no-thinking") @reason("too dear") forbid (principal, action, resource == DeepThought::"answer");';
  const no = alsoBy(text, 'entity DeepThought;');
  const { problem } = await verdictOn([...planned, step({ kind: 'deep-thought', id: 'think', n: 1 }, made)], no);
  assert.match(problem?.message as string, /^policy "no-thinking" forbids Action::"step" on DeepThought::"answer" .*: too dear$/);
  assert.equal(problem?.step, 'think');
});

test('nothing new is done after the turn', async () => {
  assert.equal((await verdictOn([...planned, failing, bookRequested()])).problem?.code, 'run-closing');
});

test('no step is done before a plan is approved, and none when the plan is only held', async () => {
  assert.equal((await verdictOn([...planned.slice(0, 3), bookRequested()])).problem?.code, 'no-approved-plan');
  const held = planHeld(planRevision(1), { ...approvedOn, prompt: '?' });
  assert.equal((await verdictOn([...planned.slice(0, 3), held, bookRequested()])).problem?.code, 'no-approved-plan');
  assert.equal((await verdictOn([bookRequested()])).problem?.code, 'no-approved-run');
});

test('a step that is not in the plan, or not like that, or once too often, is denied', async () => {
  const compensation = { uses: 'cancel', with: { id: '=result.id' } };
  const wrong: [Place, Call, RegExp][] = [
    [{ kind: 'tool', id: 'rob', n: 1 }, call('book'), /no step "rob"/],
    [{ kind: 'tool', id: 'book', n: 1 }, call('pay'), /tool "book" as step "book", and asked for is tool "pay"/],
    [{ kind: 'person', id: 'book', n: 1 }, call('book'), /asked for is person "book"/],
    [{ kind: 'tool', id: 'pay-fallback', n: 1 }, call('pay'), /no step "pay-fallback"/],
    [{ kind: 'tool', id: 'book', n: 3 }, call('book', { compensation }), /attempt 3 of step "book": the approved plan allows 2/],
  ];
  for (const [at, made, words] of wrong) {
    const { problem } = await verdictOn([...planned, step(at, made)]);
    assert.equal(problem?.code, 'not-in-plan');
    assert.match(problem.message, words);
  }
});

test('a fallback is in the plan, with its own tool and compensation', async () => {
  const at = { kind: 'tool', id: 'book-fallback', n: 1 };
  const made = call('book-other', { compensation: { uses: 'cancel', with: {} } });
  assert.equal((await verdictOn([...planned, step(at, made)])).told, 'step.verdict.approved tool.book-fallback.1');
});

test('what another kind does to the world is what the plan says, and a kind may be called by its own name', async () => {
  const at = { kind: 'deep-thought', id: 'think', n: 1 };
  const made = call('answer', { definition: undefined, effect: 'read-only' });
  assert.match((await verdictOn([...planned, step(at, made)])).problem?.message as string, /asked for as read-only, and declared as once/);
  const plan = { ...workflow, steps: [{ id: 'think', kind: 'deep-thought', effect: 'read-only' }] };
  const facts = [...planned.slice(0, 2), planProposed(planRevision(1), { plan: plan as never }), planned[3] as Draft];
  const unnamed = call('deep-thought', { definition: undefined, effect: 'read-only' });
  assert.equal((await verdictOn([...facts, step(at, unnamed)])).told, 'step.verdict.approved deep-thought.think.1');
});

test('a tool must be the one that the run was requested with', async () => {
  for (const more of [{ definition: 'sha256:other' }, { definition: undefined }, { effect: 'read-only' as const }]) {
    assert.equal((await verdictOn([...planned, bookRequested(more as Partial<Call>)])).problem?.code, 'tool-differs');
  }
  const robbing = { ...workflow, steps: [{ id: 'rob', kind: 'tool', uses: 'rob' }] };
  const facts = [...planned.slice(0, 2), planProposed(planRevision(1), { plan: robbing }), planned[3] as Draft];
  const { problem } = await verdictOn([...facts, step({ kind: 'tool', id: 'rob', n: 1 }, call('rob'))]);
  assert.equal(problem?.code, 'tool-differs');
  assert.match(problem.message, /"rob" is none of the tools/);
});

test('a compensation must be the declared one, and may not be left out', async () => {
  for (const compensation of [undefined, { uses: 'pay', with: {} }, { uses: 'cancel', with: { id: 1 } }]) {
    assert.equal((await verdictOn([...planned, bookRequested({ compensation })])).problem?.code, 'compensation-differs');
  }
});

test('a forbid outweighs every permit, and says why', async () => {
  const by = alsoBy(
    '@id("cap") @reason("more than 500 EUR") forbid (principal, action == Action::"step", resource == Tool::"pay") when { context.arguments.cents > 50000 };',
  );
  assert.equal((await verdictOn([...planned, payRequested({ cents: 50000 })], by)).told, 'step.verdict.approved tool.pay.1');
  const { told: words, policies, problem } = await verdictOn([...planned, payRequested({ cents: 50001 })], by);
  assert.equal(words, 'step.verdict.denied tool.pay.1');
  assert.deepEqual(policies, ['cap']);
  assert.deepEqual(problem, {
    code: 'forbidden',
    message: 'policy "cap" forbids Action::"step" on Tool::"pay" for User::"ann": more than 500 EUR',
    retryable: false,
    step: 'pay',
  });
});

test('a permit with @hold puts its question to a person, with the form of the call; several are put together', async () => {
  const by = alsoBy(`
    @id("ask") @hold("Really pay?") permit (principal, action == Action::"step", resource == Tool::"pay") when { context.arguments has cents };
    @id("ask-too") @hold("It cannot be undone.") permit (principal, action, resource) when { resource has effect && resource.effect == "once" };
  `);
  assert.equal((await verdictOn([...planned, bookRequested()], by)).told, 'step.verdict.approved tool.book.1');
  const { told: words, prompt, policies } = await verdictOn([...planned, payRequested({ cents: 1 })], by);
  assert.equal(words, 'step.verdict.held tool.pay.1');
  assert.equal(prompt, 'Really pay?\nIt cannot be undone.');
  assert.deepEqual(policies, ['ask', 'ask-too', 'planned-steps-may-be-done']);
  const form = { type: 'object' };
  const asked = step({ kind: 'tool', id: 'pay', n: 1 }, call('pay', { effect: 'once', form }));
  assert.deepEqual((await verdictOn([...planned, asked], by)).form, form);
});

test('a run and an answer can be held too', async () => {
  const by = alsoBy('@hold("OK?") permit (principal, action in [Action::"run", Action::"answer"], resource);');
  assert.equal((await verdictOn([request], by)).told, 'run.verdict.held run');
  const answer = [answerProposed(answerRevision(1), { answer: { total: 3 } }), answerAccepted(answerRevision(1), {})];
  assert.equal((await verdictOn([...planned, ...answer], by)).told, 'answer.verdict.held answer.answer.1');
});

test('a step for a person is always held when it is permitted, and denied when it is not', async () => {
  const at = { kind: 'person', id: 'pick', n: 1 };
  const form = { type: 'object', required: ['hotel'] };
  const asked = step(at, call('traveller', { ...person, prompt: 'Which one?', form }));
  const held = await verdictOn([...planned, asked]);
  assert.equal(held.told, 'step.verdict.held person.pick.1');
  assert.equal(held.prompt, 'Which one?');
  assert.deepEqual(held.form, form);
  const unworded = await verdictOn([...planned, step(at, call('traveller', { ...person }))]);
  assert.equal(unworded.prompt, '"pick" waits for a person');
  const by = alsoBy('forbid (principal, action == Action::"step", resource == Person::"traveller");');
  assert.equal((await verdictOn([...planned, asked], by)).told, 'step.verdict.denied person.pick.1');
});

test('an answer is judged when it has been checked, and bound to what was proposed', async () => {
  const proposed = answerProposed(answerRevision(1), { answer: { total: 3 } });
  const facts = [proposed, answerAccepted(answerRevision(1), {})];
  const approved = await verdictOn([...planned, ...facts]);
  assert.equal(approved.told, 'answer.verdict.approved answer.answer.1');
  assert.equal(approved.question, digestOf(proposed.data));
  const by = alsoBy('@id("cap") forbid (principal, action == Action::"answer", resource) when { context.answer.total > 2 };');
  assert.deepEqual((await verdictOn([...planned, ...facts], by)).policies, ['cap']);
  assert.equal((await verdictOn([...planned, failing, ...facts])).problem?.code, 'run-closing');
  assert.equal((await verdictOn([...planned.slice(0, 3), ...facts])).problem?.code, 'no-approved-plan');
});

const undo = (made: Call, of: Place = book): Draft => undoRequested(undoOf(of, 1), { call: made });
const booked = [...planned, bookRequested(), stepApproved(book, approvedOn)];

test('a declared compensation is approved after a turn that is not completed', async () => {
  const approved = await verdictOn([...booked, failing, undo(call('cancel'))]);
  assert.equal(approved.told, 'undo.verdict.approved undo-tool.book-1.1');
  assert.deepEqual(approved.policies, ['declared-compensations-may-be-done']);
  const held = stepHeld(book, { ...approvedOn, prompt: '?' });
  const granted = stepGranted(book, { who: 'bob', why: '', vote: 'v' });
  const byPerson = await verdictOn([...planned, bookRequested(), held, granted, failing, undo(call('cancel'))]);
  assert.equal(byPerson.told, 'undo.verdict.approved undo-tool.book-1.1');
});

test('nothing is undone before the turn, nor when the run was completed', async () => {
  assert.equal((await verdictOn([...booked, undo(call('cancel'))])).problem?.code, 'not-closing');
  assert.equal((await verdictOn([...booked, closingCompleted(theRun, {}), undo(call('cancel'))])).problem?.code, 'not-closing');
});

test('what was not declared, or not approved, does not undo', async () => {
  assert.equal((await verdictOn([...booked, failing, undo(call('pay', { effect: 'once' }))])).problem?.code, 'undeclared-undo');
  assert.equal((await verdictOn([...planned, bookRequested(), failing, undo(call('cancel'))])).problem?.code, 'undeclared-undo');
  const denied = stepDenied(book, { ...approvedOn, problem: { code: 'x', message: 'x' } });
  const { problem } = await verdictOn([...planned, bookRequested(), denied, failing, undo(call('cancel'))]);
  assert.equal(problem?.code, 'undeclared-undo');
  assert.equal(problem.step, 'book');
});

test('the tool that undoes is bound to its definition, and policies may forbid it', async () => {
  assert.equal((await verdictOn([...booked, failing, undo(call('cancel', { definition: 'sha256:other' }))])).problem?.code, 'tool-differs');
  const by = alsoBy(
    '@id("keep") forbid (principal, action == Action::"undo", resource == Tool::"cancel") when { context.step.id == "book" };',
  );
  assert.deepEqual((await verdictOn([...booked, failing, undo(call('cancel'))], by)).policies, ['keep']);
});

test('it starts with the policies that come with it, or those of REEL_POLICIES, and not with bad ones', async () => {
  const log = { debug() {}, info() {}, warn() {}, error() {} };
  const opened = await policy.deps?.({ env: {}, log, offer() {} });
  assert.equal(opened?.deps.judge.digest, judge.digest);
  const folder = mkdtempSync(join(tmpdir(), 'policies-'));
  await assert.rejects(async () => policy.deps?.({ env: { REEL_POLICIES: folder }, log, offer() {} }), /no \*\.cedar file in it/);
  writeFileSync(join(folder, 'mine.cedar'), 'permit (principal, action, resource);\n\nforbid (principal, action resource);\n');
  await assert.rejects(
    async () => policy.deps?.({ env: { REEL_POLICIES: folder }, log, offer() {} }),
    (error: Error) => error.message.startsWith(`${join(folder, 'mine.cedar')}:3:27: unexpected token \`resource\` (expected`),
  );
});
