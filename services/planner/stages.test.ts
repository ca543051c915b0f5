/** Plans in stages: the steps that look come first, and what follows from what they found is planned when they are over. */
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';

import type { Draft, Json } from '@reel/contracts/envelope.ts';
import { planDenied } from '@reel/contracts/plan.ts';
import { isReasoning } from '@reel/contracts/workflow/reasoning.ts';
import { answeredBy, asTool, callIn, done, failed, grounds, on, planIn, problem, say, search, tell, wanted } from './goal.fixture.ts';

const MORE = 'book each place that was found';
const made = (n: number, plan: { steps: unknown; more?: string }, told: object = {}): Draft[] =>
  done({ kind: 'model', id: `plan-${n}`, n: 1 }, plan as Json, { arguments: told });
const first = await on([...(await on(wanted())), ...made(1, { steps: [search], more: MORE })]);
const looked = [...first, ...done(asTool('search'), { places: [1, 2] })];

/** What the planning step of a plan is asked, and which steps stand before it. */
function asked(draft: Draft | undefined, n: number): { words: { [name: string]: Json }; dependsOn: string[]; steps: string[] } {
  const { plan, step } = planIn(draft);
  const { with: words, dependsOn } = step(`plan-${n}`);
  return { words, dependsOn, steps: plan.steps.filter((one) => !isReasoning(one)).map(({ id }) => id) };
}

describe('a plan that leaves something for later', () => {
  it('has its steps carried out, and a planning step that waits for all of them, and no answer', async () => {
    const [proposal] = await say([...(await on(wanted())), ...made(1, { steps: [search], more: MORE })]);
    const { words, dependsOn, steps } = asked(proposal, 2);
    assert.deepEqual([steps, dependsOn, words['task'], words['more']], [['search'], ['search'], 'continue', MORE]);
    assert.equal(planIn(proposal).plan.answer, undefined);
    assert.deepEqual(words['used'], ['search']);
  });
  it('is planned on from what the steps have found, each of them kept as it is', async () => {
    const [request, ...more] = await say(looked);
    assert.deepEqual(more, []);
    assert.deepEqual([request?.at.id, callIn(request).arguments['done']], ['plan-2', { search: { places: [1, 2] } }]);
    const book = (id: number): unknown => ({
      id: `book-${id}`,
      uses: 'book',
      with: { id: `= steps.search.places[${id}]` },
      dependsOn: ['search'],
    });
    const next = await say([...looked, ...made(2, { steps: [book(0), book(1)] })]);
    assert.deepEqual(planIn(next[0]).ids, ['search', 'book-0', 'book-1', 'answer-3']);
    const begun = await on([...looked, ...made(2, { steps: [book(0), book(1)] })]);
    assert.deepEqual(await tell(begun), ['step.request.requested tool.book-0.1', 'step.request.requested tool.book-1.1']);
  });
  it('needs steps to wait for, and is refused a twelfth stage', async () => {
    const [empty] = await say([...(await on(wanted())), ...made(1, { steps: [], more: MORE })]);
    assert.match(JSON.stringify(asked(empty, 2).words['errors']), /more: there are no steps whose results are to be seen first/);
    let facts = await on(wanted());
    for (let n = 1; n <= 11; n += 1) {
      facts = await on([...facts, ...made(n, { steps: [{ ...search, id: `look-${n}` }], more: MORE })]);
      if (n <= 10) facts = await on([...facts, ...done(asTool(`look-${n}`), 1)]);
    }
    const last = facts.findLast(({ type }) => type === 'plan.proposal.proposed');
    assert.match(JSON.stringify(asked(last, 12).words['errors']), /more: the goal was planned on 10 times/);
  });
  it('keeps what was left for later when a step fails, and when policy denies it', async () => {
    const [revised] = await say([...first, ...failed(asTool('search'))]);
    assert.deepEqual([asked(revised, 3).words['task'], asked(revised, 3).words['more']], ['revise', MORE]);
    const proposed = first.slice(
      0,
      first.findLastIndex(({ type }) => type === 'plan.verdict.approved'),
    );
    const denied = planDenied({ kind: 'plan', id: 'plan', n: 2 }, { ...grounds, problem });
    const [repaired] = await say([...proposed, denied]);
    const { words } = asked(repaired, 3);
    assert.deepEqual(
      [words['task'], words['plan']],
      ['repair', { steps: [{ ...(words['plan'] as { steps: object[] }).steps[0] }], more: MORE }],
    );
  });
  it('is told what was left for later when what it plans then cannot be carried out', async () => {
    const [repaired] = await say([...looked, ...made(2, { steps: [{ id: 'x', uses: 'nothing' }] })]);
    assert.deepEqual([asked(repaired, 3).words['task'], asked(repaired, 3).words['more']], ['repair', MORE]);
  });
});

it('a complete plan leaves nothing behind: its answer is proposed when it is composed', async () => {
  const facts = await on([...looked, ...made(2, { steps: [] })]);
  assert.deepEqual(await tell([...facts, ...answeredBy(3, { text: 'none', claims: [] })]), ['answer.proposal.proposed answer.answer.1']);
});
