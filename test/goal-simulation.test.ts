/** Goals on the simulated bus, with models, tools and people at their worst: every run ends in a named state, and nothing is paid or done twice. */
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { digestOf } from '@reel/bus/digest.ts';
import type { Door } from '@reel/bus/door.ts';
import { type History, isVoid } from '@reel/bus/history.ts';
import { findings } from '@reel/bus/protocol.ts';
import { random } from '@reel/bus/random.ts';
import { type ApprovedCall, definePerformer, Failure } from '@reel/bus/service.ts';
import { CALM, type Faults, MALICE, type Player, simulate } from '@reel/bus/simulator.ts';
import { type Place, planRevision, theRun } from '@reel/contracts/address.ts';
import type { Event, Json } from '@reel/contracts/envelope.ts';
import { planProposed } from '@reel/contracts/plan.ts';
import { cancelRequested, runRequested } from '@reel/contracts/run.ts';
import { stepRequested } from '@reel/contracts/step.ts';
import type { Effect, ToolDefinition } from '@reel/contracts/tool.ts';
import { voteCast } from '@reel/contracts/vote.ts';
import { plannedAs } from '@reel/contracts/workflow/attempt.ts';
import { Workflow } from '@reel/contracts/workflow/format.ts';
import desk from '@reel/desk/desk.ts';
import planner from '@reel/planner/planner.ts';
import { judgeBy } from '@reel/policy/cedar.ts';
import policy from '@reel/policy/policy.ts';
import saga from '@reel/saga-tracker/saga-tracker.ts';
import validator from '@reel/validator/validator.ts';

const policies = `
@id("all") permit (principal, action, resource);
@id("no") @reason("it is forbidden") forbid (principal, action == Action::"step", resource == Tool::"forbidden");`;
const judge = judgeBy([{ path: 'all.cedar', name: 'all.cedar', text: policies }]);

const tool = (name: string, effect: Effect, undone?: string): ToolDefinition => {
  const known = {
    name,
    description: '',
    server: 'world',
    input: { type: 'object' },
    effect,
    timeoutMs: 10_000,
    concurrency: 16,
    ...(undone === undefined ? {} : { compensation: { uses: undone, with: { of: '= result.key' } } }),
  };
  return { ...known, digest: digestOf(known) };
};
const tools = Object.fromEntries(
  [
    tool('look', 'read-only'),
    tool('book', 'idempotent', 'cancel'),
    tool('pay', 'once', 'repay'),
    tool('cancel', 'idempotent'),
    tool('repay', 'idempotent'),
    tool('forbidden', 'read-only'),
  ].map((one) => [one.name, one]),
);
const models = ['a', 'b'].map((name) => ({ name, capabilities: ['plan', 'answer', 'judge'], price: 'low' as const }));

/** The same chance for the same thing, however often and in whatever order it comes up. */
const chanceOf = (seed: number, ...about: unknown[]): ReturnType<typeof random> =>
  random(Number.parseInt(digestOf([seed, about]).slice(-8), 16));

/** What a model says to the planner's questions: mostly sensible, sometimes not. */
function think(seed: number, call: ApprovedCall, temper: number, once: boolean): Json {
  const args = call.arguments;
  const luck = chanceOf(seed, 'think', call.at);
  if (luck.happens(temper)) return { nonsense: true };
  switch (args['task']) {
    case 'plan':
    case 'repair':
    case 'revise':
      return { steps: planSteps(luck, call.at.id, Object.keys((args['done'] ?? {}) as object), temper, once) };
    case 'answer': {
      const steps = Object.keys(args['results'] as object);
      const wrong = args['reasons'] === undefined && luck.happens(temper * 2);
      return {
        text: 'here you are',
        claims: wrong ? [{ claim: 'x', step: 'nowhere' }] : steps.slice(0, 1).map((step) => ({ claim: 'x', step })),
      };
    }
    case 'judge':
      return { pass: !luck.happens(temper), reasons: ['so'] };
    default:
      return { text: 'thought' };
  }
}

const FALLBACKS: readonly Json[] = [
  { uses: 'look' },
  { uses: 'book' },
  { kind: 'model', prompt: 'think' },
  { kind: 'person', uses: 'eve', prompt: 'which?', form: { type: 'object' }, timeoutMs: 60_000 },
];

function planSteps(luck: ReturnType<typeof random>, name: string, done: readonly string[], temper: number, once: boolean): Json[] {
  const count = luck.below(6);
  const steps: { [field: string]: Json }[] = [];
  for (let i = 0; i < count; i += 1) {
    const id = `${name}-s${i}`;
    const before = [...steps.map((step) => step['id'] as string), ...done].filter(() => luck.happens(0.4));
    const kind = ['tool', 'tool', 'tool', 'model', 'person'][luck.below(5)] as string;
    const uses = luck.happens(temper / 4)
      ? 'nothing'
      : (['look', 'book', once ? 'pay' : 'book', 'look', luck.happens(temper) ? 'forbidden' : 'book'][luck.below(5)] as string);
    const common = { id, kind, dependsOn: before, with: { of: before.length === 0 ? 1 : `= steps.\`${before[0]}\`.n` } };
    const own =
      kind === 'tool'
        ? {
            uses,
            ...(luck.happens(0.4) ? { retry: { attempts: 3, delayMs: luck.below(2) * 700 } } : {}),
            ...(luck.happens(0.4) ? { fallback: FALLBACKS[luck.below(FALLBACKS.length)] as Json } : {}),
          }
        : kind === 'model'
          ? { prompt: 'think' }
          : { uses: 'eve', prompt: 'which?', form: { type: 'object' }, timeoutMs: 60_000 };
    steps.push({ ...common, ...own, ...(luck.happens(0.15) ? { when: 'false' } : {}) });
  }
  return steps;
}

/** What is in the world, by the key of each effect; what was taken out of it again; what was paid for. */
type World = { effects: Map<string, number>; undone: Set<string>; paid: Map<string, number> };

/** Attempts at an idempotent call have one effect between them. */
const effectOf = ({ kind, id, n }: Place, effect: Effect | undefined): string => `${kind}.${id}${effect === 'once' ? `.${n}` : ''}`;

const count = (map: Map<string, number>, key: string): void => void map.set(key, (map.get(key) ?? 0) + 1);

function troubled(seed: number, call: ApprovedCall, temper: number): void {
  const luck = chanceOf(seed, 'trouble', call.at);
  if (!luck.happens(temper)) return;
  throw new Failure({
    code: 'model-unavailable',
    message: 'not now',
    retryable: luck.happens(0.7),
    ...(luck.happens(0.3) ? { retryAfterMs: 1500 } : {}),
  });
}

/** `temper`: how often whoever acts goes wrong. `once`: whether plans use what cannot be repeated. `hostile`: cancels, and rubbish in slots. */
type Circumstances = { readonly faults: Faults; readonly temper: number; readonly once: boolean; readonly hostile: boolean };

function actors(seed: number, { temper, once }: Circumstances): { world: World; players: Player[] } {
  const world: World = { effects: new Map(), undone: new Set(), paid: new Map() };
  const executor = definePerformer({
    name: 'tool-executor',
    kind: 'tool',
    perform: async (call) => {
      troubled(seed, call, temper);
      const luck = chanceOf(seed, 'doubt', call.at);
      const isLost = luck.happens(temper / 2);
      // Nobody can tell what became of it, whoever asks here included.
      if (isLost && luck.happens(0.5)) throw new Error('the line went dead');
      const key = effectOf(call.at, call.effect);
      if (call.uses === 'cancel' || call.uses === 'repay') world.undone.add(call.arguments['of'] as string);
      else if (call.effect === 'once') count(world.effects, key);
      else if (call.effect === 'idempotent') world.effects.set(key, 1);
      if (isLost) throw new Error('the line went dead');
      return { n: 1, key };
    },
  });
  const model = definePerformer({
    name: 'model-executor',
    kind: 'model',
    perform: async (call, { used }) => {
      count(world.paid, `${call.run}.${call.at.id}.${call.at.n}`);
      used({ model: call.uses, inputTokens: 1, outputTokens: 1, latencyMs: 1, finishReason: 'stop' });
      troubled(seed, call, temper);
      return think(seed, call, temper, once);
    },
  });
  const players = [
    { service: planner },
    { service: policy, deps: { judge } },
    { service: validator },
    { service: saga },
    { service: desk },
    { service: executor },
    { service: model },
  ];
  return { world, players: players as unknown as Player[] };
}

const ESCALATED: readonly Json[] = [
  { action: 'supply', result: { n: 2, text: 'x', steps: [], claims: [], pass: true, reasons: [] } },
  { action: 'retry' },
  { action: 'end' },
];

/** People: they fill in forms, sometimes wrongly at first, sometimes say no, and sometimes nothing, so that the question expires. */
function people(seed: number, temper: number): (entry: Event, door: Door) => Promise<void> {
  let votes = 0;
  return async ({ type, at, address }, door) => {
    if (!/^(step|plan)\.verdict\.held$/.test(type)) return;
    const luck = chanceOf(seed, 'person', address);
    if (at.kind !== 'plan' && luck.happens(temper)) return;
    const decision = luck.happens(temper / 4) ? ('refuse' as const) : ('grant' as const);
    const form = at.id.includes('-escalation-') ? (ESCALATED[luck.below(3)] as Json) : { n: 3 };
    for (const filled of luck.happens(temper) ? ['rubbish', form] : [form]) {
      const vote = { question: address, decision, who: 'eve', why: 'so', form: filled };
      await door.say(0, at.run, voteCast({ kind: 'vote', id: 'eve', n: ++votes }, vote), { cause: address });
    }
  };
}

/** The slot that somebody will want to write into next, where this is what was said last. */
const NEXT: { readonly [slot: string]: string } = {
  request: 'verdict',
  verdict: 'outcome',
  outcome: 'check',
  proposal: 'verdict',
  retry: 'wake',
};

/** One goal under a seed. */
async function pursue(seed: number, circumstances: Circumstances) {
  const { faults, temper, hostile } = circumstances;
  const { world, players } = actors(seed, circumstances);
  const luck = chanceOf(seed, 'goal');
  const vote = people(seed, temper);
  const cancelSeq = hostile && luck.happens(0.5) ? 1 + luck.below(100) : 0;
  const rubbishSeq = hostile && cancelSeq === 0 ? 1 + luck.below(100) : 0;
  const simulation = simulate({
    players,
    seed,
    faults,
    onFact: async (entry, door) => {
      const { kind, id, n, slot } = entry.at;
      if (entry.seq === cancelSeq) await door.say(0, 'R', cancelRequested(theRun, { who: 'ada', why: 'so' }), {});
      const next = NEXT[slot];
      if (entry.seq >= rubbishSeq && rubbishSeq > 0 && next !== undefined && entry.seq < rubbishSeq + 5 && kind !== 'run') {
        simulation.scribble(`reel.0.R.${kind}.${id}.${n}.${next}`, 'rubbish');
      }
      if (!isVoid(entry)) await vote(entry, door);
    },
  });
  const level = (to: string): { to: string; withinMs: number } => ({ to, withinMs: 60_000 });
  const schema = { type: 'object', required: ['text', 'claims'] };
  const workflow = Workflow.parse({
    name: 'goal',
    steps: [],
    escalate: luck.happens(0.5) ? [level('ada'), level('operators')] : [],
    answer: { value: null, schema, assert: [] },
  });
  const goal = { text: 'make it so', ...(luck.happens(0.5) ? { rubric: 'be kind' } : {}), ...(luck.happens(0.3) ? { review: true } : {}) };
  const deadlineMs = simulation.now() + 3_600_000;
  await simulation.door.say(0, 'R', runRequested(theRun, { requestedBy: 'ada', workflow, goal, input: {}, tools, models, deadlineMs }));
  await simulation.run();
  return { simulation, world, isSpoilt: rubbishSeq > 0 };
}

function check(seed: number, { simulation, world, isSpoilt }: Awaited<ReturnType<typeof pursue>>): string {
  const history = simulation.history('R');
  const entries = history.entries();
  const story = (): string => `seed ${seed}:\n${simulation.trace.join('\n')}`;
  const outcome = history.occupant(theRun, 'outcome');
  assert.ok(outcome !== undefined && !isVoid(outcome), `no outcome. ${story()}`);
  assert.notEqual(outcome.type, 'run.outcome.exhausted', `it stood still until its deadline. ${story()}`);
  if (!isSpoilt) {
    assert.deepEqual(findings(entries), [], story());
    const fault = entries.find((entry) => isVoid(entry) || entry.type === 'fault.fault.raised');
    assert.equal(fault, undefined, `${JSON.stringify(fault)} ${story()}`);
  }
  for (const [key, times] of [...world.effects, ...world.paid]) assert.equal(times, 1, `${key} ${times} times. ${story()}`);
  accounted(history, world, outcome, story);
  keptInPlans(history, story);
  return outcome.type;
}

/** What the run says of its effects is what is in the world. */
function accounted(history: History, world: World, outcome: Event, story: () => string): void {
  const keyOf = (at: Place): string => effectOf(at, history.find(stepRequested, at)?.data.call.effect);
  const keysOf = (type: string): string[] => history.entries().flatMap((one) => (!isVoid(one) && one.type === type ? [keyOf(one.at)] : []));
  const { undone = [], stranded = [] } = outcome.data as { undone?: Place[]; stranded?: Place[] };
  for (const at of undone) assert.ok(world.undone.has(keyOf(at)), `${keyOf(at)} is not undone. ${story()}`);
  const told = new Set([...stranded.map(keyOf), ...keysOf('step.residue.left')]);
  const meant = new Set(keysOf('step.check.accepted'));
  const isCompleted = outcome.type === 'run.outcome.completed';
  if (isCompleted) assert.equal(world.undone.size, 0, `a completed run undid something. ${story()}`);
  for (const key of world.effects.keys()) {
    if (told.has(key)) continue;
    assert.ok(
      isCompleted ? meant.has(key) : world.undone.has(key),
      `${key} is in the world, and ${outcome.type} does not tell of it. ${story()}`,
    );
  }
}

/** No plan goes around what may have taken effect. */
function keptInPlans(history: History, story: () => string): void {
  const lost = history.entries().filter(({ at, ...one }) => at.kind === 'tool' && 'type' in one && one.type === 'step.outcome.unknown');
  for (let n = 2; history.find(planProposed, planRevision(n)) !== undefined; n += 1) {
    const proposal = history.find(planProposed, planRevision(n)) as Event<{ plan: Workflow }>;
    const sinceSeq = history.entries().find(({ address }) => address === proposal.cause)?.seq ?? 0;
    for (const { at, seq } of lost)
      assert.ok(seq > sinceSeq || plannedAs(proposal.data.plan, at.id) !== undefined, `plan ${n} forgets ${at.id}. ${story()}`);
  }
}

const SEEDS = Number(process.env['REEL_SEEDS'] ?? 200);

describe(`goals, over ${SEEDS} seeds of a malicious bus`, () => {
  it('end in a named state whatever models, tools and people do', async () => {
    const ends = new Map<string, number>();
    for (let seed = 1; seed <= SEEDS; seed += 1) {
      const temper = [0, 0.05, 0.2, 0.5][seed % 4] as number;
      count(ends, check(seed, await pursue(seed, { faults: MALICE, temper, once: true, hostile: false })));
    }
    assert.ok((ends.get('run.outcome.completed') ?? 0) > SEEDS / 4, JSON.stringify([...ends]));
    assert.ok((ends.get('run.outcome.failed') ?? 0) > 0, JSON.stringify([...ends]));
  });
  it('end so too when they are cancelled at any moment, and when rubbish stands in their slots', async () => {
    const ends = new Map<string, number>();
    for (let seed = 1; seed <= SEEDS; seed += 1) {
      const temper = [0, 0.05, 0.2][seed % 3] as number;
      count(ends, check(seed, await pursue(seed, { faults: MALICE, temper, once: true, hostile: true })));
    }
    assert.ok((ends.get('run.outcome.cancelled') ?? 0) > 0, JSON.stringify([...ends]));
  });
  it('are reached on every bus when nobody goes wrong', async () => {
    for (let seed = 1; seed <= SEEDS / 4; seed += 1) {
      for (const faults of [CALM, MALICE])
        assert.equal(
          check(seed, await pursue(seed, { faults, temper: 0, once: faults === CALM, hostile: false })),
          'run.outcome.completed',
          `seed ${seed}`,
        );
    }
  });
});
