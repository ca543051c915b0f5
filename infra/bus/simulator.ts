/**
 * The choreography under a malicious bus, again and again the same for the same seed. Services run by the code that JetStream runs them
 * by; every time they touch the log, one of all that wait is let go on, by lot. Deliveries come in any order, twice, and to two replicas at
 * once; services crash between any two touches and before they acknowledge; what is stored may be reported as failed; reads may be behind.
 */
import type { ModelDefinition } from '@reel/contracts/model.ts';
import type { ToolDefinition } from '@reel/contracts/tool.ts';
import { componentOf } from './alive.ts';
import type { Door } from './door.ts';
import { type Entry, type History, historyOf } from './history.ts';
import { type Log, LogUnavailable } from './log.ts';
import { perform } from './perform.ts';
import { type Random, random } from './random.ts';
import { react, reactToRing, type Verdict } from './react.ts';
import { type Role, roleOf } from './role.ts';
import type { Logger, Performer, Ring, Service } from './service.ts';
import { simulatedDoor } from './simulated-door.ts';
import { behind, type SimulatedLog, simulatedLog } from './simulated-log.ts';

/** Probabilities: of each delivery or each touch of the log. */
export type Faults = {
  /** A delivery comes again, at once (to another replica) or much later. */
  readonly duplicate: number;
  /** A service dies before or after it touches the log; the delivery comes again. */
  readonly crash: number;
  /** A fact is stored or not, and the writer is told that nobody can say. */
  readonly ambiguous: number;
  /** A read is behind, though never behind the fact that was delivered. */
  readonly stale: number;
};

export const MALICE: Faults = { duplicate: 0.1, crash: 0.02, ambiguous: 0.02, stale: 0.3 };
export const CALM: Faults = { duplicate: 0, crash: 0, ambiguous: 0, stale: 0 };

/** Bugs to plant, in order to see that they are found. */
export type Planted = { readonly writeTwice?: boolean; readonly acknowledgeFirst?: boolean };

export type Player = { readonly service: Service<never> | Performer<never>; readonly deps?: object };

export type SimulationOptions = {
  readonly players: readonly Player[];
  readonly seed: number;
  readonly faults?: Faults;
  readonly planted?: Planted;
  /** What is on offer, throughout. */
  readonly tools?: readonly ToolDefinition[];
  readonly models?: readonly ModelDefinition[];
  /** Hears every fact as it is stored; may speak through the door, as a person would. */
  readonly onFact?: (entry: Entry, door: Door) => void | Promise<void>;
};

export type Simulation = {
  readonly door: Door;
  readonly entries: readonly Entry[];
  /** Lets everything happen that can, until nothing is left to happen. @throws when it does not come to rest. */
  run(): Promise<void>;
  /** Stores any text in a slot, as a broken or hostile writer would. */
  scribble(address: string, text: string): void;
  history(run: string): History;
  now(): number;
  /** What happened, as lines, newest last: to be shown for a seed that failed. */
  readonly trace: readonly string[];
};

type Task = { readonly name: string; dead: boolean; readonly stopping: AbortController };
type Parked = { readonly task: Task; readonly go: () => void };
type Due = { readonly atMs: number; readonly go: () => void; readonly order: number };
type Delivery = { readonly player: number; readonly address: string; readonly seq: number; readonly count: number };

const START_MS = Date.UTC(2026, 0, 1);
const ACK_WAIT_MS = 2000;
const SWEEP_MS = 30_000;
/** A run that never ends would be swept for ever. */
const SWEEPS = 3000;
const STEPS = 200_000;
const SILENT: Logger = { debug: () => {}, info: () => {}, warn: () => {}, error: () => {} };

export function simulate(options: SimulationOptions): Simulation {
  const { players, seed, faults = MALICE, planted = {}, onFact } = options;
  const chance: Random = random(seed);
  const log: SimulatedLog = simulatedLog(!planted.writeTwice);
  const roles = players.map(({ service }) => roleOf(service as never));
  const parked: Parked[] = [];
  const deliveries: Delivery[] = [];
  const alarms = new Map<string, { shard: number; run: string; name: string; atMs: number }>();
  const trace: string[] = [];
  let due: Due[] = [];
  let nowMs = START_MS;
  let order = 0;
  let sweeps = 0;
  let nextSweepMs = START_MS + SWEEP_MS;

  const later = (ms: number, go: () => void): Due => {
    const one = { atMs: nowMs + Math.max(ms, 0), go, order: order++ };
    due.push(one);
    return one;
  };

  /** Everything that was stored is delivered to whoever hears its slot. */
  function stored(entry: Entry): void {
    trace.push(`${entry.seq} ${entry.address} ${'type' in entry ? `${entry.type} by ${entry.source}` : 'void'}`);
    for (const [player, role] of roles.entries()) {
      if (hears(role, entry)) deliveries.push({ player, address: entry.address, seq: entry.seq, count: 1 });
    }
    if (onFact !== undefined) void onFact(entry, door);
  }

  /** The log as one task sees it: at every touch it waits for its turn, and may die. */
  function portFor(task: Task): Log {
    const touch = (): Promise<void> =>
      new Promise((resolve) => {
        if (task.dead) return;
        parked.push({ task, go: resolve });
      });
    const mayDie = (): Promise<void> => {
      if (!chance.happens(faults.crash)) return Promise.resolve();
      task.dead = true;
      trace.push(`  ${task.name} dies`);
      return new Promise(() => {});
    };
    return {
      put: async (fact) => {
        await touch();
        await mayDie();
        const unsure = chance.happens(faults.ambiguous);
        if (unsure && chance.happens(0.5)) throw new LogUnavailable('not stored, and nobody can tell');
        const put = log.put(fact, nowMs);
        if (put !== 'taken') stored(put);
        await mayDie();
        if (unsure) throw new LogUnavailable('stored, and nobody can tell');
        return put === 'taken' ? put : { seq: put.seq };
      },
      occupant: async (address) => {
        await touch();
        return log.at(address);
      },
      read: async (_shard, run, atLeast = 0) => {
        await touch();
        const whole = log.run(run);
        const newest = whole.entries.at(-1)?.seq ?? 0;
        if (newest <= atLeast || !chance.happens(faults.stale)) return whole;
        return behind(whole, atLeast + chance.below(newest - atLeast + 1));
      },
      setAlarm: async (shard, run, name, atMs) => {
        await touch();
        alarms.set(`${run}.${name}`, { shard, run, name, atMs });
      },
      now: () => nowMs,
      pause: (ms, signal) =>
        new Promise((resolve) => {
          if (task.dead) return;
          if (signal?.aborted) return resolve();
          const one = later(ms, () => (task.dead ? undefined : resolve()));
          signal?.addEventListener('abort', () => {
            due = due.filter((other) => other !== one);
            resolve();
          });
        }),
    };
  }

  function handle(player: Player, task: Task, { address, seq, count }: Delivery): Promise<Verdict> {
    const { service, deps = {} } = player;
    if (service.shape === 'service') return react(service, deps, portFor(task), address, seq, count);
    return perform(service, deps, portFor(task), address, seq, {
      beat: () => {},
      stopping: task.stopping.signal,
      show: () => {},
      log: SILENT,
    });
  }

  /** Works on one delivery; whatever happens, it comes again until it has been handled. */
  function deliver(delivery: Delivery): void {
    const player = players[delivery.player] as Player;
    const task: Task = { name: player.service.name, dead: false, stopping: new AbortController() };
    const again = (ms: number): Due => later(ms, () => deliveries.push({ ...delivery, count: delivery.count + 1 }));
    if (chance.happens(faults.duplicate)) later(chance.happens(0.5) ? 0 : chance.below(100_000), () => deliveries.push(delivery));
    // Nothing but an acknowledgement takes a delivery away: it is due again when that does not come.
    const unacknowledged = planted.acknowledgeFirst ? undefined : later(ACK_WAIT_MS, () => redeliver());
    const redeliver = (): void => {
      if (task.dead) deliveries.push({ ...delivery, count: delivery.count + 1 });
    };
    handle(player, task, delivery).then(
      (verdict) => {
        if (unacknowledged !== undefined) due = due.filter((one) => one !== unacknowledged);
        if (verdict === 'handled' && chance.happens(faults.crash)) again(ACK_WAIT_MS);
        else if (verdict !== 'handled' && !planted.acknowledgeFirst) again(verdict.againInMs);
      },
      (error: Error) => {
        if (!(error instanceof LogUnavailable)) throw error;
        if (unacknowledged !== undefined) due = due.filter((one) => one !== unacknowledged);
        if (!planted.acknowledgeFirst) again(250);
      },
    );
  }

  function ring(ringing: Ring, tries = 0): void {
    for (const { service, deps = {} } of players) {
      if (service.shape !== 'service' || !('clock.rang' in service.on)) continue;
      const task: Task = { name: `${service.name} (${ringing.name})`, dead: false, stopping: new AbortController() };
      const again = (): void => {
        if (tries < 50) later(ACK_WAIT_MS, () => ring({ ...ringing, time: nowMs }, tries + 1));
      };
      const guard = later(ACK_WAIT_MS, () => (task.dead ? again() : undefined));
      const off = (): void => {
        due = due.filter((one) => one !== guard);
      };
      reactToRing(service, deps, portFor(task), ringing).then(off, (error: Error) => {
        off();
        if (!(error instanceof LogUnavailable)) throw error;
        again();
      });
    }
  }

  /** The next thing that time brings: a pause that ends, a delivery that comes again, an alarm. @returns false when there is nothing. */
  function advance(): boolean {
    const [name, alarm] = [...alarms].reduce<[string, { atMs: number } | undefined]>(
      (least, [key, one]) => (least[1] === undefined || one.atMs < least[1].atMs ? [key, one] : least),
      ['', undefined],
    );
    const next = due.reduce<Due | undefined>(
      (least, one) => (least === undefined || one.atMs < least.atMs || (one.atMs === least.atMs && one.order < least.order) ? one : least),
      undefined,
    );
    // Alarms can be set too late by whoever looked at an old log: the sweep is what finds that out.
    if (nextSweepMs < Math.min(next?.atMs ?? Number.POSITIVE_INFINITY, alarm?.atMs ?? Number.POSITIVE_INFINITY) && sweep()) return true;
    if (next !== undefined && (alarm === undefined || next.atMs <= alarm.atMs)) {
      due = due.filter((one) => one !== next);
      nowMs = Math.max(nowMs, next.atMs);
      next.go();
      return true;
    }
    if (alarm !== undefined) {
      const { shard, run, name: what, atMs } = alarms.get(name) as { shard: number; run: string; name: string; atMs: number };
      alarms.delete(name);
      // A clock rings at whole seconds, and a little late.
      nowMs = Math.max(nowMs, atMs + chance.below(1500));
      ring({ name: what, shard, run, time: nowMs });
      if (chance.happens(faults.duplicate)) ring({ name: what, shard, run, time: nowMs });
      return true;
    }
    return false;
  }

  function sweep(): boolean {
    const open = new Set(log.entries.filter(({ at }) => at.kind === 'run' && at.slot === 'request').map(({ at }) => at.run));
    for (const { at } of log.entries) if (at.kind === 'run' && at.slot === 'outcome') open.delete(at.run);
    if (open.size === 0 || sweeps > SWEEPS) return false;
    sweeps += 1;
    nowMs = Math.max(nowMs, nextSweepMs);
    nextSweepMs = nowMs + SWEEP_MS;
    for (const run of open) ring({ name: 'sweep', shard: 0, run, time: nowMs });
    return true;
  }

  const settled = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

  async function run(): Promise<void> {
    for (let step = 0; step < STEPS; step += 1) {
      await settled();
      const choices = parked.length + deliveries.length;
      if (choices === 0) {
        if (!advance()) return;
        continue;
      }
      const chosen = chance.below(choices);
      if (chosen < parked.length) {
        const [{ task, go }] = parked.splice(chosen, 1) as [Parked];
        if (!task.dead) go();
      } else deliver((deliveries.splice(chosen - parked.length, 1) as [Delivery])[0]);
    }
    throw new Error(`seed ${seed}: it does not come to rest within ${STEPS} steps`);
  }

  const components = players.map(({ service }, index) => componentOf(service, `simulated-${index}`, START_MS));
  const door = simulatedDoor({ log, stored, now: () => nowMs, components, ...options });
  const scribble = (address: string, text: string): void => {
    const put = log.putText(address, text, nowMs);
    if (put !== 'taken') stored(put);
  };
  return { door, entries: log.entries, run, scribble, history: (name) => historyOf(log.run(name)), now: () => nowMs, trace };
}

/** True when a role's durable would deliver this. */
function hears({ kind, hears: slots }: Role, { at }: Entry): boolean {
  if (kind !== undefined && at.kind !== kind && at.kind !== `undo-${kind}`) return false;
  return slots.some(({ slot }) => slot === at.slot);
}
