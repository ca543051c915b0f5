/** Goals as stories: models that plan, answer and judge are mostly sensible and sometimes not, and so are tools and people. */
import assert from 'node:assert/strict';
import type { Edge } from '@reel/bus/edge.ts';
import { type Entry, type History, isInvalid } from '@reel/bus/history.ts';
import { type ApprovedCall, definePerformer, Failure } from '@reel/bus/service.ts';
import { type Random, randomFor } from '@reel/bus/simulator/random.ts';
import { MALICE, TROUBLE } from '@reel/bus/simulator/simulator.ts';
import { ASKED, type Place, planRevision, theRun } from '@reel/contracts/address.ts';
import type { Event, Json } from '@reel/contracts/envelope.ts';
import { planProposed } from '@reel/contracts/plan.ts';
import { cancelRequested } from '@reel/contracts/run.ts';
import { stepRequested } from '@reel/contracts/step.ts';
import { undoRequested } from '@reel/contracts/undo.ts';
import { plannedAs, type Question } from '@reel/contracts/workflow/attempt.ts';
import { Workflow } from '@reel/contracts/workflow/format.ts';
import { storeVote } from '@reel/gateway/voting.ts';
import fc from 'fast-check';
import { judgeOfText } from './players.ts';
import { type Played, RUN, type Scene, type Story } from './story.ts';
import { type Doing, escalated, openWorld, policies, tools, type World } from './world.ts';

/** `luck`: the seed of all choices. `temper`: how often an actor fails. `once`: whether plans use tools that cannot be repeated. */
type Goal = {
  readonly luck: number;
  readonly temper: number;
  readonly once: boolean;
  readonly rubric: boolean;
  readonly review: boolean;
  readonly escalate: boolean;
  readonly cancelAfter: number | null;
};

const judge = judgeOfText(policies);
const models = ['a', 'b'].map((name) => ({ name, capabilities: ['plan', 'answer', 'judge'], price: 'low' as const }));
const ANSWER_MS = 60_000;

/** The same choices for the same thing, however often and in any order. */
const luckOf = ({ luck }: Goal, about: string, { at }: Pick<ApprovedCall, 'at'>): Random =>
  randomFor(luck, `${about} ${at.kind}.${at.id}.${at.n}`);

/** What a model says to the planner's questions. */
function think(goal: Goal, call: ApprovedCall): Json {
  const args = call.arguments;
  const luck = luckOf(goal, 'think', call);
  if (luck.happens(goal.temper)) return { nonsense: true };
  switch (args['task']) {
    case 'plan':
    case 'repair':
    case 'revise':
    case 'continue': {
      const steps = planSteps(luck, call.at.id, Object.keys((args['done'] ?? {}) as object), goal);
      return { steps, ...(luck.happens(0.3) ? { more: 'look again' } : {}) };
    }
    case 'answer': {
      const steps = Object.keys(args['results'] as object);
      const isWrong = args['reasons'] === undefined && luck.happens(goal.temper * 2);
      const claims = isWrong ? [{ claim: 'x', step: 'nowhere' }] : steps.slice(0, 1).map((step) => ({ claim: 'x', step }));
      return { text: 'here you are', claims };
    }
    case 'judge':
      return { pass: !luck.happens(goal.temper), reasons: ['so'] };
    default:
      return { text: 'thought' };
  }
}

const question = { kind: 'person', uses: 'eve', prompt: 'which?', form: { type: 'object' }, timeoutMs: ANSWER_MS };
/** The fields that other steps read of a model's result. */
const THOUGHT = { properties: { text: {}, n: {} } };
const FALLBACKS: readonly Json[] = [{ uses: 'look' }, { uses: 'book' }, { kind: 'model', prompt: 'think' }, question];

function planSteps(luck: Random, name: string, done: readonly string[], { temper, once }: Goal): Json[] {
  const steps: { [field: string]: Json }[] = [];
  for (let count = luck.below(6); count > 0; count -= 1) {
    const before = [...steps.map((step) => step['id'] as string), ...done].filter(() => luck.happens(0.4));
    const kind = ['tool', 'tool', 'tool', 'model', 'person'][luck.below(5)] as string;
    const choice = ['look', 'book', once ? 'pay' : 'book', 'look', luck.happens(temper) ? 'forbidden' : 'book'][luck.below(5)] as string;
    const uses = luck.happens(temper / 4) ? 'nothing' : choice;
    const tool = {
      uses,
      ...(luck.happens(0.4) ? { retry: { attempts: 3, delayMs: luck.below(2) * 700 } } : {}),
      ...(luck.happens(0.4) ? { fallback: FALLBACKS[luck.below(FALLBACKS.length)] as Json } : {}),
    };
    steps.push({
      id: `${name}-s${steps.length}`,
      kind,
      dependsOn: before,
      with: { of: before.length === 0 ? 1 : `= steps.\`${before[0]}\`.n` },
      ...(kind === 'tool' ? tool : kind === 'model' ? { prompt: 'think', output: THOUGHT } : question),
      ...(luck.happens(0.15) ? { when: 'false' } : {}),
    });
  }
  return steps;
}

function doingOf(goal: Goal, call: ApprovedCall): Doing {
  const luck = luckOf(goal, 'does', call);
  if (luck.happens(goal.temper)) return luck.happens(0.7) ? 'fails' : 'refuses';
  if (luck.happens(goal.temper / 2)) return luck.happens(0.5) ? 'breaks' : 'breaks-after';
  return 'works';
}

/** A provider that is paid for what it says, if it says anything. */
function complete(goal: Goal, call: ApprovedCall): Json {
  const luck = luckOf(goal, 'answers', call);
  if (!luck.happens(goal.temper)) return think(goal, call);
  const retry = luck.happens(0.3) ? { retryAfterMs: 1500 } : {};
  throw new Failure({ code: 'model-unavailable', message: 'not now', retryable: luck.happens(0.7), ...retry });
}

/** What suits any step and any question of the planner's. */
const SUPPLIED = { n: 2, text: 'x', steps: [], claims: [], pass: true, reasons: [] };

/** People fill in forms, sometimes wrongly at first, sometimes say no, and sometimes nothing, so that the question expires. */
function peopleOf(goal: Goal, world: World) {
  return async (entry: Entry, edge: Edge): Promise<void> => {
    if (entry.seq === goal.cancelAfter) await edge.publish(0, RUN, cancelRequested(theRun, { who: 'ada', why: 'so' }));
    if (isInvalid(entry) || !/^(step|plan|undo)\.verdict\.held$/.test(entry.type)) return;
    const { at, address } = entry;
    const luck = luckOf(goal, 'person', entry);
    if (at.kind !== 'plan' && luck.happens(goal.temper)) return;
    const decision = luck.happens(goal.temper / 4) ? ('refuse' as const) : ('grant' as const);
    const form = at.kind === ASKED || at.id.includes('-escalation-') ? await settled(luck, at, edge, world) : { n: 3 };
    for (const filled of luck.happens(goal.temper) ? ['rubbish', form] : [form]) {
      const vote = { question: address, decision, who: 'eve', why: 'so', form: filled };
      await storeVote(edge, { shard: 0, run: RUN }, vote);
    }
  };
}

async function settled(luck: Random, at: Place, edge: Edge, world: World): Promise<Json> {
  const action = (['supply', 'retry', 'end'] as const)[luck.below(3)];
  const asked = (await edge.history(0, RUN)).find(at.kind === ASKED ? undoRequested : stepRequested, at)?.data.call.arguments as
    | Partial<Question>
    | undefined;
  return action === 'supply' && asked?.unknown !== true ? { action, result: SUPPLIED } : (escalated(action, asked ?? {}, world) ?? null);
}

function sceneOf(goal: Goal): Scene {
  const world = openWorld();
  const executor = definePerformer({
    name: 'tool-executor',
    kind: 'tool',
    perform: (call, { key, signal }) => world.act(call, key, doingOf(goal, call), signal),
  });
  const model = definePerformer({
    name: 'model-executor',
    kind: 'model',
    perform: async (call, { key, signal, used }) => {
      await world.act(call, key, 'works', signal);
      used({ model: call.uses, inputTokens: 1, outputTokens: 1, latencyMs: 1, finishReason: 'stop' });
      return complete(goal, call);
    },
  });
  const workflow = Workflow.parse({
    name: 'goal',
    steps: [],
    escalate: goal.escalate ? ['ada', 'operators'].map((to) => ({ to, withinMs: ANSWER_MS })) : [],
    answer: { value: null, schema: { type: 'object', required: ['text', 'claims'] }, assert: [] },
  });
  const wanted = { text: 'make it so', ...(goal.rubric ? { rubric: 'be kind' } : {}), ...(goal.review ? { review: true } : {}) };
  return {
    request: { requestedBy: 'ada', workflow, goal: wanted, input: {}, tools, models },
    judge,
    players: [{ service: executor }, { service: model }],
    onFact: peopleOf(goal, world),
    check: (played) => {
      world.check(played);
      check(goal, played);
    },
  };
}

function check({ temper, once, cancelAfter }: Goal, { history, entries, outcome }: Played): void {
  // Only who is asked and says nothing can hold it up for so long.
  const isUnanswered = entries.some((one) => !isInvalid(one) && one.type === 'step.ruling.expired');
  if (!isUnanswered) assert.notEqual(outcome?.type, 'run.outcome.exhausted', 'it stood still until its deadline');
  if (temper === 0 && !once && cancelAfter === null && !entries.some(isInvalid)) assert.equal(outcome?.type, 'run.outcome.completed');
  keptInPlans(history);
}

/** No plan goes around what may have taken effect. */
function keptInPlans(history: History): void {
  const lost = history.entries().filter((one) => one.at.kind === 'tool' && !isInvalid(one) && one.type === 'step.outcome.unknown');
  for (let n = 2; history.find(planProposed, planRevision(n)) !== undefined; n += 1) {
    const proposal = history.find(planProposed, planRevision(n)) as Event<{ plan: Workflow }>;
    const sinceSeq = history.entries().find(({ address }) => address === proposal.cause)?.seq ?? 0;
    for (const { at, seq } of lost)
      assert.ok(seq > sinceSeq || plannedAs(proposal.data.plan, at.id) !== undefined, `plan ${n} forgets ${at.id}`);
  }
}

const anyGoal: fc.Arbitrary<Goal> = fc.record({
  luck: fc.noShrink(fc.nat()),
  temper: fc.constantFrom(0, 0.05, 0.2, 0.5),
  once: fc.boolean(),
  rubric: fc.boolean(),
  review: fc.boolean(),
  escalate: fc.boolean(),
  cancelAfter: fc.oneof(fc.constant(null), fc.constant(null), fc.nat({ max: 100 })),
});

export const goals: Story<Goal> = { name: 'goals', faults: MALICE, data: anyGoal, scene: sceneOf };

/** With rubbish in their slots. */
export const spoiltGoals: Story<Goal> = { ...goals, name: 'spoilt-goals', faults: { ...TROUBLE, rubbish: 0.005 } };
