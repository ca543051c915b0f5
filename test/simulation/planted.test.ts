/** Bugs that are planted on purpose, each of a kind that somebody could write tomorrow: the simulator finds every one within 1,000 seeds. */
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { type History, isInvalid } from '@reel/bus/history.ts';
import type { Log } from '@reel/bus/log.ts';
import { type Answers, Failure, type Performer, type Service } from '@reel/bus/service.ts';
import { simulatedLog } from '@reel/bus/simulator/log.ts';
import { handle, type Player, type SimulationOptions } from '@reel/bus/simulator/simulator.ts';
import { theRun } from '@reel/contracts/address.ts';
import type { Event } from '@reel/contracts/envelope.ts';
import { isPlanning } from '@reel/contracts/workflow/reasoning.ts';
import { deadly } from '@reel/scripts/simulate/deadly.ts';
import { goals } from '@reel/scripts/simulate/goals.ts';
import type { Change } from '@reel/scripts/simulate/play.ts';
import { dataOf, failureOf } from '@reel/scripts/simulate/shrink.ts';
import type { Story } from '@reel/scripts/simulate/story.ts';
import { steady, workflows } from '@reel/scripts/simulate/workflows.ts';

type Handler = (event: Event, context: { history: History }) => Answers | Promise<Answers>;
type Wrap = (handler: Handler, type: string) => Handler;

/** One player more or less, or another in its place. */
const instead = (name: string, change: (player: Player) => Player | readonly Player[]): Change => ({
  players: (players) => players.flatMap((player) => (player.service.name === name ? change(player) : player)),
});

/** The same service, with something done to its handlers. */
const handling = (name: string, wrap: Wrap): Change => instead(name, (player) => ({ ...player, service: wrapped(player.service, wrap) }));

function wrapped(service: Player['service'], wrap: Wrap): Player['service'] {
  const { on } = service as Service<never>;
  const changed = Object.entries(on).map(([type, handler]) => [type, wrap(handler as unknown as Handler, type)]);
  return { ...service, on: Object.fromEntries(changed) } as Service<never>;
}

/** The same service, to which the run looks otherwise. */
const seeing = (name: string, look: (history: History) => History): Change =>
  handling(name, (handler) => (event, context) => handler(event, { ...context, history: look(context.history) }));

const withoutTurn = (history: History): History => ({
  ...history,
  occupant: (at, slot) => (at.kind === theRun.kind && slot === 'closing' ? undefined : history.occupant(at, slot)),
  find: (definition, at) => (definition.slot === 'closing' ? undefined : history.find(definition, at)),
});

/** The same bus, on which players see another log. */
const logging = (shape: 'service' | 'performer', change: (log: Log) => Log): Change => ({
  bus: () => ({
    handle: (player, working, ...delivery) =>
      handle(player, player.service.shape === shape ? { ...working, log: change(working.log) } : working, ...delivery),
  }),
});

/** The same performer, called otherwise. */
const performing = (change: (perform: Performer<object>['perform']) => Performer<object>['perform']): Change =>
  instead('tool-executor', (player) => {
    const { perform } = player.service as unknown as Performer<object>;
    return { ...player, service: { ...player.service, perform: change(perform) } as unknown as Performer<never> };
  });

const onTheBus = (bus: () => NonNullable<SimulationOptions['bus']>): Change => ({ bus });

/** A planner that remembers what it has heard itself, in the place of what is in the log. */
function forgetful(player: Player): Player {
  const heard = new Set<string>();
  const wrap: Wrap = (handler) => (event, context) => {
    heard.add(event.address);
    const { history } = context;
    const knows: History['find'] = (definition, at) => {
      const found = history.find(definition, at);
      return definition.type === 'step.check.accepted' && found !== undefined && !heard.has(found.address) ? undefined : found;
    };
    return handler(event, { ...context, history: { ...history, find: knows } });
  };
  return { ...player, service: wrapped(player.service, wrap) };
}

/** The same history, in which what was done last seems to have been done first. */
function backwards(history: History): History {
  const entries = [...history.entries()];
  const places = entries.flatMap((entry, index) => (!isInvalid(entry) && entry.type === 'step.outcome.succeeded' ? [index] : []));
  const turned = places.map((index) => entries[index]).toReversed();
  for (const [i, index] of places.entries()) entries[index] = turned[i] as (typeof entries)[number];
  return { ...history, entries: () => entries };
}

/** What nobody can tell of an undo seems to be a failure. */
const withoutDoubt = (history: History): History => ({
  ...history,
  entries: () =>
    history
      .entries()
      .map((entry) =>
        !isInvalid(entry) && /^undo\.outcome\.(unknown|timed-out)$/.test(entry.type)
          ? { ...entry, type: 'undo.outcome.failed', data: { problem: { code: 'no', message: 'so', retryable: false } } }
          : entry,
      ),
});

const withoutRemaining = (one: Answers[number]): Answers[number] =>
  'type' in one && one.type.startsWith('run.outcome.') && 'remaining' in (one.data as object)
    ? { ...one, data: { ...(one.data as object), remaining: [] } }
    : one;

/** A result is taken for good before it was checked. */
const unchecked = (history: History): History => ({
  ...history,
  find: (definition, at) =>
    history.find(definition, at) ??
    (definition.type === 'step.check.accepted' ? (history.occupant(at, 'outcome') as undefined) : undefined),
});

/** What a model left to be planned later is not looked at. */
const withoutMore = (history: History): History => ({
  ...history,
  find: (definition, at) => {
    const found = history.find(definition, at);
    if (found === undefined || definition.type !== 'step.outcome.succeeded' || !isPlanning(at)) return found;
    const { more: _, ...output } = ((found.data as { output?: object }).output ?? {}) as { more?: unknown };
    return { ...found, data: { ...(found.data as object), output } } as typeof found;
  },
});

const bugs: readonly [name: string, story: Story<never>, change: Change][] = [
  [
    'slots take a second answer',
    workflows,
    onTheBus(() => {
      const log = simulatedLog();
      const put: typeof log.put = (fact, timeMs) => {
        const stored = log.put(fact, timeMs);
        return stored === 'taken' ? (log.at(fact.id) as Event) : stored;
      };
      return { log: { ...log, put } };
    }),
  ],
  [
    'deliveries are acknowledged before anything is said',
    workflows,
    onTheBus(() => ({
      handle: async (...delivery) => {
        handle(...delivery).catch(() => {});
        return 'handled';
      },
    })),
  ],
  ['replicas keep what they have heard to themselves', steady, instead('planner', (player) => [forgetful(player), forgetful(player)])],
  ['a join does not wait for the check', workflows, seeing('planner', unchecked)],
  [
    'a join does not hear its last conjunct',
    steady,
    handling(
      'planner',
      (handler, type) => (event, context) => (type === 'step.check.accepted' && event.seq % 2 === 0 ? [] : handler(event, context)),
    ),
  ],
  ['an undo that was cut off is taken for one that failed, and nobody is asked', workflows, seeing('saga-tracker', withoutDoubt)],
  [
    'what nothing undoes is not told of',
    workflows,
    handling('saga-tracker', (handler) => async (event, context) => (await handler(event, context)).map(withoutRemaining)),
  ],
  ['the planner goes on after the turn', workflows, seeing('planner', withoutTurn)],
  ['what a model left to be planned later is forgotten', goals, seeing('planner', withoutMore)],
  ['policy approves after the turn', workflows, seeing('policy', withoutTurn)],
  [
    'the validator says nothing after the turn',
    workflows,
    handling(
      'validator',
      (handler) => (event, context) => (context.history.occupant(theRun, 'closing') === undefined ? handler(event, context) : []),
    ),
  ],
  ['what was done first is undone first', workflows, seeing('saga-tracker', backwards)],
  [
    'a timer is trusted to be set once',
    workflows,
    handling('saga-tracker', (handler, type) => async (event, context) => {
      if (type === 'timer.fired' && (event as unknown as { name: string }).name === 'sweep') return [];
      const said = await handler(event, context);
      return type === 'plan.verdict.approved' ? said : said.filter((one) => !('timer' in one));
    }),
  ],
  [
    'a performer acts before its start is stored',
    workflows,
    logging('performer', (log) => ({
      ...log,
      put: (fact) => {
        if (!fact.type.endsWith('.start.started')) return log.put(fact);
        log.put(fact).catch(() => {});
        return Promise.resolve({ seq: 0 });
      },
    })),
  ],
  [
    'a performer takes every start for its own',
    workflows,
    logging('performer', (log) => ({
      ...log,
      put: async (fact) => {
        const put = await log.put(fact);
        return put === 'taken' && fact.type.endsWith('.start.started') ? { seq: 0 } : put;
      },
      read: async (shard, run, atLeast) => {
        const { entries, ...rest } = await log.read(shard, run, atLeast);
        const seen = entries.filter(({ at }) => at.slot !== 'start');
        return { ...rest, entries: seen, byAddress: new Map(seen.map((entry) => [entry.address, entry])) };
      },
    })),
  ],
  [
    'the key of an effect has the attempt in it',
    workflows,
    performing((perform) => (call, context) => perform(call, { ...context, key: `${context.key}-${call.at.n}` })),
  ],
  [
    'a line that went dead is taken for a failure',
    workflows,
    performing((perform) => async (call, context) => {
      try {
        return await perform(call, context);
      } catch (error) {
        throw error instanceof Failure ? error : new Failure({ code: 'dead', message: 'the line went dead', retryable: true });
      }
    }),
  ],
  [
    'what ends a process is delivered to it for ever',
    deadly,
    onTheBus(() => ({ handle: (player, working, address, seq) => handle(player, working, address, seq, 1) })),
  ],
] as readonly unknown[] as never;

const SEEDS = 1000;

describe(`within ${SEEDS} seeds it is found when`, () => {
  for (const [name, story, change] of bugs) {
    it(name, async (t) => {
      for (let seed = 1; seed <= SEEDS; seed += 1) {
        const failure = await failureOf(story, dataOf(story, seed), seed, undefined, change);
        if (failure === undefined) continue;
        t.diagnostic(`seed ${seed}: ${failure.message.split('\n')[0]}`);
        return;
      }
      assert.fail('it was not found');
    });
  }
});
