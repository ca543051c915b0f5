import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { told } from '@reel/bus/testing/given.ts';
import { planRevision } from '@reel/contracts/address.ts';
import type { Draft, Json, Problem } from '@reel/contracts/envelope.ts';
import { planApproved } from '@reel/contracts/plan.ts';
import { stepDue, stepExpired, stepFailed, stepHeld, stepPostponed, stepUnknown } from '@reel/contracts/step.ts';
import {
  asked,
  asTool,
  book,
  callIn,
  done,
  errorsIn,
  escalate,
  failed,
  grounds,
  on,
  planBy,
  planIn,
  planned,
  problem,
  problemIn,
  say,
  search,
  tell,
} from './goal.fixture.ts';

describe('when a step of a goal has failed for good', () => {
  const parallel = [search, { id: 'other', uses: 'secret' }, { id: 'slow', uses: 'secret' }, book];

  it('a model revises the plan, which keeps what is done and what is under way', async () => {
    const begun = [...(await planned({}, parallel)), ...done(asTool('other'), 1), ...asked(asTool('slow'))];
    const facts = await on([...begun, ...failed(asTool('search'))]);
    const { ids, step } = planIn(facts.at(-2));
    assert.deepEqual(ids, ['other', 'slow', 'plan-3']);
    const words = step('plan-3').with as { [name: string]: Json };
    assert.deepEqual(words['failed'], [{ step: 'search', uses: 'search', problem: { code: 'broken', message: 'it broke' } }]);
    assert.deepEqual([words['underWay'], words['used']], [['slow'], ['search', 'other', 'slow', 'book']]);
    assert.deepEqual(callIn((await say(facts))[0]).arguments['done'], { other: 1 });
    const next = await on([
      ...facts,
      ...planBy(3, [{ id: 'again', uses: 'secret', dependsOn: ['other'] }], { failed: [{ step: 'search' }] }),
    ]);
    assert.deepEqual(planIn(next.at(-2)).ids, ['other', 'slow', 'again', 'answer-4']);
    assert.deepEqual(await tell(next), ['step.request.requested tool.again.1'], 'what was asked for is not asked for again');
  });

  it('what had an id keeps it: a revision may not give it to another step', async () => {
    const facts = await on([...(await planned()), ...failed(asTool('search'))]);
    const { step } = planIn(
      (await say([...facts, ...planBy(3, [{ ...book, dependsOn: [], with: {} }], { failed: [{ step: 'search' }] })]))[0],
    );
    assert.match((step('plan-4').with as { errors: string[] }).errors[0] as string, /"book".*before/);
  });

  it('nor may what is done in the place of a step be called what stood for something else, or the other way round', async () => {
    const begun = await planned({ escalate }, [
      { ...search, fallback: { uses: 'secret' } },
      { ...search, id: 'other-fallback' },
    ]);
    const asking = await on([...begun, ...failed(asTool('search')), ...failed(asTool('search-fallback'))]);
    for (const step of [
      { ...search, id: 'search-fallback' },
      { ...search, id: 'search-escalation-1' },
      { ...search, id: 'other', fallback: { uses: 'secret' } },
    ]) {
      const [next] = await say([...asking, ...planBy(3, [step], { failed: [{ step: 'search' }] })]);
      assert.match(errorsIn(next, 4)[0] as string, /steps\[0\]\.id: .*before: choose another/, step.id);
    }
  });

  it('nothing goes on while the next plan is on its way, and what came meanwhile is taken up when it is approved', async () => {
    const steps = [
      search,
      { id: 'other', uses: 'secret', retry: { attempts: 2 } },
      { id: 'slow', uses: 'secret', retry: { attempts: 2, delayMs: 5 } },
    ];
    const begun = [
      ...(await planned({}, steps)),
      ...asked(asTool('other')),
      ...asked(asTool('slow')),
      stepFailed(asTool('slow'), { problem: { code: 'x', message: 'x' } }),
    ];
    const waiting = [...begun, ...((await say(begun)) as Draft[])];
    assert.equal(waiting.at(-1)?.type, stepPostponed.type);
    const facts = [...waiting, ...failed(asTool('search'))];
    const proposed = [...facts, ...(await say(facts))];
    const meanwhile = [...proposed, stepFailed(asTool('other'), { problem: { code: 'x', message: 'x' } })];
    assert.deepEqual(await tell(meanwhile), []);
    const due = [...meanwhile, stepDue(asTool('slow'), {})];
    assert.deepEqual(await tell(due), []);
    assert.deepEqual(await tell([...due, planApproved(planRevision(3), grounds)]), [
      'step.request.requested model.plan-3.1',
      'step.request.requested tool.other.2',
      'step.request.requested tool.slow.2',
    ]);
  });

  it('facts that another handler may publish come last: if the first fact of an answer loses its slot, the others are not published', async () => {
    const again = { retry: { attempts: 2 } };
    const steps = [
      { ...search, id: 'early', ...again },
      { ...search, id: 'late', ...again },
      { ...search, id: 'passed', when: 'false' },
      { ...search, id: 'after', dependsOn: ['passed'] },
      search,
    ];
    const trouble = { problem: { code: 'x', message: 'x' } };
    const begun = [...(await planned({}, steps)), ...asked(asTool('early')), ...asked(asTool('late')), ...asked(asTool('after'))];
    // The answers to these two are on their way: the second try at one, and the next plan.
    const both = [...begun, stepFailed(asTool('early'), trouble), ...failed(asTool('search'))];
    const [proposed] = await say(both);
    const facts = [...both, proposed as Draft, stepFailed(asTool('late'), trouble), planApproved(planRevision(3), grounds)];
    assert.deepEqual(await tell(facts), [
      'step.request.requested model.plan-3.1',
      'step.request.requested tool.late.2',
      'step.request.requested tool.early.2',
      'step.request.skipped tool.passed.1',
      'step.request.requested tool.after.1',
    ]);
  });

  it('what fails while a plan is being made leads to another revision, not to a plan that forgets it', async () => {
    const begun = [...(await planned({}, parallel)), ...asked(asTool('slow'))];
    const asking = await on([...begun, ...failed(asTool('search'))]);
    const later = [...asking, stepFailed(asTool('slow'), { problem })];
    assert.deepEqual(await tell(later), [], 'the plan that is being made is waited for');
    const [next] = await say([...later, ...planBy(3, [], { failed: [{ step: 'search' }] })]);
    const words = planIn(next).step('plan-4').with as { task: string; failed: { step: string }[] };
    assert.equal(words.task, 'revise');
    assert.deepEqual(words.failed.map(({ step }) => step).sort(), ['search', 'slow']);
  });

  it('an attempt in doubt is not planned around, even if another step fails before a person is asked', async () => {
    const steps = [
      { id: 'first', uses: 'book' },
      { id: 'second', uses: 'secret' },
    ];
    for (const [options, then] of [
      [{ escalate }, 'step.request.requested person.first-escalation-1.1'],
      [{}, 'step.request.requested person.first-escalation-1.1'],
    ] as const) {
      const begun = [...(await planned(options, steps)), ...asked(asTool('first'), 'once')];
      const lost = [...begun, stepUnknown(asTool('first'), { problem })];
      const facts = await on([...lost, ...failed(asTool('second'))]);
      const { ids, step } = planIn(facts.at(-2));
      assert.deepEqual(ids, ['first', 'plan-3']);
      assert.deepEqual((step('plan-3').with as { failed: Json[] }).failed.length, 1);
      assert.ok((await tell(facts)).includes(then), String(await tell(facts)));
    }
  });

  it('nor is it done another way when a second try at it fails, which says nothing of the first', async () => {
    const book = { id: 'first', uses: 'book', retry: { attempts: 2 } };
    for (const step of [book, { ...book, fallback: { uses: 'secret' } }]) {
      const begun = [...(await planned({ escalate }, [step])), ...asked(asTool('first'), 'idempotent')];
      const again = [...begun, stepUnknown(asTool('first'), { problem }), ...failed(asTool('first', 2), 'idempotent')];
      const [next] = await say(again);
      assert.deepEqual(told([next as Draft]), ['step.request.requested person.first-escalation-1.1']);
      assert.match(callIn(next).prompt as string, /Whether it took effect is not known/);
    }
  });

  it('nor is a step that a person was asked about and who did not answer', async () => {
    const at = { kind: 'person', id: 'first-escalation-1', n: 1 };
    const begun = await planned({ escalate }, [
      { id: 'first', uses: 'book' },
      { id: 'second', uses: 'secret' },
    ]);
    const asking = [...begun, ...asked(asTool('first'), 'once'), stepUnknown(asTool('first'), { problem }), ...asked(at).slice(0, 1)];
    const silent = [
      ...asking,
      stepHeld(at, { ...grounds, prompt: '?' }),
      stepExpired(at, { problem: { code: 'expired', message: 'nobody' } }),
    ];
    const facts = await on([...silent, ...failed(asTool('second'))]);
    assert.deepEqual(planIn(facts.at(-2)).ids, ['first', 'plan-3']);
    assert.ok((await tell(facts)).includes('plan.proposal.abandoned plan.plan.4'), String(await tell(facts)));
  });

  it('an expression that cannot be computed is a failure like any other', async () => {
    const facts = [
      ...(await planned({}, [search, { ...book, with: { id: '= $number(steps.search.id)' } }])),
      ...done(asTool('search'), { id: 'x' }),
    ];
    const words = planIn((await say(facts))[0]).step('plan-3').with as { failed: { step: string }[] };
    assert.deepEqual(
      words.failed.map(({ step }) => step),
      ['book'],
    );
  });

  it('the plan is revised three times, then people are asked, one after the other, and then it is given up', async () => {
    let facts = await planned(
      {
        escalate: [
          { to: 'ada', withinMs: 1000 },
          { to: 'operators', withinMs: 2000 },
        ],
      },
      [search],
    );
    for (const [round, n] of [3, 5, 7].entries()) {
      const id = round === 0 ? 'search' : `search${round}`;
      facts = await on([...facts, ...failed(asTool(id))]);
      facts = await on([
        ...facts,
        ...planBy(n, [{ ...search, id: `search${round + 1}` }], { failed: [{ step: 'search' }, { step: 'search1' }, { step: 'search2' }] }),
      ]);
    }
    facts = [...facts, ...failed(asTool('search3'))];
    const [first] = await say(facts);
    assert.deepEqual(told([first as Draft]), ['step.request.requested person.search3-escalation-1.1']);
    const { uses, timeoutMs, prompt, arguments: shown } = callIn(first);
    assert.deepEqual([uses, timeoutMs, shown['problem']], ['ada', 1000, { ...problem }]);
    assert.match(prompt as string, /it broke/);
    const person = (level: number) => ({ kind: 'person', id: `search3-escalation-${level}`, n: 1 });
    const silent = [
      ...facts,
      first as Draft,
      stepHeld(person(1), { ...grounds, prompt: '?' }),
      stepExpired(person(1), { problem: { code: 'expired', message: 'nobody' } }),
    ];
    const [second] = await say(silent);
    assert.deepEqual(
      [told([second as Draft]), callIn(second).uses],
      [['step.request.requested person.search3-escalation-2.1'], 'operators'],
    );
    assert.equal((callIn(second).arguments['problem'] as Problem).message, 'it broke', 'what it is about is what had failed');
    const end = [
      ...silent,
      second as Draft,
      stepHeld(person(2), { ...grounds, prompt: '?' }),
      stepExpired(person(2), { problem: { code: 'expired', message: 'nobody' } }),
    ];
    const [given] = await say(end);
    assert.deepEqual([given?.type, problemIn(given).code, problemIn(given).step], ['plan.proposal.abandoned', 'broken', 'search3']);
  });
});
