/** Goals on the simulated bus, with models, tools and people at their worst: every run ends in a named state, and nothing is paid or done twice. */
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { digestOf } from '@reel/bus/digest.ts';
import { isVoid } from '@reel/bus/history.ts';
import { findings } from '@reel/bus/protocol.ts';
import { random } from '@reel/bus/random.ts';
import { type ApprovedCall, definePerformer, Failure } from '@reel/bus/service.ts';
import { CALM, type Faults, MALICE, type Player, type Simulation, simulate } from '@reel/bus/simulator.ts';
import { theRun } from '@reel/contracts/address.ts';
import type { Json } from '@reel/contracts/envelope.ts';
import { runRequested } from '@reel/contracts/run.ts';
import type { Effect, ToolDefinition } from '@reel/contracts/tool.ts';
import { voteCast } from '@reel/contracts/vote.ts';
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
function think(seed: number, call: ApprovedCall, temper: number): Json {
  const args = call.arguments;
  const luck = chanceOf(seed, 'think', call.at);
  if (luck.happens(temper)) return { nonsense: true };
  switch (args['task']) {
    case 'plan':
    case 'repair':
    case 'revise':
      return { steps: planSteps(luck, call.at.id, Object.keys((args['done'] ?? {}) as object), temper) };
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

function planSteps(luck: ReturnType<typeof random>, name: string, done: readonly string[], temper: number): Json[] {
  const count = luck.below(6);
  const steps: { [field: string]: Json }[] = [];
  for (let i = 0; i < count; i += 1) {
    const id = `${name}-s${i}`;
    const before = [...steps.map((step) => step['id'] as string), ...done].filter(() => luck.happens(0.4));
    const kind = ['tool', 'tool', 'tool', 'model', 'person'][luck.below(5)] as string;
    const uses = luck.happens(temper / 4)
      ? 'nothing'
      : (['look', 'book', temper === 0 ? 'book' : 'pay', 'look', luck.happens(temper) ? 'forbidden' : 'book'][luck.below(5)] as string);
    const common = { id, kind, dependsOn: before, with: { of: before.length === 0 ? 1 : `= steps.\`${before[0]}\`.n` } };
    const own =
      kind === 'tool'
        ? {
            uses,
            ...(luck.happens(0.4) ? { retry: { attempts: 3, delayMs: luck.below(2) * 700 } } : {}),
            ...(luck.happens(0.3) ? { fallback: { uses: 'look' } } : {}),
          }
        : kind === 'model'
          ? { prompt: 'think' }
          : { uses: 'eve', prompt: 'which?', form: { type: 'object' }, timeoutMs: 60_000 };
    steps.push({ ...common, ...own, ...(luck.happens(0.15) ? { when: 'false' } : {}) });
  }
  return steps;
}

type World = { effects: Map<string, number>; paid: Map<string, number> };

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

/** One goal under a seed. `temper`: how often whoever acts goes wrong. */
async function pursue(seed: number, faults: Faults, temper: number): Promise<{ simulation: Simulation; world: World }> {
  const world: World = { effects: new Map(), paid: new Map() };
  const executor = definePerformer({
    name: 'tool-executor',
    kind: 'tool',
    perform: async (call, { key }) => {
      troubled(seed, call, temper);
      const effect = tools[call.uses]?.effect;
      if (effect === 'once') count(world.effects, `${key}.${call.at.n}`);
      else if (effect === 'idempotent') world.effects.set(key, 1);
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
      return think(seed, call, temper);
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
  ] as unknown as Player[];
  let votes = 0;
  const simulation = simulate({
    players,
    seed,
    faults,
    onFact: async (entry, door) => {
      if (isVoid(entry) || entry.type !== 'step.verdict.held') return;
      const luck = chanceOf(seed, 'person', entry.address);
      // Nobody answers now and then, and the question expires.
      if (luck.happens(temper)) return;
      const asked = entry.at.id.includes('-escalation-');
      const form = asked
        ? ([
            { action: 'supply', result: { n: 2, text: 'x', steps: [], claims: [], pass: true, reasons: [] } },
            { action: 'retry' },
            { action: 'end' },
          ][luck.below(3)] as Json)
        : { n: 3 };
      const vote = { question: entry.address, decision: 'grant' as const, who: 'eve', why: 'so', form };
      await door.say(0, entry.at.run, voteCast({ kind: 'vote', id: 'eve', n: ++votes }, vote), { cause: entry.address });
    },
  });
  const level = (to: string): { to: string; withinMs: number } => ({ to, withinMs: 60_000 });
  const luck = chanceOf(seed, 'goal');
  const schema = { type: 'object', required: ['text', 'claims'] };
  const workflow = Workflow.parse({
    name: 'goal',
    steps: [],
    escalate: luck.happens(0.5) ? [level('ada'), level('operators')] : [],
    answer: { value: null, schema, assert: [] },
  });
  const goal = { text: 'make it so', ...(luck.happens(0.5) ? { rubric: 'be kind' } : {}) };
  const deadlineMs = simulation.now() + 3_600_000;
  await simulation.door.say(0, 'R', runRequested(theRun, { requestedBy: 'ada', workflow, goal, input: {}, tools, models, deadlineMs }));
  await simulation.run();
  return { simulation, world };
}

function check(seed: number, { simulation, world }: Awaited<ReturnType<typeof pursue>>): string {
  const history = simulation.history('R');
  const story = (): string => `seed ${seed}:\n${simulation.trace.join('\n')}`;
  const outcome = history.occupant(theRun, 'outcome');
  assert.ok(outcome !== undefined && !isVoid(outcome), `no outcome. ${story()}`);
  assert.deepEqual(findings(history.entries()), [], story());
  for (const [key, times] of [...world.effects, ...world.paid]) assert.equal(times, 1, `${key} ${times} times. ${story()}`);
  const fault = history.entries().find((entry) => isVoid(entry) || entry.type === 'fault.fault.raised');
  assert.equal(fault, undefined, `${JSON.stringify(fault)} ${story()}`);
  return outcome.type;
}

const SEEDS = Number(process.env['REEL_SEEDS'] ?? 200);

describe(`goals, over ${SEEDS} seeds of a malicious bus`, () => {
  it('end in a named state whatever models, tools and people do', async () => {
    const ends = new Map<string, number>();
    for (let seed = 1; seed <= SEEDS; seed += 1) {
      const temper = [0, 0.05, 0.2, 0.5][seed % 4] as number;
      count(ends, check(seed, await pursue(seed, MALICE, temper)));
    }
    assert.ok((ends.get('run.outcome.completed') ?? 0) > SEEDS / 4, JSON.stringify([...ends]));
    assert.ok((ends.get('run.outcome.failed') ?? 0) > 0, JSON.stringify([...ends]));
  });
  it('are reached on every bus when nobody goes wrong', async () => {
    for (let seed = 1; seed <= SEEDS / 4; seed += 1) {
      for (const faults of [CALM, MALICE])
        assert.equal(check(seed, await pursue(seed, faults, 0)), 'run.outcome.completed', `seed ${seed}`);
    }
  });
});
