import assert from 'node:assert/strict';
import { test } from 'node:test';
import { given, told } from '@reel/bus/testing/given.ts';
import { answerRevision, type Place, planRevision, theRun } from '@reel/contracts/address.ts';
import { answerProposed } from '@reel/contracts/answer.ts';
import type { Draft, Json, JsonSchema, Problem } from '@reel/contracts/envelope.ts';
import { planApproved, planProposed } from '@reel/contracts/plan.ts';
import { closingFailing, runApproved, runRequested } from '@reel/contracts/run.ts';
import { stepAccepted, stepApproved, stepRequested, stepSucceeded } from '@reel/contracts/step.ts';
import { Workflow } from '@reel/contracts/workflow/format.ts';
import validator from './validator.ts';

const grounds = { policies: [], policySet: 'sha256:0', question: 'sha256:0' };

const tool = (name: string, output?: JsonSchema) => ({
  name,
  description: '',
  server: 'travel',
  input: {},
  ...(output === undefined ? {} : { output }),
  effect: 'idempotent' as const,
  timeoutMs: 1000,
  concurrency: 1,
  digest: `sha256:${name}`,
});

const priced = { type: 'object', required: ['price'], properties: { price: { type: 'number' } } };
const draft7 = { $schema: 'http://json-schema.org/draft-07/schema#', type: 'array', items: [{ type: 'string' }] };

/** A run of this workflow, as far as its approved plan. */
function planned(workflow: object, more: object = { outputCheck: 'check' }): Draft[] {
  const plan = Workflow.parse({ name: 'trip', ...workflow });
  const all = { search: tool('search'), book: tool('book', priced), list: tool('list', draft7), odd: tool('odd', { type: 'nonsense' }) };
  const tools = Object.fromEntries(Object.entries(all).map(([name, one]) => [name, { ...one, ...more }]));
  return [
    runRequested(theRun, { requestedBy: 'ann', workflow: plan, input: { budget: 500 }, tools, deadlineMs: 1 }),
    runApproved(theRun, grounds),
    planProposed(planRevision(1), { plan }),
    planApproved(planRevision(1), grounds),
  ];
}

/** One attempt, up to what came of it. */
function done(id: string, uses: string, output: Json, { kind = 'tool', n = 1 } = {}): Draft[] {
  const at: Place = { kind, id, n };
  const call = { uses, arguments: {}, effect: 'idempotent' as const, timeoutMs: 1000 };
  return [stepRequested(at, { call }), stepApproved(at, grounds), stepSucceeded(at, { output })];
}

async function answered(facts: readonly Draft[]): Promise<{ told: string; problem: Problem | undefined }> {
  const said = await given(facts).then(validator, {});
  assert.equal(said.length, 1);
  return { told: told(said)[0] as string, problem: ((said[0] as Draft).data as { problem?: Problem }).problem };
}

const booking = (more: object = {}): Draft[] =>
  planned({
    steps: [
      { id: 'find', uses: 'search' },
      { id: 'book', uses: 'book', ...more },
    ],
  });

test('a result about which nothing was promised is accepted', async () => {
  assert.equal((await answered([...booking(), ...done('find', 'search', null)])).told, 'step.check.accepted tool.find.1');
});

test("a result must fit the tool's declared output where it is checked, and the problem names the place and the value", async () => {
  const message = 'the result of step "book" is not what the tool "book" declares: /price: must be number, is "free"';
  const judged = async (more: object, price: Json): Promise<unknown> => {
    const facts = [...planned({ steps: [{ id: 'book', uses: 'book' }] }, more), ...done('book', 'book', { price })];
    const [said] = (await given(facts).then(validator, {})) as readonly Draft[];
    return [said?.type, said?.data];
  };
  const advice = `${message}; its effect remains. To keep such results, set "output: warn" for book where the tool is configured`;
  const rejected = ['step.check.rejected', { problem: { code: 'schema-broken', message, step: 'book' } }];
  const advised = ['step.check.rejected', { problem: { code: 'schema-broken', message: advice, step: 'book' } }];
  const warned = ['step.check.accepted', { warnings: [message] }];
  const accepted = ['step.check.accepted', {}];
  for (const effect of ['read-only', 'metered', 'idempotent', 'once']) {
    assert.deepEqual(await judged({ effect }, 3), accepted);
    // An effect is not thrown away because its tool describes its result wrongly.
    const isHarmless = ['read-only', 'metered'].includes(effect);
    assert.deepEqual(await judged({ effect }, 'free'), isHarmless ? rejected : warned, effect);
    assert.deepEqual(await judged({ effect, outputCheck: 'check' }, 'free'), isHarmless ? rejected : advised, effect);
    assert.deepEqual(await judged({ effect, outputCheck: 'warn' }, 'free'), warned);
    assert.deepEqual(await judged({ effect, outputCheck: 'off' }, 'free'), accepted);
  }
});

test('an output schema of draft 7 is read as such, and one that is none rejects', async () => {
  const workflow = planned({
    steps: [
      { id: 'list', uses: 'list' },
      { id: 'odd', uses: 'odd' },
    ],
  });
  assert.equal((await answered([...workflow, ...done('list', 'list', ['a', 1])])).told, 'step.check.accepted tool.list.1');
  assert.match((await answered([...workflow, ...done('list', 'list', [1])])).problem?.message as string, /\/0: must be string, is 1/);
  assert.equal((await answered([...workflow, ...done('odd', 'odd', 1)])).problem?.code, 'schema-invalid');
});

test("a result must fit the step's own schema as well", async () => {
  const workflow = booking({ output: { required: ['ref'] } });
  assert.match(
    (await answered([...workflow, ...done('book', 'book', { price: 3 })])).problem?.message as string,
    /^the result of step "book" is not what the plan asks for: \/: must have the property "ref"$/,
  );
});

test('assertions see the result, the input and earlier results', async () => {
  const workflow = booking({ assert: ['result.price <= input.budget', 'result.price = steps.find.price'] });
  const found = [...done('find', 'search', { price: 300 }), stepAccepted({ kind: 'tool', id: 'find', n: 1 }, {})];
  assert.equal((await answered([...workflow, ...found, ...done('book', 'book', { price: 300 })])).told, 'step.check.accepted tool.book.1');
  assert.equal(
    (await answered([...workflow, ...found, ...done('book', 'book', { price: 501 })])).problem?.message,
    'the assertion `result.price <= input.budget` about step "book" is not true: it is false',
  );
  assert.match(
    (await answered([...workflow, ...found, ...done('book', 'book', { price: 200 })])).problem?.message as string,
    /steps\.find\.price/,
  );
});

test('an assertion that is only nearly true, gives nothing, or cannot be evaluated rejects', async () => {
  for (const [source, why] of [
    ['"yes"', /it is "yes"$/],
    ['result.missing', /it is nothing$/],
    ['result.price.$sum("a")', /it cannot be evaluated: /],
    ['1 +', /it cannot be evaluated: /],
  ] as const) {
    const { problem } = await answered([...booking({ assert: [source] }), ...done('book', 'book', { price: 1 })]);
    assert.equal(problem?.code, 'assertion-failed');
    assert.match(problem.message, why);
  }
});

test("a fallback is held up to its own promises, and its result counts as its step's", async () => {
  const fallback = { uses: 'search', assert: ['result.ok = true'] };
  const workflow = planned({
    steps: [
      { id: 'a', uses: 'search', assert: ['false'], fallback },
      { id: 'b', uses: 'search', dependsOn: ['a'], assert: ['steps.a.ok'] },
    ],
  });
  const other = done('a-fallback', 'search', { ok: true });
  assert.equal((await answered([...workflow, ...other])).told, 'step.check.accepted tool.a-fallback.1');
  const accepted = stepAccepted({ kind: 'tool', id: 'a-fallback', n: 1 }, {});
  assert.equal((await answered([...workflow, ...other, accepted, ...done('b', 'search', 1)])).told, 'step.check.accepted tool.b.1');
  assert.equal((await answered([...workflow, ...other, ...done('b', 'search', 1)])).told, 'step.check.rejected tool.b.1');
});

test('every attempt is checked, and the accepted one is what later assertions see', async () => {
  const workflow = booking({ assert: ['$count($keys(steps)) = 1 and steps.find = 2'] });
  const retried = structuredClone(workflow.map((draft) => ({ ...draft })));
  for (const draft of retried) {
    const data = draft.data as { plan?: Workflow };
    if (data.plan?.steps[0] !== undefined) data.plan.steps[0].retry = { attempts: 2, delayMs: 0 };
  }
  const found = [
    ...done('find', 'search', 1),
    ...done('find', 'search', 2, { n: 2 }),
    stepAccepted({ kind: 'tool', id: 'find', n: 2 }, {}),
  ];
  assert.equal((await answered([...retried, ...found, ...done('book', 'book', { price: 1 })])).told, 'step.check.accepted tool.book.1');
});

test('a step of another kind is held up to the plan alone', async () => {
  const workflow = planned({ steps: [{ id: 'pick', kind: 'person', uses: 'book', output: { required: ['hotel'] } }] });
  const pick = (output: Json) => done('pick', 'book', output, { kind: 'person' });
  assert.equal((await answered([...workflow, ...pick({ hotel: 'Sol' })])).told, 'step.check.accepted person.pick.1');
  assert.equal((await answered([...workflow, ...pick({})])).told, 'step.check.rejected person.pick.1');
});

test('a result that comes after the turn is checked all the same', async () => {
  const problem = { code: 'x', message: 'x' };
  const facts = [...booking(), ...done('book', 'book', { price: 3 })];
  const turned = [...facts.slice(0, -1), closingFailing(theRun, { problem }), facts.at(-1) as Draft];
  assert.equal((await answered(turned)).told, 'step.check.accepted tool.book.1');
});

test('a result of a step that no approved plan has is rejected', async () => {
  assert.equal((await answered([...booking(), ...done('rob', 'book', { price: 3 })])).problem?.code, 'not-in-plan');
  assert.equal((await answered([...booking().slice(0, 3), ...done('book', 'book', { price: 3 })])).problem?.code, 'not-in-plan');
});

test("an answer is held up to the workflow's schema and assertions", async () => {
  const answer = { value: '=steps.find', schema: { type: 'object', required: ['total'] }, assert: ['result.total <= input.budget'] };
  const workflow = planned({ steps: [{ id: 'find', uses: 'search' }], answer });
  const proposed = (value: Json) => answerProposed(answerRevision(1), { answer: value });
  assert.equal((await answered([...workflow, proposed({ total: 500 })])).told, 'answer.check.accepted answer.answer.1');
  const short = await answered([...workflow, proposed({})]);
  assert.equal(short.told, 'answer.check.rejected answer.answer.1');
  assert.equal(short.problem?.message, 'the answer is not what the workflow asks for: /: must have the property "total"');
  assert.match(
    (await answered([...workflow, proposed({ total: 501 })])).problem?.message as string,
    /about the answer is not true: it is false$/,
  );
  assert.equal((await answered([...booking(), proposed(null)])).told, 'answer.check.accepted answer.answer.1');
});
