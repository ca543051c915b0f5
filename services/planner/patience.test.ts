import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { given, told } from '@reel/bus/testing/given.ts';
import { planRevision, theRun } from '@reel/contracts/address.ts';
import type { Draft, Json, Problem } from '@reel/contracts/envelope.ts';
import { planApproved, planProposed } from '@reel/contracts/plan.ts';
import { runApproved, runRequested } from '@reel/contracts/run.ts';
import {
  type Call,
  stepAccepted,
  stepDue,
  stepFailed,
  stepLate,
  stepPostponed,
  stepRejected,
  stepStarted,
  stepTimedOut,
  stepUnknown,
} from '@reel/contracts/step.ts';
import { CIRCUIT_OPEN } from '@reel/contracts/tool.ts';
import { Workflow } from '@reel/contracts/workflow/format.ts';
import { asked, asTool, done, failed, grounds, problem, tools } from './goal.fixture.ts';
import planner from './planner.ts';

const say = async (facts: readonly Draft[]): Promise<readonly Draft[]> => (await given(facts).then(planner, {})) as readonly Draft[];
const tell = async (facts: readonly Draft[]): Promise<string[]> => told(await say(facts));
const callIn = (draft: Draft | undefined): Call => (draft as Draft<{ call: Call }>).data.call;
const trouble = (more: object = {}): { problem: Problem } => ({ problem: { code: 'x', message: 'x', ...more } });

/** A workflow that may be carried out. */
function carriedOut(...steps: object[]): Draft[] {
  const plan = Workflow.parse({ name: 'w', steps });
  return [
    runRequested(theRun, { requestedBy: 'ada', workflow: plan, input: {}, tools, deadlineMs: 1e15 }),
    runApproved(theRun, grounds),
    planProposed(planRevision(1), { plan }),
    planApproved(planRevision(1), grounds),
  ];
}
const waitAfter = async (facts: readonly Draft[]): Promise<number> => {
  const [postponed] = await say(facts);
  assert.equal(postponed?.type, stepPostponed.type, String(await tell(facts)));
  return (postponed as Draft<{ untilMs: number }>).data.untilMs - (given(facts).log.entries.at(-1)?.time as number);
};

describe('a step that is tried again', () => {
  const retried = (retry: object, more: object = {}): Draft[] => carriedOut({ id: 'a', uses: 'search', retry, ...more });
  const afterTries = (begun: Draft[], tries: number): Draft[] =>
    begun.concat(...Array.from({ length: tries }, (_, k) => [...asked(asTool('a', k + 1)), stepFailed(asTool('a', k + 1), trouble())]));

  it('waits twice as long every time, a little less by lot, and no longer than was said', async () => {
    const begun = retried({ attempts: 9, delayMs: 1000, maxDelayMs: 5000 });
    for (const [tries, mostMs] of [
      [1, 1000],
      [2, 2000],
      [3, 4000],
      [4, 5000],
      [5, 5000],
    ] as const) {
      const waitMs = await waitAfter(afterTries(begun, tries));
      assert.ok(waitMs <= mostMs && waitMs >= mostMs * 0.75, `${waitMs} ms after ${tries} tries`);
      assert.equal(await waitAfter(afterTries(begun, tries)), waitMs, 'for every random draw');
    }
  });
  it('waits as long as the failed attempt asked for', async () => {
    const facts = [...retried({ attempts: 2 }), ...asked(asTool('a')), stepFailed(asTool('a'), trouble({ retryAfterMs: 9000 }))];
    assert.equal(await waitAfter(facts), 9000);
  });
  it('is not tried again when its own time would be over, and no attempt may take longer than what is left of that', async () => {
    const within = (withinMs: number): Draft[] => retried({ attempts: 5, delayMs: 3000 }, { withinMs, timeoutMs: 60_000 });
    const { timeoutMs, leftMs } = callIn((await say(within(8000)))[0]);
    assert.deepEqual([timeoutMs, leftMs], [8000, 8000]);
    // Facts come a second apart: it was asked for two seconds before it failed.
    assert.ok((await waitAfter(afterTries(within(8000), 1))) > 0);
    assert.deepEqual(await tell(afterTries(within(3500), 1)), ['plan.proposal.abandoned plan.plan.2']);
    const again = retried({ attempts: 5 }, { withinMs: 8000, timeoutMs: 60_000 });
    const [second] = await say(afterTries(again, 1));
    assert.deepEqual([callIn(second).timeoutMs, callIn(second).leftMs], [6000, 6000]);
  });
  it('is not tried again when the wait ends after its time is over: then comes what follows a failure', async () => {
    const other = { id: 'b', uses: 'search' };
    // As when everything stood still: the wake is told when much else has been.
    const overslept = (more: object, withinMs: number): Draft[] => [
      ...carriedOut({ id: 'a', uses: 'search', retry: { attempts: 5, delayMs: 1000 }, withinMs, ...more }, other),
      ...asked(asTool('a')),
      stepFailed(asTool('a'), trouble()),
      stepPostponed(asTool('a'), { untilMs: 0 }),
      ...done(asTool('b'), 1),
      stepDue(asTool('a'), {}),
    ];
    assert.deepEqual(await tell(overslept({}, 60_000)), ['step.request.requested tool.a.2']);
    assert.deepEqual(await tell(overslept({}, 5000)), ['plan.proposal.abandoned plan.plan.2']);
    assert.deepEqual(await tell(overslept({ fallback: { uses: 'secret' } }, 5000)), ['step.request.requested tool.a-fallback.1']);
    assert.deepEqual(await tell(overslept({ optional: true }, 5000)), ['answer.proposal.proposed answer.answer.1']);
  });
  it('nor when no plan held until then', async () => {
    const resumed = (withinMs: number): Draft[] => {
      const begun = carriedOut({ id: 'a', uses: 'search', retry: { attempts: 5, delayMs: 1000 }, withinMs }, { id: 'b', uses: 'search' });
      const { plan } = (begun[2] as Draft<{ plan: Workflow }>).data;
      return [
        ...begun,
        ...asked(asTool('a')),
        stepFailed(asTool('a'), trouble()),
        stepPostponed(asTool('a'), { untilMs: 0 }),
        planProposed(planRevision(2), { plan }),
        stepDue(asTool('a'), {}),
        ...done(asTool('b'), 1),
        planApproved(planRevision(2), grounds),
      ];
    };
    assert.deepEqual(await tell(resumed(60_000)), ['step.request.requested tool.a.2']);
    assert.deepEqual(await tell(resumed(6000)), ['plan.proposal.abandoned plan.plan.3']);
  });
  it('nor when it has its result after all', async () => {
    const facts = [
      ...retried({ attempts: 5, delayMs: 1000 }, { uses: 'book' }),
      ...asked(asTool('a'), 'idempotent'),
      stepStarted(asTool('a'), { nonce: 'n' }),
      stepTimedOut(asTool('a'), { problem }),
      stepPostponed(asTool('a'), { untilMs: 0 }),
      stepLate(asTool('a'), { output: 1 }),
      stepAccepted(asTool('a'), {}),
    ];
    assert.deepEqual(await tell(facts), ['answer.proposal.proposed answer.answer.1']);
    assert.deepEqual(await tell([...facts, stepDue(asTool('a'), {})]), []);
  });
  it('meets a server that rests: that was no try, and a fallback is better than waiting', async () => {
    const resting = stepFailed(asTool('a'), trouble({ code: CIRCUIT_OPEN, retryAfterMs: 9000 }));
    assert.equal(await waitAfter([...retried({ attempts: 1 }), ...asked(asTool('a')), resting]), 9000);
    const fallback = retried({ attempts: 1 }, { fallback: { uses: 'secret' } });
    assert.deepEqual(await tell([...fallback, ...asked(asTool('a')), resting]), ['step.request.requested tool.a-fallback.1']);
  });
  it('is tried as often and as long as the tool was registered for, where the plan does not say', async () => {
    const registered = { ...tools.search, retry: { attempts: 2, delayMs: 0 }, withinMs: 9000 };
    const [request, approved] = carriedOut(
      { id: 'a', uses: 'search' },
      { id: 'b', uses: 'search', retry: { attempts: 1 }, withinMs: 5 },
      { id: 'c', uses: 'secret', fallback: { uses: 'search' } },
      { id: 'd', uses: 'secret', fallback: { uses: 'search', retry: { attempts: 7 } } },
      { id: 'e', kind: 'model', uses: 'search', fallback: { kind: 'model', uses: 'search' } },
    ) as [Draft, Draft];
    const facts = [{ ...request, data: { ...(request.data as object), tools: { search: registered } } }, approved];
    const [proposed] = await say(facts);
    const { plan } = (proposed as Draft<{ plan: Workflow }>).data;
    assert.deepEqual(
      plan.steps.map(({ retry, withinMs, fallback }) => [retry?.attempts, withinMs, fallback?.retry?.attempts, fallback?.withinMs]),
      [
        [2, 9000, undefined, undefined],
        [1, 5, undefined, undefined],
        [undefined, undefined, 2, 9000],
        [undefined, undefined, 7, 9000],
        [undefined, undefined, undefined, undefined],
      ],
    );
  });
});

describe('what is done in the place of a step', () => {
  it('is tried again as its own retry has it, and not as the step’s', async () => {
    const begun = carriedOut({ id: 'a', uses: 'search', fallback: { uses: 'secret', retry: { attempts: 2, delayMs: 1000 } } });
    const lost = (id: string, n = 1): Draft[] => [...asked(asTool(id, n)), stepFailed(asTool(id, n), trouble())];
    assert.deepEqual(await tell([...begun, ...lost('a')]), ['step.request.requested tool.a-fallback.1']);
    const waitMs = await waitAfter([...begun, ...lost('a'), ...lost('a-fallback')]);
    assert.ok(waitMs <= 1000 && waitMs >= 750, `${waitMs} ms`);
    assert.deepEqual(await tell([...begun, ...lost('a'), ...lost('a-fallback'), ...lost('a-fallback', 2)]), [
      'plan.proposal.abandoned plan.plan.2',
    ]);
    const brief = carriedOut({
      id: 'a',
      uses: 'search',
      withinMs: 9000,
      fallback: { uses: 'secret', withinMs: 20_000, timeoutMs: 60_000 },
    });
    const { timeoutMs, leftMs } = callIn((await say([...brief, ...lost('a')]))[0]);
    assert.deepEqual([timeoutMs, leftMs], [20_000, 20_000], 'nor has it what is left of the step’s time, but its own');
    const once = carriedOut({ id: 'a', uses: 'search', retry: { attempts: 2 }, fallback: { uses: 'secret' } });
    assert.deepEqual(await tell([...once, ...lost('a'), ...lost('a', 2), ...lost('a-fallback')]), ['plan.proposal.abandoned plan.plan.2']);
  });
});

describe('an optional step that has failed for good', () => {
  const steps = [
    { id: 'a', uses: 'search', optional: true },
    { id: 'b', uses: 'search' },
    { id: 'c', uses: 'search', dependsOn: ['a', 'b'], with: { got: '= $exists(steps.a)' } },
  ];
  it('lets the run go on, in any order of facts, and the answer names it', async () => {
    const lost = [...asked(asTool('a')), stepFailed(asTool('a'), { problem })];
    for (const order of [
      [...lost, ...done(asTool('b'), 1)],
      [...done(asTool('b'), 1), ...lost],
    ]) {
      const facts = [...carriedOut(...steps), ...order];
      const [next] = await say(facts);
      assert.deepEqual([told([next as Draft]), callIn(next).arguments], [['step.request.requested tool.c.1'], { got: false }]);
      const [answer] = await say([...facts, ...done(asTool('c'), 2)]);
      assert.deepEqual((answer as Draft<{ omitted: Json }>).data.omitted, [{ step: 'a', problem }]);
    }
  });
  it('is tried as often as any other before that', async () => {
    const [first, ...others] = steps;
    const begun = carriedOut({ ...first, retry: { attempts: 2 } }, ...others);
    assert.deepEqual(await tell([...begun, ...asked(asTool('a')), stepFailed(asTool('a'), trouble())]), [
      'step.request.requested tool.a.2',
    ]);
  });
  it('gives one answer, even if facts come late', async () => {
    const only = [
      ...carriedOut({ id: 'a', uses: 'book', optional: true }),
      ...asked(asTool('a'), 'once'),
      stepStarted(asTool('a'), { nonce: 'n' }),
    ];
    const given = [...only, stepUnknown(asTool('a'), { problem })];
    const [answer] = await say(given);
    assert.deepEqual(told([answer as Draft]), ['answer.proposal.proposed answer.answer.1']);
    assert.deepEqual(await tell([...given, answer as Draft, stepLate(asTool('a'), { output: 1 }), stepAccepted(asTool('a'), {})]), []);
  });
});

describe('an effect in doubt', () => {
  const at = { kind: 'person', id: 'a-escalation-1', n: 1 };
  const steps = [
    { id: 'a', uses: 'book' },
    { id: 'b', uses: 'search', dependsOn: ['a'], with: { of: '= steps.a' } },
  ];
  const begun = [...carriedOut(...steps), ...asked(asTool('a'), 'once'), stepStarted(asTool('a'), { nonce: 'n' })];
  const lost = [...begun, stepTimedOut(asTool('a'), { problem })];
  const ask = async (): Promise<Draft[]> => [...lost, ...((await say(lost)) as Draft[])];
  const late = stepLate(asTool('a'), { output: 'late' });
  const person = (form: Json): Draft[] => done(at, form).slice(1);

  it('is put to a person, even if the plan names none', async () => {
    const [question] = await say(lost);
    const { uses, arguments: shown, prompt } = callIn(question);
    assert.deepEqual([told([question as Draft]), uses], [['step.request.requested person.a-escalation-1.1'], 'operators']);
    assert.deepEqual([shown['attempt'], shown['unknown']], [asTool('a'), true]);
    assert.match(prompt as string, /Whether it took effect is not known/);
  });
  it('is not put to a person when it is known that nothing happened', async () => {
    assert.deepEqual(await tell([...carriedOut(...steps), ...failed(asTool('a'))]), ['plan.proposal.abandoned plan.plan.2']);
  });
  it('is settled by its late result, and what the person says after that changes nothing', async () => {
    const facts = [...(await ask()), late, stepAccepted(asTool('a'), {})];
    const [next] = await say(facts);
    assert.deepEqual(callIn(next).arguments, { of: 'late' });
    for (const form of [{ action: 'retry' }, { action: 'supply', result: 'said' }, { action: 'end' }])
      assert.deepEqual(await tell([...facts, next as Draft, ...person(form)]), []);
  });
  it('is settled by the person, and what comes late after that changes nothing', async () => {
    const facts = [...(await ask()), ...person({ action: 'supply', result: 'said' })];
    const [next] = await say(facts);
    assert.deepEqual(callIn(next).arguments, { of: 'said' });
    const wrong = stepRejected(asTool('a'), { problem: { code: 'settled-otherwise', message: 'x' } });
    assert.deepEqual(await tell([...facts, next as Draft, late, wrong]), []);
  });
  it('is settled by what the person supplies, though something came late that was not checked yet', async () => {
    const both = [...(await ask()), late, ...person({ action: 'supply', result: 'said' })];
    const [next] = await say(both);
    assert.deepEqual(callIn(next).arguments, { of: 'said' });
    assert.deepEqual(await tell([...both, next as Draft, stepAccepted(asTool('a'), {})]), []);
  });
  it('is not done again for the person, as long as something came late that may be good', async () => {
    const both = [...(await ask()), late, ...person({ action: 'retry' })];
    assert.deepEqual(await tell(both), []);
    const [good] = await say([...both, stepAccepted(asTool('a'), {})]);
    assert.deepEqual(callIn(good).arguments, { of: 'late' });
    assert.deepEqual(await tell([...both, stepRejected(asTool('a'), { problem })]), ['step.request.requested tool.a-retry-1.1']);
  });
});
