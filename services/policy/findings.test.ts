/** What policies make of findings: in the run, the plan, steps, answers and votes, with the default policies and with others. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { given, told } from '@reel/bus/testing/given.ts';
import { answerRevision, type Place, planRevision, theRun } from '@reel/contracts/address.ts';
import { answerAccepted, answerProposed } from '@reel/contracts/answer.ts';
import type { Draft, Json, Problem } from '@reel/contracts/envelope.ts';
import { planProposed } from '@reel/contracts/plan.ts';
import { runApproved, runRequested } from '@reel/contracts/run.ts';
import { stepHeld, stepRequested } from '@reel/contracts/step.ts';
import { voteCast } from '@reel/contracts/vote.ts';
import type { Judge } from './cedar.ts';
import { alsoBy, approvedOn, byDefault, call, pay, payRequested, planned, request, workflow } from './policy.fixture.ts';
import policy from './policy.ts';

const judge = byDefault();
const card = '4111 1111 1111 1111';

async function verdictOn(facts: readonly Draft[], by: Judge): Promise<{ told: string; policies: string[]; message: string }> {
  const said = await given(facts).then(policy, { judge: by });
  const { policies, problem } = (said[0] as Draft).data as { policies: string[]; problem?: Problem };
  return { told: told(said)[0] as string, policies, message: problem?.message ?? '' };
}

const verdictOnAnswer = (answer: Json, by = judge) =>
  verdictOn([...planned, answerProposed(answerRevision(1), { answer }), answerAccepted(answerRevision(1), {})], by);

test('an answer with a card number is denied, with the reason and the place', async () => {
  const { told: words, policies, message } = await verdictOnAnswer({ text: `Paid with ${card}.`, items: [{ id: 4_111_111_111_111_111 }] });
  assert.equal(words, 'answer.verdict.denied answer.answer.1');
  assert.deepEqual(policies, ['no-card-numbers-in-answers']);
  assert.equal(
    message,
    'policy "no-card-numbers-in-answers" forbids Action::"answer" on Workflow::"trip" for User::"ann": the answer contains a card number: ' +
      'leave it out, or give its last four digits and no more (card-number at /text, card-number at /items/0/id)',
  );
});

test('an answer with a secret is denied, and what else was found is not held against it', async () => {
  const { policies, message } = await verdictOnAnswer({ login: { password: 'hunter2' }, contact: 'ann@example.com' });
  assert.deepEqual(policies, ['no-secrets-in-answers']);
  assert.match(message, /leave it out \(secret at \/login\/password\)$/);
});

test('an answer with neither is given, with order numbers and an address where to write to', async () => {
  const answer = {
    text: 'Order 302-4938271-2938172 is on its way as 1Z999AA10123456784; write to help@example.com.',
    total: 1_732_183_200_000,
  };
  assert.equal((await verdictOnAnswer(answer)).told, 'answer.verdict.approved answer.answer.1');
});

test('equal findings in other places are told with their own', async () => {
  assert.match((await verdictOnAnswer({ a: card })).message, /\(card-number at \/a\)$/);
  assert.match((await verdictOnAnswer({ b: card })).message, /\(card-number at \/b\)$/);
});

test('by default, steps may carry what answers may not', async () => {
  assert.equal((await verdictOn([...planned, payRequested({ card })], judge)).told, 'step.verdict.approved tool.pay.1');
});

const no = (detector: string, action: string): Judge =>
  alsoBy(`@id("no") forbid (principal, action == Action::"${action}", resource) when { context.findings.contains("${detector}") };`);

test('a policy may look at what is found in the arguments and the prompt of a step', async () => {
  const by = no('card-number', 'step');
  const inArguments = await verdictOn([...planned, payRequested({ with: { card } })], by);
  assert.deepEqual(inArguments.policies, ['no']);
  assert.match(inArguments.message, /\(card-number at \/arguments\/with\/card\)$/);
  const asked = (at: Place, prompt: string): Draft => stepRequested(at, { call: call('pay', { effect: 'once', prompt }) });
  assert.match((await verdictOn([...planned, asked(pay, `with ${card}?`)], by)).message, /\(card-number at \/prompt\)$/);
  assert.equal((await verdictOn([...planned, asked(pay, 'now?')], by)).told, 'step.verdict.approved tool.pay.1');
});

test('a policy may look at what is found in the input and the goal of a run, in a plan, and in a vote', async () => {
  const run = request.data as Parameters<typeof runRequested>[1];
  const goal = { text: `charge ${card}` };
  assert.match((await verdictOn([runRequested(theRun, { ...run, goal })], no('card-number', 'run'))).message, /at \/goal\)$/);
  assert.match(
    (await verdictOn([runRequested(theRun, { ...run, input: { card } })], no('card-number', 'run'))).message,
    /at \/input\/card\)$/,
  );

  const steps = [{ ...workflow.steps[2], with: { card } }];
  const plan = planProposed(planRevision(1), { plan: { ...workflow, steps } as never });
  const approved = runApproved(theRun, approvedOn);
  assert.match((await verdictOn([request, approved, plan], no('card-number', 'plan'))).message, /at \/steps\/0\/with\/card\)$/);

  const held = [...planned, payRequested(), stepHeld(pay, { ...approvedOn, prompt: '?' })];
  const vote = voteCast(
    { kind: 'vote', id: 'v', n: 1 },
    { question: 'reel.0.R.tool.pay.1.verdict', decision: 'grant', who: 'bob', why: `mine is ${card}` },
  );
  assert.match((await verdictOn([...held, vote], no('card-number', 'vote'))).message, /at \/why\)$/);
});

test('a rule on all findings, for all actions, is met by nothing that is clean', async () => {
  const by = alsoBy('@id("clean") forbid (principal, action, resource) when { !context.findings.isEmpty() };');
  assert.equal((await verdictOn([request], by)).told, 'run.verdict.approved run');
  assert.equal((await verdictOn([...planned, payRequested({ cents: 1 })], by)).told, 'step.verdict.approved tool.pay.1');
  const { policies, message } = await verdictOn([...planned, payRequested({ to: 'ann@example.com' })], by);
  assert.deepEqual(policies, ['clean']);
  assert.match(message, /\(personal-data at \/arguments\/to\)$/);
});

test('a policy that does not look at findings does not tell of them', async () => {
  const by = alsoBy('@id("never") forbid (principal, action == Action::"answer", resource) when { context.answer has text };');
  assert.doesNotMatch((await verdictOnAnswer({ text: 'ann@example.com' }, by)).message, /personal-data/);
});
