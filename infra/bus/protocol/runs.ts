/** For the tests: four runs that keep every rule. One completes, one takes back what it did, one had nothing to take back, one has a goal. */
import { answerRevision, type Place, planRevision, theRun, undoOf } from '@reel/contracts/address.ts';
import { answerAccepted, answerApproved, answerProposed } from '@reel/contracts/answer.ts';
import type { Draft, Json } from '@reel/contracts/envelope.ts';
import { planAbandoned, planApproved, planProposed } from '@reel/contracts/plan.ts';
import * as r from '@reel/contracts/run.ts';
import * as s from '@reel/contracts/step.ts';
import type { Effect, ToolDefinition } from '@reel/contracts/tool.ts';
import * as u from '@reel/contracts/undo.ts';
import { voteCast } from '@reel/contracts/vote.ts';
import { Workflow } from '@reel/contracts/workflow/format.ts';
import { type Line, placed, START_MS } from './scene.ts';

export const problem = { code: 'no', message: 'it did not go well' };
/** About whatever was asked at the place of the verdict. */
export const grounds = { policies: [], policySet: 'sha256:p', question: '' };
export const DEADLINE_MS = START_MS + 3_600_000;

const tool = (name: string, effect: Effect): ToolDefinition => ({
  name,
  description: '',
  server: 'module',
  input: {},
  effect,
  timeoutMs: 10_000,
  concurrency: 1,
  digest: `sha256:${name}`,
});
export const tools = {
  book: { ...tool('book', 'idempotent'), compensation: { uses: 'cancel', with: {} } },
  cancel: tool('cancel', 'idempotent'),
  look: tool('look', 'read-only'),
};

const workflow = Workflow.parse({
  name: 'w',
  steps: [
    { id: 'a', uses: 'book' },
    { id: 'q', kind: 'person', prompt: 'well?' },
    { id: 'b', uses: 'book', dependsOn: ['a', 'q'], retry: { attempts: 3, delayMs: 500 } },
    { id: 'c', uses: 'book' },
    { id: 'd', uses: 'look' },
    { id: 's', uses: 'book', when: 'false', dependsOn: ['a'] },
  ],
});
const line = (draft: unknown, more: Omit<Line, 'draft'> = {}): Line => ({ draft: draft as Draft, ...more });

/** The call of a step as its plan and its tool have it. */
export function callOf(uses: 'book' | 'look' | 'cancel', change: object = {}) {
  const compensation = uses === 'book' ? { compensation: { uses: 'cancel', with: {} } } : {};
  return { uses, arguments: {}, effect: tools[uses].effect, timeoutMs: 10_000, definition: tools[uses].digest, ...compensation, ...change };
}

/** Asked for, and approved. */
export const asked = (spot: string, answers: string, call: object = callOf('book')): Line[] => [
  line(s.stepRequested(placed(spot), { call: call as never }), { answers }),
  line(s.stepApproved(placed(spot), grounds)),
];
/** Started, and told to have succeeded. */
export const done = (spot: string, output: Json = 1): Line[] => [
  line(s.stepStarted(placed(spot), { nonce: spot }), { answers: `${spot}.verdict` }),
  line(s.stepSucceeded(placed(spot), { output }), { answers: `${spot}.verdict` }),
  line(s.stepAccepted(placed(spot), {})),
];
export const undone = (at: Place, answers: string): Line[] => {
  const place = undoOf(at, 1);
  const verdict = `${place.kind}.${place.id}.1.verdict`;
  return [
    line(u.undoRequested(place, { call: callOf('cancel') }), { answers }),
    line(u.undoApproved(place, grounds)),
    line(u.undoStarted(place, { nonce: place.id }), { answers: verdict }),
    line(u.undoSucceeded(place, { output: null }), { answers: verdict }),
  ];
};

const begun: Line[] = [
  line(r.runRequested(theRun, { requestedBy: 'ada', workflow, input: {}, tools, deadlineMs: DEADLINE_MS })),
  line(r.runApproved(theRun, grounds)),
  line(planProposed(planRevision(1), { plan: workflow })),
  line(planApproved(planRevision(1), grounds)),
];
const PLAN = 'plan.plan.1.verdict';
const reads: Line[] = [
  ...asked('tool.d.1', PLAN, callOf('look')),
  line(s.stepSucceeded(placed('tool.d.1'), { output: 1 })),
  line(s.stepAccepted(placed('tool.d.1'), {})),
];
const person = placed('person.q.1');
const question = { uses: 'person', arguments: {}, effect: 'read-only' as const, timeoutMs: 60_000 };

/** A person is asked, a step is skipped, and one is tried again. */
export const completed: readonly Line[] = [
  ...begun,
  ...asked('tool.a.1', PLAN),
  ...done('tool.a.1'),
  line(s.stepSkipped(placed('tool.s.1'), { when: 'false' })),
  ...asked('tool.c.1', PLAN),
  ...done('tool.c.1'),
  ...reads,
  line(s.stepRequested(person, { call: question }), { answers: PLAN }),
  line(s.stepHeld(person, { ...grounds, prompt: 'well?' })),
  line(voteCast(placed('vote.eve.1'), { question: 'reel.0.R.person.q.1.verdict', decision: 'grant', who: 'eve', why: 'so' })),
  line(s.stepGranted(person, { who: 'eve', why: 'so', vote: 'reel.0.R.vote.eve.1.request', form: {} })),
  line(s.stepSucceeded(person, { output: {} })),
  line(s.stepAccepted(person, {})),
  ...asked('tool.b.1', 'person.q.1.check'),
  line(s.stepStarted(placed('tool.b.1'), { nonce: 'b' })),
  line(s.stepFailed(placed('tool.b.1'), { problem }), { answers: 'tool.b.1.verdict' }),
  line(s.stepPostponed(placed('tool.b.1'), { untilMs: START_MS })),
  line(s.stepDue(placed('tool.b.1'), {})),
  ...asked('tool.b.2', 'tool.b.1.wake'),
  ...done('tool.b.2'),
  line(answerProposed(answerRevision(1), { answer: 42 })),
  line(answerAccepted(answerRevision(1), {})),
  line(answerApproved(answerRevision(1), grounds)),
  line(r.turnedCompleted(theRun, {})),
  line(r.runCompleted(theRun, { answer: 42 })),
];

const gaveUp: Line[] = [line(planAbandoned(planRevision(2), { problem })), line(r.turnedFailing(theRun, { problem }))];
const [a, c] = [placed('tool.a.1'), placed('tool.c.1')];

/** Two effects, a step that reads and comes to nothing, and everything is taken back. */
export const failed: readonly Line[] = [
  ...begun,
  ...asked('tool.a.1', PLAN),
  ...done('tool.a.1'),
  ...asked('tool.c.1', PLAN),
  ...done('tool.c.1'),
  ...asked('tool.d.1', PLAN, callOf('look')),
  ...gaveUp,
  line(s.stepFailed(placed('tool.d.1'), { problem }), { answers: 'tool.d.1.verdict' }),
  ...undone(c, 'tool.d.1.outcome'),
  ...undone(a, 'undo-tool.c-1.1.outcome'),
  line(r.runFailed(theRun, { problem, undone: [c, a] })),
];

/** One step was begun and failed, one only reads. */
export const harmless: readonly Line[] = [
  ...begun,
  ...asked('tool.c.1', PLAN),
  line(s.stepStarted(placed('tool.c.1'), { nonce: 'c' })),
  ...asked('tool.d.1', PLAN, callOf('look')),
  line(s.stepFailed(placed('tool.d.1'), { problem })),
  line(s.stepFailed(placed('tool.c.1'), { problem }), { answers: 'tool.c.1.verdict' }),
  ...gaveUp,
  line(r.runFailed(theRun, { problem, undone: [] })),
];

const goalFrame = { name: 'goal', steps: [] };
const planning = (n: number, task: string, steps: readonly object[] = []): unknown => ({
  ...goalFrame,
  steps: [...steps, { id: `plan-${n}`, kind: 'model', needs: { capabilities: ['plan'] }, with: { task } }],
});
const models = [{ name: 'm', capabilities: ['plan'], price: 'low' as const }];
const plan = (n: number, task: string, steps: readonly object[] = []): Line[] => [
  line(planProposed(planRevision(n), { plan: Workflow.parse(planning(n, task, steps)) })),
  line(planApproved(planRevision(n), grounds)),
];

/** A goal for which a model makes a plan, and others when that does not do. */
export const goal = (tasks: readonly string[], first: { task?: string; steps?: readonly object[] } = {}): Line[] => [
  line(
    r.runRequested(theRun, {
      requestedBy: 'ada',
      workflow: Workflow.parse(goalFrame),
      goal: { text: 'find it' },
      input: {},
      tools,
      models,
      deadlineMs: DEADLINE_MS,
    }),
  ),
  line(r.runApproved(theRun, { ...grounds, withheld: ['cancel'] })),
  ...plan(1, first.task ?? 'plan', first.steps),
  line(
    s.stepRequested(placed('model.plan-1.1'), {
      call: { uses: 'm', arguments: { tools: [{ name: 'book' }] }, effect: 'metered', timeoutMs: 1000 },
    }),
  ),
  line(s.stepApproved(placed('model.plan-1.1'), grounds)),
  ...tasks.flatMap((task, i) => plan(i + 2, task)),
];
