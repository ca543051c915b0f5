import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { given, told } from '@reel/bus/given.ts';
import { type Place, planRevision, theRun } from '@reel/contracts/address.ts';
import type { Draft, Json } from '@reel/contracts/envelope.ts';
import { planApproved, planProposed } from '@reel/contracts/plan.ts';
import { runApproved, runRequested, turnedFailing } from '@reel/contracts/run.ts';
import {
  stepAccepted,
  stepApproved,
  stepDenied,
  stepDue,
  stepFailed,
  stepPostponed,
  stepRejected,
  stepRequested,
  stepStarted,
  stepSucceeded,
  stepUnknown,
} from '@reel/contracts/step.ts';
import { Workflow } from '@reel/contracts/workflow/format.ts';
import planner from './planner.ts';

const grounds = { policies: ['p'], policySet: 's', question: 'q' };
const at = (id: string, n = 1): Place => ({ kind: 'tool', id, n });
const problem = { code: 'broken', message: 'it broke' };

/** A run whose plan is approved. */
function planned(workflow: object, input: Json = {}): Draft[] {
  const plan = Workflow.parse({ name: 'w', ...workflow });
  return [
    runRequested(theRun, { requestedBy: 'ada', workflow: plan, input, tools: {}, deadlineMs: 1e15 }),
    runApproved(theRun, grounds),
    planProposed(planRevision(1), { plan }),
    planApproved(planRevision(1), grounds),
  ] as Draft[];
}
const asked = (id: string, n = 1, effect = 'read-only'): Draft[] =>
  [
    stepRequested(at(id, n), { call: { uses: 'x', arguments: {}, effect: effect as 'once', timeoutMs: 1 } }),
    stepApproved(at(id, n), grounds),
  ] as Draft[];
const done = (id: string, output: Json = {}, n = 1): Draft[] =>
  [...asked(id, n), stepSucceeded(at(id, n), { output }), stepAccepted(at(id, n), {})] as Draft[];
const answerTo = async (drafts: Draft[]): Promise<readonly Draft[]> => (await given(drafts).then(planner, {})) as readonly Draft[];

const diamond = {
  steps: [
    { id: 'a', uses: 'x' },
    { id: 'b', uses: 'x', dependsOn: ['a'] },
    { id: 'c', uses: 'x', dependsOn: ['a'] },
    { id: 'd', uses: 'x', dependsOn: ['b', 'c'] },
  ],
};

describe('the planner', () => {
  it('proposes the workflow as the plan when the run may begin', async () => {
    assert.deepEqual(told(await answerTo(planned(diamond).slice(0, 2))), ['plan.proposal.proposed plan.plan.1']);
  });
  it('asks for what waits for nothing when the plan may be carried out', async () => {
    assert.deepEqual(told(await answerTo(planned(diamond))), ['step.request.requested tool.a.1']);
  });
  it('asks for everything that waited for a step as soon as it is over', async () => {
    assert.deepEqual(told(await answerTo([...planned(diamond), ...done('a')])), [
      'step.request.requested tool.b.1',
      'step.request.requested tool.c.1',
    ]);
  });
  it('asks for a join on its last conjunct and not before', async () => {
    const until = [...planned(diamond), ...done('a'), ...done('b')];
    assert.deepEqual(told(await answerTo(until)), []);
    assert.deepEqual(told(await answerTo([...until, ...done('c')])), ['step.request.requested tool.d.1']);
  });
  it('proposes the answer when everything is over, made from the results', async () => {
    const workflow = { steps: [{ id: 'a', uses: 'x' }], answer: { value: { sum: '= steps.a.price * 2', plain: '==x' } } };
    const [answer] = await answerTo([...planned(workflow), ...done('a', { price: 21 })]);
    assert.deepEqual(answer?.data, { answer: { sum: 42, plain: '=x' } });
  });
  it('gives the results of the last steps where no answer is described', async () => {
    const [answer] = await answerTo([...planned({ steps: [{ id: 'a', uses: 'x' }] }), ...done('a', 7)]);
    assert.deepEqual(answer?.data, { answer: { a: 7 } });
  });
  it('passes over a step whose condition does not hold, and goes on with what waited for it', async () => {
    const workflow = {
      steps: [
        { id: 'a', uses: 'x' },
        { id: 'b', uses: 'x', dependsOn: ['a'], when: 'steps.a.gone' },
        { id: 'c', uses: 'x', dependsOn: ['b'], with: { from: '= steps.b.id', by: '= steps.a.id' } },
      ],
    };
    const said = await answerTo([
      ...planned({ steps: workflow.steps.map((s) => (s.id === 'c' ? { ...s, dependsOn: ['a', 'b'] } : s)) }),
      ...done('a', { gone: false, id: 5 }),
    ]);
    assert.deepEqual(told(said), ['step.request.skipped tool.b.1', 'step.request.requested tool.c.1']);
    assert.deepEqual((said[1]?.data as { call: { arguments: Json } }).call.arguments, { by: 5 });
  });
  it('finds a join complete though the skipped half is not in the log yet', async () => {
    const workflow = {
      steps: [
        { id: 'a', uses: 'x' },
        { id: 'z', uses: 'x' },
        { id: 'b', uses: 'x', dependsOn: ['a'], when: 'false' },
        { id: 'c', uses: 'x', dependsOn: ['b', 'z'] },
      ],
    };
    assert.deepEqual(told(await answerTo([...planned(workflow), ...done('a'), ...done('z')])), ['step.request.requested tool.c.1']);
  });
  it('tries again what may be tried again, at once or after a while', async () => {
    const steps = (retry: object): object => ({ steps: [{ id: 'a', uses: 'x', retry }] });
    const failed = [...asked('a'), stepFailed(at('a'), { problem })] as Draft[];
    assert.deepEqual(told(await answerTo([...planned(steps({ attempts: 2 })), ...failed])), ['step.request.requested tool.a.2']);
    const later = [...planned(steps({ attempts: 2, delayMs: 5000 })), ...failed];
    const [postponed] = await answerTo(later);
    assert.equal(postponed?.type, 'step.retry.postponed');
    const due = [...later, stepPostponed(at('a'), { untilMs: 1 }), stepDue(at('a'), {})] as Draft[];
    assert.deepEqual(told(await answerTo(due)), ['step.request.requested tool.a.2']);
  });
  it('gives up when the attempts are used up, or cannot help', async () => {
    const once = planned({ steps: [{ id: 'a', uses: 'x' }] });
    const [abandoned] = await answerTo([...once, ...asked('a'), stepFailed(at('a'), { problem })] as Draft[]);
    assert.deepEqual(abandoned?.data, { problem: { ...problem, step: 'a' } });
    const hopeless = [
      ...planned({ steps: [{ id: 'a', uses: 'x', retry: { attempts: 5 } }] }),
      ...asked('a'),
      stepFailed(at('a'), { problem: { ...problem, retryable: false } }),
    ];
    assert.deepEqual(told(await answerTo(hopeless as Draft[])), ['plan.proposal.abandoned plan.plan.2']);
  });
  it('goes to the fallback when a step failed for good or was not allowed, and takes its result for the step', async () => {
    const workflow = {
      steps: [
        { id: 'a', uses: 'x', fallback: { uses: 'y' } },
        { id: 'b', uses: 'x', dependsOn: ['a'], with: { v: '= steps.a.v' } },
      ],
    };
    assert.deepEqual(told(await answerTo([...planned(workflow), ...asked('a'), stepFailed(at('a'), { problem })] as Draft[])), [
      'step.request.requested tool.a-fallback.1',
    ]);
    const denied = [...planned(workflow), asked('a')[0], stepDenied(at('a'), { ...grounds, problem })] as Draft[];
    assert.deepEqual(told(await answerTo(denied)), ['step.request.requested tool.a-fallback.1']);
    const [next] = await answerTo([...denied, ...done('a-fallback', { v: 9 })]);
    assert.deepEqual((next?.data as { call: { arguments: Json } }).call.arguments, { v: 9 });
  });
  it('does not do another way what may have been done', async () => {
    const workflow = { steps: [{ id: 'a', uses: 'x', retry: { attempts: 3 }, fallback: { uses: 'y' } }] };
    const unknown = [
      ...planned(workflow),
      ...asked('a', 1, 'once'),
      stepStarted(at('a'), { nonce: 'n' }),
      stepUnknown(at('a'), { problem }),
    ] as Draft[];
    assert.deepEqual(told(await answerTo(unknown)), ['plan.proposal.abandoned plan.plan.2']);
    const idempotent = [
      ...planned(workflow),
      ...asked('a', 1, 'idempotent'),
      stepStarted(at('a'), { nonce: 'n' }),
      stepUnknown(at('a'), { problem }),
    ] as Draft[];
    assert.deepEqual(told(await answerTo(idempotent)), ['step.request.requested tool.a.2']);
    const wrong = [
      ...planned(workflow),
      ...asked('a', 1, 'once'),
      stepSucceeded(at('a'), { output: 1 }),
      stepRejected(at('a'), { problem }),
    ] as Draft[];
    assert.deepEqual(told(await answerTo(wrong)), ['plan.proposal.abandoned plan.plan.2']);
  });
  it('ends the plan where an expression cannot be computed, naming it', async () => {
    const workflow = { steps: [{ id: 'a', uses: 'x', with: { v: "= $number('no')" } }] };
    const [abandoned] = await answerTo(planned(workflow));
    assert.equal((abandoned?.data as { problem: { code: string } }).problem.code, 'expression-failed');
    assert.match((abandoned?.data as { problem: { message: string } }).problem.message, /\$number\('no'\)/);
  });
  it('stays quiet once the run has turned', async () => {
    const turned = [...planned(diamond), turnedFailing(theRun, { problem }), ...done('a')] as Draft[];
    assert.deepEqual(told(await answerTo(turned)), []);
  });
});
