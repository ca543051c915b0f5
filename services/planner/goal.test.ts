import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { given, told } from '@reel/bus/testing/given.ts';
import { answerRevision, planRevision } from '@reel/contracts/address.ts';
import { answerDenied, answerRejected } from '@reel/contracts/answer.ts';
import type { Draft, Json } from '@reel/contracts/envelope.ts';
import { planApproved, planDenied } from '@reel/contracts/plan.ts';
import { stepFailed, stepRejected, stepRequested, stepSucceeded } from '@reel/contracts/step.ts';
import {
  answeredBy,
  answerStands,
  asked,
  asTool,
  book,
  callIn,
  done,
  errorsIn,
  escalate,
  failed,
  grounds,
  model,
  on,
  planBy,
  planIn,
  planned,
  problem,
  problemIn,
  say,
  search,
  tell,
  tools,
  wanted,
} from './goal.fixture.ts';

describe('a goal', () => {
  it('begins with a model that is asked for a plan, and shown only what may be used', async () => {
    const { ids, step, plan } = planIn((await say(wanted({ withheld: ['secret'] })))[0]);
    assert.deepEqual(ids, ['plan-1']);
    const asking = step('plan-1');
    assert.deepEqual(
      (asking.with['tools'] as { name: string }[]).map(({ name }) => name),
      ['search', 'book'],
    );
    assert.equal(plan.answer, undefined);
    assert.deepEqual(asking.needs, { capabilities: ['plan'] });
    const [request] = await say(await on(wanted()));
    const call = callIn(request);
    assert.equal(call.arguments['goal'], 'a bed near =Lisbon');
    assert.equal(call.effect, 'metered');
    assert.equal((call.output as { type: string }).type, 'object');
  });

  it('is reached by the plan that the model makes, with the composing and the judging of the answer after it', async () => {
    const { ids, step, plan } = planIn((await planned({ rubric: 'be kind' })).at(-2));
    assert.deepEqual(ids, ['search', 'book', 'answer-2', 'judge-2']);
    assert.deepEqual(step('answer-2').dependsOn, ['book']);
    assert.deepEqual(step('judge-2').dependsOn, ['answer-2']);
    assert.deepEqual(plan.answer?.value, '= steps.`answer-2`');
    assert.deepEqual(await tell(await planned()), ['step.request.requested tool.search.1']);
  });

  it('may use a tool that is undone by one which is withheld from plans', async () => {
    const [request, ...rest] = wanted({ withheld: ['secret'] }) as [Draft<{ tools: typeof tools }>, ...Draft[]];
    const undoable = { ...tools, book: { ...tools.book, compensation: { uses: 'secret', with: {} } } };
    const begun = await on([{ ...request, data: { ...request.data, tools: undoable } }, ...rest]);
    assert.deepEqual(planIn((await say([...begun, ...planBy(1, [search, book])]))[0]).ids, ['search', 'book', 'answer-2']);
  });

  it('may need no steps at all', async () => {
    assert.deepEqual(planIn((await planned({}, [])).at(-2)).ids, ['answer-2']);
  });

  it('has its answer composed from every result, and proposed', async () => {
    const facts = [...(await planned()), ...done(asTool('search'), { id: 7 }), ...done(asTool('book'), 'ok')];
    const [request] = await say(facts);
    assert.deepEqual(callIn(request).arguments, { task: 'answer', goal: 'a bed near =Lisbon', results: { search: { id: 7 }, book: 'ok' } });
    const [answer] = await say([...facts, ...answeredBy(2, { text: 'done' })]);
    assert.deepEqual(answer?.data, { answer: { text: 'done' } });
  });

  it('has a plan mended that cannot be carried out, with everything that is wrong with it', async () => {
    const facts = [
      ...(await on(wanted())),
      ...planBy(1, [
        { id: 'a', uses: 'serch', with: {} },
        { id: 'b', uses: 'search', with: {} },
      ]),
    ];
    const { step, n } = planIn((await say(facts))[0]);
    assert.equal(n, 2);
    const { task, errors } = step('plan-2').with as { task: string; errors: string[] };
    assert.equal(task, 'repair');
    assert.match(errors[0] as string, /^steps\[0\]\.uses: .*"serch".*did you mean "search"/);
    assert.match(errors[1] as string, /^steps\[1\].*place/);
  });

  it('is given up when the plan cannot be carried out after two repairs', async () => {
    const wrong = [{ id: 'a', uses: 'nothing' }];
    let facts = await on(wanted());
    for (const n of [1, 2]) facts = await on([...facts, ...planBy(n, wrong)]);
    const [end] = await say([...facts, ...planBy(3, wrong)]);
    assert.equal(end?.type, 'plan.proposal.abandoned');
    assert.equal(problemIn(end).code, 'no-valid-plan');
    assert.match(problemIn(end).message, /"nothing"/);
  });

  it('has a plan mended that policy does not allow, with the reason', async () => {
    const facts = (await planned()).slice(0, -1);
    const { step } = planIn((await say([...facts, planDenied(planRevision(2), { ...grounds, problem })]))[0]);
    assert.deepEqual((step('plan-3').with as { errors: string[] }).errors, ['the plan is not allowed: it broke']);
    assert.deepEqual(
      (step('plan-3').with as { plan: { steps: { id: string }[] } }).plan.steps.map(({ id }) => id),
      ['search', 'book'],
    );
  });

  it("refuses ids that are the planner's own", async () => {
    const facts = [...(await on(wanted())), ...planBy(1, [{ id: 'answer-2', kind: 'model', prompt: 'x' }])];
    const { step } = planIn((await say(facts))[0]);
    assert.match((step('plan-2').with as { errors: string[] }).errors[0] as string, /"answer-2" is kept/);
  });

  it('is told the first of very many things that are wrong with its plan, and how many more there are', async () => {
    const steps = Array.from({ length: 200 }, (_, i) => ({ id: `s${i}`, uses: 'nothing' }));
    const errors = errorsIn((await say([...(await on(wanted())), ...planBy(1, steps)]))[0], 2);
    assert.deepEqual([errors.length, errors.at(-1)], [51, 'and 150 more']);
  });

  it("refuses the planner's own ids for steps of any kind, and the ids of questions about them", async () => {
    for (const id of ['answer-2', 'judge-2', 'plan-7', 'answer-2-escalation-1', 'plan-3-retry-1']) {
      const facts = [...(await on(wanted({ escalate }))), ...planBy(1, [{ ...search, id }])];
      assert.match(errorsIn((await say(facts))[0], 2)[0] as string, /steps\[0\]\.id: .*kept for the planner/, id);
    }
  });

  it('refuses what a plan says of undoing: a tool says so itself, or cannot be undone', async () => {
    const sneaky = { ...book, compensate: { uses: 'secret', with: {} } };
    for (const step of [sneaky, { ...search, fallback: { uses: 'book', compensate: { uses: 'search', with: { place: 'x' } } } }]) {
      const facts = [...(await on(wanted())), ...planBy(1, [search, { ...step, id: 'x' }])];
      assert.match(errorsIn((await say(facts))[0], 2)[0] as string, /steps\[1\]\.(fallback\.)?compensate: /);
    }
  });
});

describe('a person who is asked how a failed step goes on', () => {
  const at = { kind: 'person', id: 'search-escalation-1', n: 1 };
  const said = async (form: Json): Promise<Draft[]> => {
    const workflow = [...fixed, ...failed(asTool('search'))];
    const [asking] = await say(workflow);
    return [...workflow, asking as Draft, ...done(at, form).slice(1)];
  };
  const fixed = fixedPlan();

  it("may supply its result, which then counts as the step's", async () => {
    const [next] = await say(await said({ action: 'supply', result: { id: 9 } }));
    assert.deepEqual(told([next as Draft]), ['step.request.requested tool.book.1']);
    assert.deepEqual(callIn(next).arguments, { id: 9 });
  });
  it('may have it tried again with other arguments', async () => {
    const facts = await said({ action: 'retry', with: { place: 'Porto' } });
    const [next] = await say(facts);
    assert.deepEqual(told([next as Draft]), ['step.request.requested tool.search-retry-1.1']);
    assert.deepEqual(callIn(next).arguments, { place: 'Porto' });
    const retry = asTool('search-retry-1');
    const [after] = await say([...facts, next as Draft, ...done(retry, { id: 3 }).slice(1)]);
    assert.deepEqual(callIn(after).arguments, { id: 3 });
    const [end] = await say([...facts, next as Draft, ...failed(retry).slice(1)]);
    assert.equal(end?.type, 'plan.proposal.abandoned');
  });
  it('may end the run', async () => {
    const [end] = await say(await said({ action: 'end', why: 'it rains' }));
    assert.equal(problemIn(end).code, 'ended-by-person');
    assert.match(problemIn(end).message, /it rains/);
  });
});

/** A workflow with an escalation. */
function fixedPlan(): Draft[] {
  const [request, approved] = wanted({ escalate: [{ to: 'ada', withinMs: 1000 }] }) as [Draft, Draft];
  const { goal: _, ...data } = request.data as { goal: object; workflow: object };
  const defaults = { kind: 'tool', dependsOn: [], assert: [] };
  const workflow = {
    ...data.workflow,
    answer: undefined,
    steps: [
      { ...defaults, ...search },
      { ...defaults, ...book },
    ],
  };
  const plan = JSON.parse(JSON.stringify(workflow)) as never;
  return [
    { ...request, data: { ...data, workflow: plan } },
    approved,
    { type: 'plan.proposal.proposed', slot: 'proposal', at: planRevision(1), data: { plan } },
    planApproved(planRevision(1), grounds),
  ];
}

describe('an answer', () => {
  const composed = { text: 'a first try' };
  const answered = async (): Promise<Draft[]> => [...(await planned({}, [])), ...answeredBy(2, composed)];

  it('that is rejected or denied goes back with the reasons', async () => {
    const facts = await answered();
    const [proposed, accepted] = answerStands(1, composed) as [Draft, Draft];
    const rejected = [proposed, answerRejected(answerRevision(1), { problem })];
    const refused = [proposed, accepted, answerDenied(answerRevision(1), { ...grounds, problem })];
    for (const verdict of [rejected, refused]) {
      const { step, ids } = planIn((await say([...facts, ...verdict]))[0]);
      assert.deepEqual(ids, ['answer-3']);
      const { previous, reasons } = step('answer-3').with;
      assert.deepEqual([previous, reasons], [composed, ['it broke']]);
    }
  });
  it('is mended twice, and given up after that', async () => {
    let facts = await answered();
    for (const n of [1, 2]) {
      facts = [...facts, ...answerStands(n, composed).slice(0, 1), answerRejected(answerRevision(n), { problem })];
      facts = await on(facts);
      facts = [...facts, ...answeredBy(2 + n, composed)];
      assert.deepEqual(await tell(facts), [`answer.proposal.proposed answer.answer.${n + 1}`]);
    }
    const [end] = await say([...facts, ...answerStands(3, composed).slice(0, 1), answerRejected(answerRevision(3), { problem })]);
    assert.deepEqual([end?.type, problemIn(end).code], ['plan.proposal.abandoned', 'broken']);
  });
  it('of a workflow is not mended: the run is given up', async () => {
    const facts = [...fixedPlan(), ...answerStands(1, 'x').slice(0, 1), answerRejected(answerRevision(1), { problem })];
    assert.deepEqual(await tell(facts), ['plan.proposal.abandoned plan.plan.2']);
  });
});

describe('which model is asked', () => {
  const first = { kind: 'model', id: 'plan-1', n: 1 };
  const failing = async (models: Parameters<typeof model>[], trouble: object): Promise<Draft[]> => {
    const begun = await on(wanted({ models: models.map((one) => model(...one)) }));
    const [request] = await say(begun);
    const facts = [...begun, request as Draft, ...asked(first, 'metered').slice(1)];
    return [...facts, stepFailed(first, { problem: { code: 'model-unavailable', message: 'away', ...trouble } })];
  };

  it('the cheapest that fits, and the reason is in the log', async () => {
    const [request] = await say(await on(wanted({ models: [model('dear', 'high'), model('cheap')] })));
    assert.deepEqual([callIn(request).uses, callIn(request).routing], ['cheap', 'the cheapest of 2 models that can plan']);
  });
  it('and for as long as it was registered with, or two minutes', async () => {
    const timeoutMs = async (one: object): Promise<number> =>
      callIn((await say(await on(wanted({ models: [{ ...model('m'), ...one }] }))))[0]).timeoutMs;
    assert.deepEqual([await timeoutMs({}), await timeoutMs({ timeoutMs: 7000 })], [120_000, 7000]);
  });
  it('the next provider at once when one has failed', async () => {
    const [next] = await say(await failing([['dear', 'high'], ['cheap']], { retryAfterMs: 60_000 }));
    assert.deepEqual([told([next as Draft]), callIn(next).uses], [['step.request.requested model.plan-1.2'], 'dear']);
    assert.match(callIn(next).routing as string, /attempt 1 failed/);
  });
  it('the same one after a while when there is no other, and not before it said', async () => {
    const until = async (trouble: object): Promise<number> => {
      const facts = await failing([['only']], trouble);
      const [postponed] = await say(facts);
      const { untilMs } = (postponed as Draft<{ untilMs: number }>).data;
      return untilMs - (given(facts).log.entries.at(-1)?.time as number);
    };
    const [least, most] = [375, 500];
    const waitMs = await until({});
    assert.ok(waitMs >= least && waitMs <= most, `${waitMs}`);
    assert.equal(await until({ retryAfterMs: 7000 }), 7000);
  });
  it('is told what was wrong with its last result', async () => {
    const begun = await on(wanted({ models: [model('a'), model('b')] }));
    const [request] = await say(begun);
    const rejected = stepRejected(first, { problem: { code: 'schema-broken', message: '/steps: must be array' } });
    const [again] = await say([
      ...begun,
      request as Draft,
      ...asked(first, 'metered').slice(1),
      stepSucceeded(first, { output: {} }),
      rejected,
    ]);
    assert.equal(again?.type, stepRequested.type);
    assert.match(callIn(again).prompt as string, /not accepted: \/steps: must be array$/);
  });
  it('no model again, when a script is missing', async () => {
    const [end] = await say(await failing([['a'], ['b']], { code: 'model-unscripted', message: 'no script' }));
    assert.deepEqual([end?.type, problemIn(end).code], ['plan.proposal.abandoned', 'model-unscripted']);
  });
});
