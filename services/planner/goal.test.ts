import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { given, told } from '@reel/bus/given.ts';
import { answerRevision, planRevision } from '@reel/contracts/address.ts';
import { answerDenied, answerRejected } from '@reel/contracts/answer.ts';
import type { Draft, Json, Problem } from '@reel/contracts/envelope.ts';
import { planApproved, planDenied } from '@reel/contracts/plan.ts';
import {
  type Call,
  stepDue,
  stepExpired,
  stepFailed,
  stepHeld,
  stepPostponed,
  stepRejected,
  stepRequested,
  stepSucceeded,
  stepUnknown,
} from '@reel/contracts/step.ts';
import {
  answeredBy,
  answerStands,
  asked,
  asTool,
  done,
  failed,
  grounds,
  model,
  passes,
  planBy,
  planIn,
  problem,
  tools,
  wanted,
} from './goal-scene.ts';
import planner from './planner.ts';

const say = async (facts: readonly Draft[]): Promise<readonly Draft[]> => (await given(facts).then(planner, {})) as readonly Draft[];
const tell = async (facts: readonly Draft[]): Promise<string[]> => told(await say(facts));
/** The story so far, and after it what the planner says, with policy's consent. */
const on = async (facts: readonly Draft[]): Promise<Draft[]> => [...facts, ...passes(await say(facts))];
const problemIn = (draft: Draft | undefined): Problem => (draft as Draft<{ problem: Problem }>).data.problem;
const callIn = (draft: Draft | undefined): Call => (draft as Draft<{ call: Call }>).data.call;

const errorsIn = (draft: Draft | undefined, n: number): string[] =>
  (planIn(draft).step(`plan-${n}`).with as { errors?: string[] }).errors ?? [];

const escalate = [{ to: 'ada', withinMs: 1000 }];
const search = { id: 'search', uses: 'search', with: { place: 'Lisbon' } };
const book = { id: 'book', uses: 'book', with: { id: '= steps.search.id' }, dependsOn: ['search'] };
/** A goal whose plan is to search and then to book. */
const planned = async (options: Parameters<typeof wanted>[0] = {}, steps: unknown[] = [search, book]): Promise<Draft[]> =>
  await on([...(await on(wanted(options))), ...planBy(1, steps)]);

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

  it("refuses the planner's own ids whoever performs the step, and those of what is asked about them", async () => {
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

  it('what others may be saying at that moment is said last: whoever loses the first fact of an answer says none of the others', async () => {
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

  it('what may have taken effect is not planned around, though another step fails before anybody has been asked about it', async () => {
    const steps = [
      { id: 'first', uses: 'book' },
      { id: 'second', uses: 'secret' },
    ];
    for (const [options, then] of [
      [{ escalate }, 'step.request.requested person.first-escalation-1.1'],
      [{}, 'plan.proposal.abandoned plan.plan.4'],
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

/** A workflow of a person's, with somebody to turn to. */
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
    assert.equal(await until({}), 500);
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
  it('nobody again, when it is a script that is missing', async () => {
    const [end] = await say(await failing([['a'], ['b']], { code: 'model-unscripted', message: 'no script' }));
    assert.deepEqual([end?.type, problemIn(end).code], ['plan.proposal.abandoned', 'model-unscripted']);
  });
});
