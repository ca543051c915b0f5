/** Conditions decide whether a gate is passed, so none of them may be false by mistake. */
import assert from 'node:assert/strict';
import { it } from 'node:test';
import { given, told } from '@reel/bus/testing/given.ts';
import { planRevision, theRun } from '@reel/contracts/address.ts';
import type { Draft, Json, Problem } from '@reel/contracts/envelope.ts';
import { planApproved, planProposed } from '@reel/contracts/plan.ts';
import { runApproved, runRequested } from '@reel/contracts/run.ts';
import { StrictWorkflow, Workflow } from '@reel/contracts/workflow/format.ts';
import planner from './planner.ts';

const grounds = { policies: ['p'], policySet: 's', question: 'q' };

/** What becomes of a step with this condition: `done`, `skipped`, or why its run fails. */
async function outcome(when: string | boolean, input: Json, schema?: object): Promise<string> {
  const workflow = { name: 'w', input: schema, steps: [{ id: 'a', uses: 'x', when }] };
  assert.ok(StrictWorkflow.safeParse(workflow).success);
  const plan = Workflow.parse(workflow);
  const drafts = [
    runRequested(theRun, { requestedBy: 'ada', workflow: plan, input, tools: {}, deadlineMs: 1e15 }),
    runApproved(theRun, grounds),
    planProposed(planRevision(1), { plan }),
    planApproved(planRevision(1), grounds),
  ] as Draft[];
  const said = (await given(drafts).then(planner, {})) as readonly Draft[];
  const [first] = told(said);
  if (first === 'step.request.requested tool.a.1') return 'done';
  if (first === 'step.request.skipped tool.a.1') return 'skipped';
  return (said[0] as Draft<{ problem: Problem }>).data.problem.message;
}

const missing = (name: string): RegExp => new RegExp(`step "a", when: .*reads "${name}" of what has no such field: ask with \\$exists`);

it('reading what is not there fails where nothing is known of it, and is not false', async () => {
  assert.equal(await outcome('input.total > 1000', { total: 2000 }), 'done');
  assert.equal(await outcome('input.total > 1000', { total: 10 }), 'skipped');
  assert.match(await outcome('input.totl > 1000', { total: 2000 }), missing('totl'));
  assert.match(await outcome('input.totl', { total: 2000 }), missing('totl'));
  assert.match(await outcome('input.order.totl > 1', { order: {} }), missing('totl'));
  assert.match(await outcome('input.order.total > 1', {}), missing('order'));
  assert.match(await outcome('$not(input.blockd)', { blocked: true }), missing('blockd'));
  assert.match(await outcome('$count(input.lines[pric > 5]) > 0', { lines: [{ price: 6 }] }), missing('pric'));
  assert.match(await outcome('input.total.cents > 1', { total: 5 }), missing('cents'));
  assert.match(await outcome('input.a = 1 or input.b = 1', { a: 2 }), missing('b'));
  assert.equal(await outcome('input.a = 1 or input.b = 1', { a: 1 }), 'done');
});

it('an empty list has nothing of which it could be missing', async () => {
  assert.equal(await outcome('$count(input.lines[price > 5]) > 0', { lines: [] }), 'skipped');
  assert.equal(await outcome('$count(input.lines[price > 5]) > 0', { lines: [{ price: 1 }] }), 'skipped');
});

it('$exists asks, and so do ?: and ??', async () => {
  assert.equal(await outcome('$exists(input.totl)', {}), 'skipped');
  assert.equal(await outcome('$exists(input.total) and input.total > 5', { total: 6 }), 'done');
  assert.equal(await outcome('$exists(input.total) and input.total > 5', {}), 'skipped');
  assert.equal(await outcome('(input.total ?: 10) > 5', {}), 'done');
  assert.equal(await outcome('(input.total ?? 10) > 5', {}), 'done');
});

it('what a schema says may be missing may be missing', async () => {
  const schema = { type: 'object', properties: { express: { type: 'boolean' } } };
  assert.equal(await outcome('input.express', {}, schema), 'skipped');
  assert.equal(await outcome('input.express', { express: true }, schema), 'done');
});

it('true and false may stand as they are; another value is neither', async () => {
  assert.equal(await outcome(true, {}), 'done');
  assert.equal(await outcome(false, {}), 'skipped');
  assert.match(await outcome('input.total', { total: 2000 }), /it gives 2000, where true or false is needed: compare it with something/);
  assert.match(await outcome('"yes"', {}), /it gives "yes"/);
  assert.match(await outcome('input.flag', { flag: null }), /it gives null/);
});
