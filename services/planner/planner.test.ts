import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { given, told } from '@reel/bus/testing/given.ts';
import { type Place, planRevision, theRun } from '@reel/contracts/address.ts';
import type { Draft, Json, Problem } from '@reel/contracts/envelope.ts';
import { planAbandoned, planApproved, planGranted, planHeld, planProposed } from '@reel/contracts/plan.ts';
import { closingFailing, runApproved, runGranted, runHeld, runRequested } from '@reel/contracts/run.ts';
import {
  type Call,
  stepAccepted,
  stepApproved,
  stepDenied,
  stepDue,
  stepExpired,
  stepFailed,
  stepHeld,
  stepPostponed,
  stepRefused,
  stepRejected,
  stepRequested,
  stepStarted,
  stepSucceeded,
  stepTimedOut,
  stepUnknown,
  stepWithdrawn,
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

const callIn = (draft: Draft | undefined): Call => (draft as Draft<{ call: Call }>).data.call;
const problemIn = (draft: Draft | undefined): Problem => (draft as Draft<{ problem: Problem }>).data.problem;

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
    assert.deepEqual(callIn(said[1]).arguments, { by: 5 });
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
    assert.deepEqual(told(await answerTo(hopeless)), ['plan.proposal.abandoned plan.plan.2']);
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
    assert.deepEqual(callIn(next).arguments, { v: 9 });
  });
  it('does not do another way what may have been done', async () => {
    const workflow = { steps: [{ id: 'a', uses: 'x', retry: { attempts: 3 }, fallback: { uses: 'y' } }] };
    const unknown = [
      ...planned(workflow),
      ...asked('a', 1, 'once'),
      stepStarted(at('a'), { nonce: 'n' }),
      stepUnknown(at('a'), { problem }),
    ] as Draft[];
    assert.deepEqual(told(await answerTo(unknown)), ['step.request.requested person.a-escalation-1.1'], 'a person has to look');
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
    assert.equal(problemIn(abandoned).code, 'expression-failed');
    assert.match(problemIn(abandoned).message, /\$number\('no'\)/);
  });
  it('names the step and the field of such an expression', async () => {
    const workflow = { steps: [{ id: 'a', uses: 'x', with: { list: [1, '= 1 + input.word'] } }] };
    const [abandoned] = await answerTo(planned(workflow, { word: 'x' }));
    const message = 'step "a", with: list[1]: in `= 1 + input.word`: The right side of the "+" operator must evaluate to a number';
    assert.deepEqual(problemIn(abandoned), { code: 'expression-failed', message, retryable: false, step: 'a' });
    const condition = { steps: [{ id: 'a', uses: 'x', when: "1 + 'x'" }] };
    assert.match(problemIn((await answerTo(planned(condition)))[0]).message, /^step "a", when: in /);
    const answer = { steps: [{ id: 'a', uses: 'x' }], answer: { value: { v: '= -steps.a' } } };
    assert.match(problemIn((await answerTo([...planned(answer), ...done('a', 'x')]))[0]).message, /^answer\.value: v: in /);
  });
  it('escalates no step that a person refused, but goes to the fallback', async () => {
    const workflow = planned({ steps: [{ id: 'a', uses: 'x', retry: { attempts: 3 }, fallback: { uses: 'y' } }] });
    const held = [...workflow, asked('a')[0] as Draft, stepHeld(at('a'), { ...grounds, prompt: '?' })];
    const refused = stepRefused(at('a'), { who: 'ada', why: 'too dear', vote: 'v' });
    assert.deepEqual(told(await answerTo([...held, refused])), ['step.request.requested tool.a-fallback.1']);
    assert.deepEqual(told(await answerTo([...held, stepExpired(at('a'), { problem })])), ['step.request.requested tool.a-fallback.1']);
    const plain = [...planned({ steps: [{ id: 'a', uses: 'x' }] }), ...held.slice(-2), refused];
    assert.deepEqual(problemIn((await answerTo(plain))[0]), { code: 'refused', message: 'ada refused it: too dear', step: 'a' });
  });
  it('does it another way when it timed out, only if it cannot be started any more', async () => {
    const workflow = planned({ steps: [{ id: 'a', uses: 'x', fallback: { uses: 'y' } }] });
    const late = [...workflow, ...asked('a', 1, 'once')];
    const timedOut = stepTimedOut(at('a'), { problem });
    assert.deepEqual(told(await answerTo([...late, timedOut])), ['step.request.requested person.a-escalation-1.1']);
    const withdrawn = [...late, stepWithdrawn(at('a'), { problem }), timedOut];
    assert.deepEqual(told(await answerTo(withdrawn)), ['step.request.requested tool.a-fallback.1']);
  });
  it('tries again what can be done once only if it was never begun', async () => {
    const workflow = planned({ steps: [{ id: 'a', uses: 'x', retry: { attempts: 2 } }] });
    const late = [...workflow, ...asked('a', 1, 'once')];
    const timedOut = stepTimedOut(at('a'), { problem });
    assert.deepEqual(told(await answerTo([...late, timedOut])), ['step.request.requested person.a-escalation-1.1']);
    const withdrawn = [...late, stepWithdrawn(at('a'), { problem }), timedOut];
    assert.deepEqual(told(await answerTo(withdrawn)), ['step.request.requested tool.a.2']);
  });
  it('answers only the first of two facts that end the same attempt', async () => {
    const workflow = planned({ steps: [{ id: 'a', uses: 'x', retry: { attempts: 2 }, fallback: { uses: 'y' } }] });
    const timedOut = [...workflow, asked('a')[0] as Draft, stepTimedOut(at('a'), { problem })];
    assert.deepEqual(told(await answerTo(timedOut)), ['step.request.requested tool.a.2']);
    assert.deepEqual(told(await answerTo([...timedOut, stepDenied(at('a'), { ...grounds, problem })])), []);
  });
  it('gives the answer at once when there is nothing to be done', async () => {
    const workflow = {
      steps: [
        { id: 'a', uses: 'x', when: '$exists(input.go)' },
        { id: 'b', uses: 'x', dependsOn: ['a'], when: 'false' },
      ],
      answer: { value: '= steps.b' },
    };
    const said = await answerTo(planned(workflow));
    assert.deepEqual(told(said), [
      'step.request.skipped tool.a.1',
      'step.request.skipped tool.b.1',
      'answer.proposal.proposed answer.answer.1',
    ]);
    assert.deepEqual(said.at(-1)?.data, { answer: null });
  });
  it('begins after a person let the run, or the plan, pass', async () => {
    const [requested, , proposed] = planned(diamond) as [Draft, Draft, Draft];
    const granted = { who: 'ada', why: 'fine', vote: 'v' };
    const run = [requested, runHeld(theRun, { ...grounds, prompt: '?' }), runGranted(theRun, granted)];
    assert.deepEqual(told(await answerTo(run)), ['plan.proposal.proposed plan.plan.1']);
    const plan = [...run, proposed, planHeld(planRevision(1), { ...grounds, prompt: '?' }), planGranted(planRevision(1), granted)];
    assert.deepEqual(told(await answerTo(plan)), ['step.request.requested tool.a.1']);
  });
  it('asks with what the registry knew, what the step says going before', async () => {
    const tool = {
      name: 'x',
      server: 's',
      input: {},
      effect: 'idempotent',
      timeoutMs: 500,
      concurrency: 1,
      digest: 'sha256:d',
      compensation: { uses: 'undo', with: { id: '= result.id' } },
    } as const;
    const call = async (step: object): Promise<Call> => {
      const [requested, ...others] = planned({ steps: [{ id: 'a', uses: 'x', ...step }] }, { who: 'ada', days: [1, 2] }) as [
        Draft<object>,
        ...Draft[],
      ];
      const [asks] = await answerTo([{ ...requested, data: { ...requested.data, tools: { x: tool } } }, ...others]);
      return callIn(asks);
    };
    const known = {
      uses: 'x',
      arguments: {},
      effect: 'idempotent',
      timeoutMs: 500,
      definition: 'sha256:d',
      compensation: tool.compensation,
    };
    assert.deepEqual(await call({}), known);
    const own = { timeoutMs: 9, compensate: { uses: 'other', with: {} } };
    assert.deepEqual(await call(own), { ...known, timeoutMs: 9, compensation: own.compensate });
    const asked = {
      kind: 'person',
      uses: '',
      prompt: "= 'Well, ' & input.who & '?'",
      form: { type: 'object', properties: { day: { enum: '= input.days' } } },
    };
    const form = { type: 'object', properties: { day: { enum: [1, 2] } } };
    assert.deepEqual(await call(asked), {
      uses: 'person',
      arguments: {},
      prompt: 'Well, ada?',
      form,
      effect: 'read-only',
      timeoutMs: 86_400_000,
    });
    const other = { uses: 'sms', arguments: { to: 'ada' }, effect: 'once', timeoutMs: 60_000 };
    assert.deepEqual(await call({ kind: 'sms', uses: '', with: { to: '= input.who' } }), other);
    assert.deepEqual(await call({ kind: 'sms', uses: '', with: { to: '= input.who' }, effect: 'read-only' }), {
      ...other,
      effect: 'read-only',
    });
  });
  it('stays quiet once it has given up', async () => {
    const over = [...planned(diamond), planAbandoned(planRevision(2), { problem }), ...done('a')];
    assert.deepEqual(told(await answerTo(over)), []);
  });
  it('stays quiet about what is not in the plan', async () => {
    assert.deepEqual(told(await answerTo([...planned(diamond), ...done('elsewhere')])), []);
  });
  it('stays quiet once the run has turned', async () => {
    const turned = [...planned(diamond), closingFailing(theRun, { problem }), ...done('a')] as Draft[];
    assert.deepEqual(told(await answerTo(turned)), []);
  });
});
