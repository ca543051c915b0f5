/** question.cedarschema describes what policies are asked about: all of it, and nothing else. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { given } from '@reel/bus/testing/given.ts';
import { answerRevision, type Place, planRevision, theRun, undoOf } from '@reel/contracts/address.ts';
import { answerAccepted, answerProposed } from '@reel/contracts/answer.ts';
import type { Draft, Json } from '@reel/contracts/envelope.ts';
import { planApproved, planProposed } from '@reel/contracts/plan.ts';
import { runApproved, runHeld, runRequested } from '@reel/contracts/run.ts';
import { type Call, stepApproved, stepHeld, stepRequested } from '@reel/contracts/step.ts';
import { Effect } from '@reel/contracts/tool.ts';
import { undoRequested } from '@reel/contracts/undo.ts';
import { voteCast } from '@reel/contracts/vote.ts';
import { Workflow } from '@reel/contracts/workflow/format.ts';
import fc from 'fast-check';
import { type Judge, judgeBy } from './cedar.ts';
import { detectors } from './detect/findings.ts';
import { actions } from './policies.ts';
import { approvedOn, call, failing, request } from './policy.fixture.ts';
import policy from './policy.ts';
import { type Known, readSchema } from './schema.ts';
import { fitting } from './strict-judge.ts';

const all = judgeBy([{ path: 'p/a.cedar', name: 'a.cedar', text: 'permit (principal, action, resource);' }]);
const own = ['sms', 'deep-thought'];
const run = request.data as Parameters<typeof runRequested>[1];
const effects = Effect.options;

type Asked = { action: { id: string }; resource: { type: string }; context: object; entities: { attrs: object }[] };
type Said = {
  readonly value: Json;
  readonly args: Call['arguments'];
  readonly kind: string;
  readonly effect: Effect;
  readonly attempt: number;
  readonly goal: boolean;
};

/** Histories that end with a fact that policy judges: every family, with and without what may be left out. */
function asking({ value, args, kind, effect, attempt, goal }: Said): (readonly Draft[])[] {
  const step = { id: 'do', kind, uses: 'it', effect, retry: { attempts: 20 }, compensate: { uses: 'undo', with: {} } };
  const { effect: _, ...tool } = step;
  const plan = Workflow.parse({ name: 'trip', steps: [kind === 'tool' ? tool : step] });
  const known = (name: string) => ({ ...run.tools['pay']!, name, effect, digest: `sha256:${name}` });
  const tools = { it: known('it'), undo: { ...known('undo'), effect: 'once' as const } };
  const aim = goal ? { goal: { text: 'go there' } } : {};
  const asked = runRequested(theRun, { ...run, workflow: plan, input: value, tools, ...aim });
  const planned = [asked, runApproved(theRun, approvedOn), planProposed(planRevision(1), { plan })];
  const at: Place = { kind, id: 'do', n: attempt };
  const definition = kind === 'tool' ? { definition: 'sha256:it' } : { definition: undefined };
  const made = stepRequested(at, { call: call('it', { arguments: args, effect, compensation: step.compensate, ...definition }) });
  const going = [...planned, planApproved(planRevision(1), approvedOn)];
  const vote = (address: string): Draft =>
    voteCast(
      { kind: 'vote', id: 'v', n: 1 },
      { question: `reel.0.R.${address}.verdict`, decision: 'grant', who: 'bob', why: '', form: value },
    );
  const undo = undoRequested(undoOf(at, 1), {
    call: call('undo', { effect: 'once', ...(kind === 'tool' ? {} : { definition: undefined }) }),
  });
  return [
    [asked],
    planned,
    [...going, made],
    [...going, made, stepApproved(at, approvedOn), failing, undo],
    [...going, answerProposed(answerRevision(1), { answer: value }), answerAccepted(answerRevision(1), {})],
    [asked, runHeld(theRun, { ...approvedOn, prompt: '?' }), vote('run.run.1')],
    [...going, made, stepHeld(at, { ...approvedOn, prompt: '?' }), vote(`${kind}.do.${attempt}`)],
  ];
}

/** What policy asks about all these histories, each held up to the schema. */
async function askedAbout(said: Said): Promise<Asked[]> {
  const heard: Asked[] = [];
  const judge: Judge = fitting(all, (asked) => heard.push(asked));
  for (const facts of asking(said)) await given(facts).then(policy, { judge });
  return heard;
}

const said: fc.Arbitrary<Said> = fc.record({
  value: fc.jsonValue() as fc.Arbitrary<Json>,
  args: fc.dictionary(fc.string(), fc.jsonValue() as fc.Arbitrary<Json>, { maxKeys: 4 }),
  kind: fc.constantFrom('tool', 'person', ...own),
  effect: fc.constantFrom(...effects),
  attempt: fc.integer({ min: 1, max: 20 }),
  goal: fc.boolean(),
});

test('every question fits the schema, for any run and its calls', async () => {
  const met = new Set<string>();
  await fc.assert(
    fc.asyncProperty(said, async (one) => {
      for (const { action } of await askedAbout(one)) met.add(action.id);
    }),
    { seed: 1, numRuns: 50 },
  );
  assert.deepEqual([...met].sort(), [...actions].sort());
});

test('a question that the schema does not describe is found out', () => {
  const ask = (context: object) => () =>
    fitting(all).ask({ who: 'ann', action: 'run', resource: { type: 'Workflow', id: 'w' }, context: context as never, findings: () => [] });
  assert.throws(ask({}), /expected.*|attribute/s);
  assert.throws(ask({ run: { id: 'R', workflow: 'w' } }), /requestedBy/);
});

test('nothing stands in the schema that no question has', async () => {
  const asked: Asked[] = [];
  for (const kind of ['tool', 'person', ...own]) {
    asked.push(...(await askedAbout({ value: { a: 1 }, args: { a: 1 }, kind, effect: 'once', attempt: 1, goal: true })));
  }
  const schema = readSchema();
  for (const action of actions) {
    const about = asked.filter((one) => one.action.id === action);
    const there = about.map(({ context }) => context);
    assert.deepEqual(unmet(schema.actions[action]?.context as Known, there), [], action);
  }
  const tools = asked.flatMap(({ resource, entities }) => (resource.type === 'Tool' ? entities.map(({ attrs }) => attrs) : []));
  assert.deepEqual(unmet(schema.entities['Tool'] as Known, tools), []);
  const people = asked.flatMap(({ resource, entities }) => (resource.type === 'Person' ? entities.map(({ attrs }) => attrs) : []));
  assert.deepEqual(unmet(schema.entities['Person'] as Known, people), []);
});

/** The members that no value has. */
function unmet({ members = {} }: Known, values: readonly object[]): string[] {
  return Object.entries(members).flatMap(([name, member]) => {
    const having = values.flatMap((value) => (Object.hasOwn(value, name) ? [(value as { [name: string]: object })[name] as object] : []));
    return having.length === 0 ? [name] : unmet(member, having).map((deeper) => `${name}.${deeper}`);
  });
}

test('the values that the schema names are those that the contracts have', () => {
  const { actions: known, entities } = readSchema();
  const values = (one: Known | undefined, name: string): readonly string[] | undefined => one?.members?.[name]?.values;
  for (const action of actions) assert.deepEqual(values(known[action]?.context, 'findings'), Object.keys(detectors), action);
  for (const one of [entities['Tool'], entities['Person'], entities['Model'], known['step']?.context.members?.['step']]) {
    assert.deepEqual(values(one, 'effect'), effects);
    assert.deepEqual(values(one, 'kind'), ['tool', 'person', 'model']);
  }
  assert.deepEqual(values(known['vote']?.context, 'decision'), voteCast.shape.shape.decision.options);
  const judged = ['run', 'plan', 'answer', 'tool', 'person', 'model', 'undo-tool', 'undo-person', 'undo-model'];
  assert.deepEqual(values(known['vote']?.context, 'kind'), judged);
});

test('a custom kind of step is known once it is declared', () => {
  const { actions: known, entities } = readSchema([{ path: 'k', name: 'k.cedarschema', text: 'entity DeepThought;' }]);
  assert.deepEqual(known['step']?.resources, ['Tool', 'Person', 'Model', 'DeepThought']);
  assert.deepEqual(entities['DeepThought']?.members?.['kind']?.values, ['tool', 'person', 'model', 'deep-thought']);
});

test('a declaration of anything else is refused, with its place', () => {
  const wrong: [string, RegExp][] = [
    ['entity Sms;\nentity sms;', /^p\/k\.cedarschema:2:8: "sms" is no kind of step: declare each kind/],
    ['entity Sms = { to: String };', /^p\/k\.cedarschema:1:8: "Sms" is no kind of step/],
    ['type Sms = String;', /^p\/k\.cedarschema:1:6: "Sms" is no kind/],
    ['entity Sms', /^p\/k\.cedarschema:1:11: /],
  ];
  for (const [text, message] of wrong) {
    assert.throws(() => readSchema([{ path: 'p/k.cedarschema', name: 'k.cedarschema', text }]), { message });
  }
});
