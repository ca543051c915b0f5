import assert from 'node:assert/strict';
import { test } from 'node:test';
import { given, told } from '@reel/bus/testing/given.ts';
import { planRevision, theRun, undoOf } from '@reel/contracts/address.ts';
import type { Draft, Json, Problem } from '@reel/contracts/envelope.ts';
import { planHeld } from '@reel/contracts/plan.ts';
import { runHeld } from '@reel/contracts/run.ts';
import { stepApproved, stepExpired, stepGranted, stepHeld, stepRequested } from '@reel/contracts/step.ts';
import { undoHeld, undoRequested } from '@reel/contracts/undo.ts';
import { voteCast } from '@reel/contracts/vote.ts';
import type { Judge } from './cedar.ts';
import {
  alsoBy,
  approvedOn,
  book,
  bookRequested,
  byDefault,
  call,
  failing,
  pay,
  payRequested,
  person,
  planned,
  request,
} from './policy.fixture.ts';
import policy from './policy.ts';

const judge = byDefault();
const at = { kind: 'vote', id: 'v1', n: 1 };
const held = { ...approvedOn, prompt: '?' };
const form = { type: 'object', required: ['hotel'], properties: { hotel: { type: 'string' } } };

type Ballot = { decision?: 'grant' | 'refuse'; who?: string; form?: Json };

const vote = (question: string, { decision = 'grant', who = 'bob', form: filled }: Ballot = {}): Draft =>
  voteCast(at, { question, decision, who, why: 'because', ...(filled === undefined ? {} : { form: filled }) });

type Ruled = { who?: string; why?: string; vote?: string; form?: Json; policies?: string[]; problem?: Problem };

async function ruled(facts: readonly Draft[], by: Judge = judge): Promise<{ told: string; data: Ruled }> {
  const said = await given(facts).then(policy, { judge: by });
  assert.equal(said.length, 1);
  return { told: told(said)[0] as string, data: (said[0] as Draft).data as Ruled };
}

const payHeld = [...planned, payRequested(), stepHeld(pay, held)];
const pays = 'reel.0.R.tool.pay.1.verdict';

test('a vote for something held grants it, and is named by the ruling', async () => {
  const { told: words, data } = await ruled([...payHeld, vote(pays)]);
  assert.equal(words, 'step.ruling.granted tool.pay.1');
  assert.deepEqual(data, { who: 'bob', why: 'because', vote: 'reel.0.R.vote.v1.1.request' });
});

test('a vote against it refuses it, with or without a form', async () => {
  assert.equal((await ruled([...payHeld, vote(pays, { decision: 'refuse' })])).told, 'step.ruling.refused tool.pay.1');
});

test('a run, a plan and an undo are ruled on in their own words', async () => {
  assert.equal((await ruled([request, runHeld(theRun, held), vote('reel.0.R.run.run.1.verdict')])).told, 'run.ruling.granted run');
  const plan = [...planned.slice(0, 3), planHeld(planRevision(1), held), vote('reel.0.R.plan.plan.1.verdict', { decision: 'refuse' })];
  assert.equal((await ruled(plan)).told, 'plan.ruling.refused plan.plan.1');
});

test('undos are voted on after the turn, nothing else is', async () => {
  const undo = undoOf(book, 1);
  const facts = [...planned, bookRequested(), stepApproved(book, approvedOn), failing, undoRequested(undo, { call: call('cancel') })];
  const { told: words } = await ruled([...facts, undoHeld(undo, held), vote('reel.0.R.undo-tool.book-1.1.verdict')]);
  assert.equal(words, 'undo.ruling.granted undo-tool.book-1.1');
  assert.equal((await ruled([...payHeld, failing, vote(pays)])).data.problem?.code, 'run-closing');
});

test('what is not held cannot be voted on', async () => {
  const approved = [...planned, payRequested(), stepApproved(pay, approvedOn)];
  const questions = [
    pays,
    'reel.0.R.tool.other.1.verdict',
    'reel.0.R.tool.pay.1.outcome',
    'reel.0.S.tool.pay.1.verdict',
    'rubbish',
    'reel.0.R.vote.v.1.verdict',
  ];
  for (const question of questions) {
    const { told: words, data } = await ruled([...approved, vote(question)]);
    assert.equal(words, 'vote.verdict.denied vote.v1.1');
    assert.equal(data.problem?.code, 'not-held');
  }
});

test('what has been decided, or has expired, cannot be decided again', async () => {
  const granted = await ruled([...payHeld, stepGranted(pay, { who: 'eve', why: '', vote: 'v' }), vote(pays)]);
  assert.equal(granted.data.problem?.code, 'already-ruled');
  const expired = await ruled([...payHeld, stepExpired(pay, { problem: { code: 'x', message: 'x' } }), vote(pays)]);
  assert.match(expired.data.problem?.message as string, /has been decided: expired/);
});

const pick = { kind: 'person', id: 'pick', n: 1 };
const asked = stepRequested(pick, { call: call('traveller', { ...person }) });
const picks = 'reel.0.R.person.pick.1.verdict';

test('a form is filled in as asked, or the vote does not count', async () => {
  const facts = [...planned, asked, stepHeld(pick, { ...held, form })];
  const { told: words, data } = await ruled([...facts, vote(picks, { form: { hotel: 'Sol' } })]);
  assert.equal(words, 'step.ruling.granted person.pick.1');
  assert.deepEqual(data.form, { hotel: 'Sol' });
  const wrong = (await ruled([...facts, vote(picks, { form: { hotel: 7 } })])).data.problem;
  assert.deepEqual(wrong, {
    retryable: false,
    code: 'form-invalid',
    message: 'the form is not filled in as asked: /hotel: must be string, is 7',
  });
  assert.equal((await ruled([...facts, vote(picks)])).data.problem?.code, 'form-invalid');
  assert.equal((await ruled([...facts, vote(picks, { decision: 'refuse' })])).told, 'step.ruling.refused person.pick.1');
});

test('a form that is no schema can only be refused', async () => {
  const facts = [...planned, asked, stepHeld(pick, { ...held, form: { type: 'nonsense' } })];
  assert.match((await ruled([...facts, vote(picks, { form: {} })])).data.problem?.message as string, /not a usable JSON Schema/);
  assert.equal((await ruled([...facts, vote(picks, { decision: 'refuse' })])).told, 'step.ruling.refused person.pick.1');
});

test('a grant where no form was asked for has an empty form; an unrequested form is not added', async () => {
  assert.deepEqual((await ruled([...planned, asked, stepHeld(pick, held), vote(picks)])).data.form, {});
  assert.equal((await ruled([...payHeld, vote(pays, { form: { cents: 1 } })])).data.form, undefined);
});

test('policies say who may vote on what', async () => {
  const by = alsoBy(`
    @id("four-eyes") @reason("not on one's own") forbid (principal, action == Action::"vote", resource)
    when { context.decision == "grant" && principal == context.requestedBy };
    @id("payments") forbid (principal == User::"carl", action == Action::"vote", resource == Question::"tool/pay")
    when { context has uses && context.uses == "pay" && context.kind == "tool" };
  `);
  assert.equal((await ruled([...payHeld, vote(pays)], by)).told, 'step.ruling.granted tool.pay.1');
  const own = await ruled([...payHeld, vote(pays, { who: 'ann' })], by);
  assert.deepEqual([own.told, own.data.policies, own.data.problem?.code], ['vote.verdict.denied vote.v1.1', ['four-eyes'], 'forbidden']);
  assert.equal((await ruled([...payHeld, vote(pays, { who: 'ann', decision: 'refuse' })], by)).told, 'step.ruling.refused tool.pay.1');
  assert.deepEqual((await ruled([...payHeld, vote(pays, { who: 'carl' })], by)).data.policies, ['payments']);
});
