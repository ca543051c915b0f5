/**
 * The choreography under a malicious bus, on a virtual clock, again and again the same for the same seed. Services run by the code that
 * JetStream runs them by; what can go wrong with their deliveries, and whenever they touch the log, is in `simulated-faults.ts`.
 */
import { isTurnAwaited } from '@reel/contracts/event-loop.ts';
import type { ModelDefinition } from '@reel/contracts/model.ts';
import type { ToolDefinition } from '@reel/contracts/tool.ts';
import type { Edge } from '../edge.ts';
import { type Entry, type History, historyOf, isInvalid } from '../history.ts';
import { componentOf } from '../runtime/component-of.ts';
import { perform } from '../runtime/perform.ts';
import type { Handled } from '../runtime/react.ts';
import { type Role, roleOf } from '../runtime/role.ts';
import { type Logger, type Performer, type Service, SWEEP } from '../service.ts';
import { openAgenda, type Entry as Planned } from './agenda.ts';
import { hear, hearTimer, performs } from './death.ts';
import { openDelivery, type Working } from './delivery.ts';
import { simulatedEdge } from './edge.ts';
import { byLot, byScript, type Faults, MALICE } from './faults.ts';
import { type SimulatedLog, simulatedLog } from './log.ts';
import { plain } from './port.ts';
import { inTrouble } from './trouble.ts';

/** A service with what it needs from outside, given here. Players of one name are its replicas: each delivery goes to one of them. */
export type Player = {
  readonly service: Omit<Service<never>, 'deps'> | Omit<Performer<never>, 'deps'>;
  readonly deps?: object;
  /** What ends every process that handles it: asked with the address of a fact, or the run and the name of a ring. */
  readonly kills?: (what: string, inQuarantine: boolean) => boolean;
};

/** How a player handles the delivery of one fact. */
export type Handle = (player: Player, working: Working, address: string, seq: number, count: number) => Promise<Handled>;

export type SimulationOptions = {
  readonly players: readonly Player[];
  readonly seed?: number;
  /** How probable each fault is; MALICE unless said otherwise. */
  readonly faults?: Faults;
  /** These faults and no others, as a simulation's `script` had them; the seed then means nothing. */
  readonly script?: readonly string[] | undefined;
  /** What is on offer, throughout. */
  readonly tools?: readonly ToolDefinition[];
  readonly models?: readonly ModelDefinition[];
  /** Hears every fact as it is stored; may speak through the edge, as a person would. */
  readonly onFact?: (entry: Entry, edge: Edge) => void | Promise<void>;
  /** Parts of the bus to put in the place of its own, in order to see that it is noticed when they are wrong. */
  readonly bus?: { readonly log?: SimulatedLog; readonly handle?: Handle };
};

export type Simulation = {
  readonly edge: Edge;
  readonly entries: readonly Entry[];
  /** Lets everything happen that can, until nothing is left to happen. @throws when it does not come to rest. */
  run(): Promise<void>;
  /** Does something after so many ms of virtual time. */
  later(ms: number, go: () => void | Promise<void>): void;
  /** Stores any text in a slot, as a broken or hostile writer would. */
  scribble(address: string, text: string): void;
  /** A run, up to a position in the log where one is given. */
  history(run: string, seq?: number): History;
  now(): number;
  /** What went wrong, as lines, each on its own: given back as `script`, they make it happen again. */
  readonly script: readonly string[];
  /** Every fact, and between them what went wrong, as lines. */
  readonly trace: readonly string[];
};

export { CALM, type Faults, MALICE, TROUBLE } from './faults.ts';

type Part = { readonly role: Role; readonly replicas: readonly Player[] };

const START_MS = Date.UTC(2026, 0, 1);
/** A run that never ends would be swept for ever. */
const SWEEPS = 3000;
const STEPS = 1_000_000;
/** A clock rings a little late. */
const CLOCK_MS = 300;
const SILENT: Logger = { debug: () => {}, info: () => {}, warn: () => {}, error: () => {} };

/** How the bus has a player handle a fact. */
export const handle: Handle = ({ service, deps = {}, kills }, { log, touch, beat, stopping }, address, seq, count) => {
  if (service.shape === 'service') return hear({ service, deps, kills, die: touch.die }, log, address, seq, count);
  const { performer, apart } = performs({ service, deps, kills, die: touch.die });
  // The desk hands on what a person has said, for which there may be days: it may die over it, and does not hang.
  return perform(service.kind === 'person' ? performer : inTrouble(performer, touch), deps, log, address, seq, {
    beat,
    delivery: count,
    stopping,
    show: () => {},
    log: SILENT,
    deaths: count - 1,
    apart,
  });
};

export function simulate(options: SimulationOptions): Simulation {
  const { players, seed = 0, faults = MALICE, onFact, bus = {} } = options;
  const chooser = options.script === undefined ? byLot(seed, faults) : byScript(options.script);
  const agenda = openAgenda(START_MS);
  const log = bus.log ?? simulatedLog();
  const cast = castOf(players);
  const keepers = cast.filter(({ role }) => role.clock);
  const alarms = new Map<string, Planned>();
  const open = new Set<string>();
  const deadly = new Set<string>();
  const told: { readonly line: string; readonly faults: number }[] = [];
  let over = new AbortController();
  let sweeps = 0;
  let broken: { readonly error: unknown } | undefined;
  const fail = (error: unknown): void => {
    broken ??= { error };
  };
  const post = openDelivery({ agenda, chooser, log, stored, setTimer, over: () => over.signal }, fail);
  const attempt = (go: () => void | Promise<void>): void => void Promise.resolve().then(go).catch(fail);

  /** Every stored entry is delivered to the services that subscribe to its slot. */
  function stored(entry: Entry): void {
    const { address, seq, at } = entry;
    told.push({
      line: `${seq} ${plain(address)} ${isInvalid(entry) ? 'invalid' : `${entry.type} by ${entry.source}`}`,
      faults: chooser.script.length,
    });
    for (const { role, replicas } of cast) {
      if (!hears(role, entry)) continue;
      const work = (working: Working, replica: number, count: number): Promise<Handled> =>
        (bus.handle ?? handle)(replicas[replica % replicas.length] as Player, working, address, seq, count);
      post({ name: role.name, about: plain(address), moment: 'hears', work });
    }
    if (at.kind === 'run' && at.slot === 'request' && keepers.length > 0) watch(at.run);
    if (at.kind === 'run' && at.slot === 'outcome') open.delete(at.run);
    if (onFact !== undefined) attempt(() => onFact(entry, simulation.edge));
  }

  function ring({ role, replicas }: Part, run: string, name: string): void {
    const work = async ({ log: port, touch: { die } }: Working, replica: number, count: number): Promise<Handled> => {
      const { service, deps = {}, kills } = replicas[replica % replicas.length] as Player;
      const ring = { name, shard: 0, run, time: agenda.now() };
      await hearTimer({ service: service as Service<never>, deps, kills, die }, port, ring, count, deadly);
      return 'handled';
    };
    post({ name: role.name, about: `${run} ${name}`, moment: 'rings', work });
  }

  /** A timer belongs to its service: no other service gets or replaces it. */
  function setTimer(asker: string, run: string, { name, atMs }: { name: string; atMs: number }): void {
    const keeper = keepers.find(({ role }) => role.name === asker);
    if (keeper === undefined) throw new Error(`${asker} has no clock`);
    const key = `${asker} ${run} ${name}`;
    const before = alarms.get(key);
    if (before !== undefined) before.off = true;
    alarms.set(
      key,
      agenda.later(atMs - agenda.now() + CLOCK_MS, () => ring(keeper, run, name)),
    );
  }

  /** Timers can be lost, or set too late by a service with a stale view. The sweep finds that. */
  function watch(run: string): void {
    open.add(run);
    if (open.size === 1) agenda.later(SWEEP.everyMs, sweep);
  }
  function sweep(): void {
    sweeps += 1;
    if (open.size === 0 || sweeps > SWEEPS) return;
    for (const run of open) for (const keeper of keepers) ring(keeper, run, SWEEP.name);
    agenda.later(SWEEP.everyMs, sweep);
  }

  async function run(): Promise<void> {
    try {
      for (let step = 0; step < STEPS; step += 1) {
        await settled();
        if (broken !== undefined) throw broken.error;
        if (!agenda.next()) return;
      }
      throw new Error(`it does not come to rest within ${STEPS} steps`);
    } finally {
      // Dead tasks wait for their signals for ever, and Node would keep their memory.
      over.abort(new Error('the simulation is over'));
      over = new AbortController();
    }
  }

  const components = players.map(({ service }, index) =>
    componentOf(service, { instance: `simulated-${index}`, pid: 0, startedAt: new Date(START_MS).toISOString(), version: 'simulated' }),
  );
  const simulation: Simulation = {
    edge: simulatedEdge({ log, stored, now: agenda.now, components, ...options }),
    entries: log.entries,
    run,
    later: (ms, go) => void agenda.later(ms, () => attempt(go)),
    scribble: (address, text) => {
      const put = log.putText(address, text, agenda.now());
      if (put !== 'taken') stored(put);
    },
    history: (name, seq) => historyOf(log.run(name), seq),
    now: agenda.now,
    script: chooser.script,
    get trace() {
      let shown = 0;
      const lines = told.flatMap(({ line, faults: before }) => {
        const between = chooser.script.slice(shown, before).map((fault) => `  ${fault}`);
        shown = before;
        return [...between, line];
      });
      return [...lines, ...chooser.script.slice(shown).map((fault) => `  ${fault}`)];
    },
  };
  return simulation;
}

/** All that can go on without waiting for time to pass has gone on. */
/** Resolves when nothing goes on any more at this virtual time: not in microtasks, and no long computation is on its way. */
async function settled(): Promise<void> {
  do await new Promise((resolve) => setImmediate(resolve));
  while (isTurnAwaited());
}

function castOf(players: readonly Player[]): Part[] {
  const byName = new Map<string, Player[]>();
  for (const player of players) byName.set(player.service.name, [...(byName.get(player.service.name) ?? []), player]);
  return [...byName.values()].map((replicas) => ({ role: roleOf((replicas[0] as Player).service as never), replicas }));
}

/** True when a role's durable would deliver this. */
function hears({ kind, subscribes: slots }: Role, { at }: Entry): boolean {
  if (kind !== undefined && at.kind !== kind && at.kind !== `undo-${kind}`) return false;
  return slots.some(({ slot }) => slot === at.slot);
}
