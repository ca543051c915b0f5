import assert from 'node:assert/strict';
import { test } from 'node:test';
import { given } from '@reel/bus/testing/given.ts';
import { theRun } from '@reel/contracts/address.ts';
import type { Draft, Json } from '@reel/contracts/envelope.ts';
import { runRequested } from '@reel/contracts/run.ts';
import { type Call, stepRequested } from '@reel/contracts/step.ts';
import fc from 'fast-check';
import { type Judge, judgeBy } from './cedar.ts';
import { alsoBy, byDefault, call, pay, planned, request } from './policy.fixture.ts';
import policy from './policy.ts';
import { aboutCall } from './question.ts';
import { withheldFrom } from './withheld.ts';

const requested = request.data;
const goal = { text: 'book a quiet hotel in Lisbon' };
const place = { shard: 0, run: 'R', ...theRun, slot: 'request' };
const tools = ['book', 'book-other', 'cancel', 'pay'];

const withheldBy = (text: string): string[] => withheldFrom(place, requested, alsoBy(text));
const only = (text: string): Judge => judgeBy([{ path: 'p/a.cedar', name: 'a.cedar', text }]);

async function verdictOn(run: Draft, judge: Judge): Promise<{ type: string; withheld?: string[] }> {
  const [said] = (await given([run]).then(policy, { judge })) as [Draft];
  return { type: said.type, ...(said.data as { withheld?: string[] }) };
}

const reach = runRequested(theRun, { ...requested, goal });
const noPay = '@id("no-pay") forbid (principal, action == Action::"step", resource == Tool::"pay");';

test('a goal is approved with the tools that its plans are made without', async () => {
  const { type, withheld } = await verdictOn(reach, alsoBy(noPay));
  assert.equal(type, 'run.verdict.approved');
  assert.deepEqual(withheld, ['pay']);
});

test('a goal that is held says so as well, one that is denied does not', async () => {
  const held = await verdictOn(reach, alsoBy(`${noPay} @hold("OK?") permit (principal, action == Action::"run", resource);`));
  assert.deepEqual([held.type, held.withheld], ['run.verdict.held', ['pay']]);
  const denied = await verdictOn(reach, alsoBy(`${noPay} forbid (principal, action == Action::"run", resource);`));
  assert.deepEqual([denied.type, denied.withheld], ['run.verdict.denied', undefined]);
});

test('nothing is said of tools where none is withheld, nor of a workflow that names its own', async () => {
  assert.equal('withheld' in (await verdictOn(reach, byDefault())), false);
  assert.equal('withheld' in (await verdictOn(request, alsoBy(noPay))), false);
});

test('a policy may look at the goal', async () => {
  const by = alsoBy('forbid (principal, action == Action::"run", resource) when { context has goal && context.goal like "*Lisbon*" };');
  assert.equal((await verdictOn(reach, by)).type, 'run.verdict.denied');
  assert.equal((await verdictOn(request, by)).type, 'run.verdict.approved');
});

test('a tool is withheld for what it is, whom it is for, and what the run was asked with', () => {
  assert.deepEqual(withheldBy('forbid (principal, action, resource) when { resource has effect && resource.effect == "once" };'), ['pay']);
  assert.deepEqual(withheldBy('forbid (principal == User::"ann", action == Action::"step", resource);'), tools);
  assert.deepEqual(withheldBy('forbid (principal == User::"bob", action == Action::"step", resource);'), []);
  assert.deepEqual(withheldBy('forbid (principal, action == Action::"step", resource) when { context.input.budget < 5000 };'), tools);
  assert.deepEqual(
    withheldBy('forbid (principal, action == Action::"step", resource) when { context.run.requestedBy == User::"bob" };'),
    [],
  );
});

test('a tool that no person may use is withheld', () => {
  const run = 'permit (principal, action == Action::"run", resource);';
  assert.deepEqual(withheldFrom(place, requested, only(run)), tools);
  const some = `${run} permit (principal, action == Action::"step", resource) when { resource.effect == "idempotent" };`;
  assert.deepEqual(withheldFrom(place, requested, only(some)), ['pay']);
});

test('a tool that some arguments would be permitted for is shown', () => {
  for (const condition of [
    'context.arguments has cents && context.arguments.cents > 50000',
    '!(context.arguments has cents)',
    'context.arguments.to == principal',
    'context.step.attempt > 1',
    'context.step.id like "rob*"',
    'context.findings.contains("secret")',
    'context == {arguments: {}}',
  ]) {
    assert.deepEqual(withheldBy(`forbid (principal, action == Action::"step", resource) when { ${condition} };`), [], condition);
  }
  assert.deepEqual(
    withheldFrom(place, requested, only('permit (principal, action, resource) when { context.arguments.cents < 100 };')),
    [],
  );
});

test('a forbid or a hold that can never be evaluated denies every step, so it withholds every tool', () => {
  assert.deepEqual(withheldBy('forbid (principal, action == Action::"step", resource) when { context.input.nothing > 1 };'), tools);
  assert.deepEqual(
    withheldBy('@hold("?") permit (principal, action == Action::"step", resource) when { context.input.nothing > 1 };'),
    tools,
  );
  assert.deepEqual(withheldBy('permit (principal, action == Action::"step", resource) when { context.input.nothing > 1 };'), []);
});

test('a tool that a person is asked about is shown', () => {
  assert.deepEqual(withheldBy('@hold("OK?") permit (principal, action == Action::"step", resource);'), []);
});

test('for random policies and arguments, a withheld tool would have been denied', async () => {
  const condition = fc.constantFrom(
    'context.arguments has a',
    'context.arguments.a > 1',
    'context.arguments.b == "x"',
    'context.findings.contains("card-number")',
    'context.input.budget > 1000',
    'context.input.nothing > 1000',
    'context.step.attempt > 1',
    'resource.effect == "once"',
    'principal == User::"ann"',
    'context.step.kind == "tool"',
  );
  const expression = fc.letrec<{ it: string }>((tie) => ({
    it: fc.oneof(
      { maxDepth: 3 },
      condition,
      fc.tuple(tie('it'), tie('it')).map(([a, b]) => `(${a} && ${b})`),
      fc.tuple(tie('it'), tie('it')).map(([a, b]) => `(${a} || ${b})`),
      tie('it').map((a) => `!(${a})`),
    ),
  })).it;
  const scope = fc.constantFrom('resource', 'resource == Tool::"pay"', 'resource == Tool::"book"');
  const sentence = fc
    .tuple(fc.constantFrom('permit', 'permit', '@hold("?") permit', 'forbid'), scope, expression)
    .map(([effect, on, when]) => `${effect} (principal, action == Action::"step", ${on}) when { ${when} };`);
  const args = fc.record(
    { a: fc.constantFrom<Json>(0, 2, 'x'), b: fc.constantFrom<Json>('x', 'y', '4111111111111111') },
    { requiredKeys: [] },
  ) as fc.Arbitrary<Call['arguments']>;
  let withheldOnes = 0;
  fc.assert(
    fc.property(
      fc.array(sentence, { minLength: 1, maxLength: 4 }),
      fc.array(args, { minLength: 1, maxLength: 6 }),
      fc.integer({ min: 1, max: 3 }),
      (sentences, all, n) => {
        const judge = only(sentences.join('\n'));
        if (!withheldFrom(place, requested, judge).includes('pay')) return true;
        withheldOnes += 1;
        return all.every((one) => {
          const at = { ...place, ...pay, n };
          return !judge.ask(aboutCall('step', at, at, call('pay', { effect: 'once', arguments: one }), requested)).allowed;
        });
      },
    ),
    { seed: 1, numRuns: 150 },
  );
  assert.ok(withheldOnes > 15 && withheldOnes < 135, `${withheldOnes} of 150`);
});

test('a withheld tool is denied all the same, should a plan name it', async () => {
  const asked = stepRequested(pay, { call: call('pay', { effect: 'once' }) });
  const [said] = (await given([...planned, asked]).then(policy, { judge: alsoBy(noPay) })) as [Draft];
  assert.equal(said.type, 'step.verdict.denied');
});
