/** The faults of chaos, in an order that a seed says: each is noted with its time and whom it hit, so that the log can be asked what became of it. */
import { setTimeout as wait } from 'node:timers/promises';
import { type Random, random } from '@reel/bus/simulator/random.ts';
import type { Replica } from './replica.ts';

/** `hit`: the services it hit, or undefined for all. Times in ms since the epoch. */
export type Fault = { readonly kind: Kind; readonly beganMs: number; endedMs: number; readonly hit: readonly string[] | undefined };

/** What faults are made to: the processes, the broker, and its store. */
export type Target = {
  readonly replicas: readonly Replica[];
  restartBroker(): Promise<void>;
  /** From now on nothing fits into the log; resolves when that is so. */
  fill(): Promise<void>;
  /** There is room again. */
  empty(): Promise<void>;
  /** The same with the disk that it is on, where that is one of its own. */
  readonly disk: { fill(): Promise<void>; empty(): Promise<void> } | undefined;
};

type Does = (target: Target, replica: Replica, chance: Random) => Promise<void>;

/** A whole number of ms between two. */
const between = (chance: Random, from: number, to: number): number => from + chance.below(to - from);

const KINDS = {
  'SIGKILL of a service': async (_, replica, chance) => {
    replica.kill(between(chance, 0, 500));
    await wait(1);
  },
  'SIGKILL, and again while it recovers': async (_, replica, chance) => {
    replica.kill(0);
    await wait(between(chance, 100, 2500));
    replica.kill(between(chance, 0, 500));
  },
  'SIGSTOP beyond ack_wait, SIGCONT': async (_, replica, chance) => {
    replica.freeze();
    await wait(between(chance, 1500, 5000));
    replica.thaw();
  },
  'connection cut': async (_, { proxy }, chance) => {
    proxy.cut('closed');
    await wait(between(chance, 50, 2000));
    proxy.heal();
  },
  'connection silent': async (_, { proxy }, chance) => {
    proxy.cut('silent');
    await wait(between(chance, 500, 5000));
    proxy.heal();
  },
  'connection slow': async (_, { proxy }, chance) => {
    proxy.delay(between(chance, 20, 300));
    await wait(between(chance, 1000, 4000));
    proxy.delay(0);
  },
  'SIGKILL of the broker': async ({ restartBroker }) => await restartBroker(),
  'store full': async ({ fill, empty }, _, chance) => {
    try {
      await fill();
      await wait(between(chance, 500, 4000));
    } finally {
      await empty();
    }
  },
  // A broker that could not write does not try again. It has to be restarted when there is room (nats-server 2.15).
  'disk full, and the broker killed': async ({ disk, restartBroker }, _, chance) => {
    try {
      await disk?.fill();
      await wait(between(chance, 500, 4000));
    } finally {
      await disk?.empty();
      await restartBroker();
    }
  },
} satisfies { readonly [kind: string]: Does };
export type Kind = keyof typeof KINDS;
export const kinds = Object.keys(KINDS) as Kind[];
const DISK: Kind = 'disk full, and the broker killed';

/** How often each comes up: the broker is one, and everything else waits for it. */
const SHARES: { readonly [K in Kind]: number } = {
  'SIGKILL of a service': 8,
  'SIGKILL, and again while it recovers': 3,
  'SIGSTOP beyond ack_wait, SIGCONT': 4,
  'connection cut': 4,
  'connection silent': 3,
  'connection slow': 3,
  'SIGKILL of the broker': 1,
  'store full': 1,
  'disk full, and the broker killed': 1,
};
/** What the whole broker goes through comes one at a time. */
const WHOLE: ReadonlySet<Kind> = new Set(['SIGKILL of the broker', 'store full', DISK]);

export type Havoc = {
  readonly faults: readonly Fault[];
  /** Begins no more; resolves when what was begun is over. @throws when a fault could not be made */
  stop(): Promise<void>;
};

/** Begins: a fault about every `everyMs`; they overlap. Every kind comes once before any comes again by lot. */
export function wreak(target: Target, seed: number, everyMs: number): Havoc {
  const chance = random(seed);
  const faults: Fault[] = [];
  const going = new Set<Promise<void>>();
  const stopped = new AbortController();
  const suffering = new Set<Replica>();
  let failure: unknown;
  let whole: Promise<void> = Promise.resolve();
  const able = kinds.filter((kind) => kind !== DISK || target.disk !== undefined);
  const deck = able.flatMap((kind) => Array.from({ length: SHARES[kind] }, () => kind));
  const first = shuffled(able, chance);

  async function make(kind: Kind): Promise<void> {
    const well = target.replicas.filter((one) => !suffering.has(one));
    const replica = well[chance.below(well.length)];
    const lot = random(chance.below(2 ** 31));
    if (replica === undefined) return;
    const isWhole = WHOLE.has(kind);
    if (!isWhole) suffering.add(replica);
    const fault: Fault = { kind, beganMs: Date.now(), endedMs: 0, hit: isWhole ? undefined : replica.services };
    faults.push(fault);
    await KINDS[kind](target, replica, lot);
    fault.endedMs = Date.now();
    suffering.delete(replica);
  }
  async function go(): Promise<void> {
    while (!stopped.signal.aborted) {
      await wait(between(chance, everyMs / 2, everyMs * 1.5), undefined, { signal: stopped.signal }).catch(() => {});
      if (stopped.signal.aborted) return;
      const kind = first.pop() ?? deck[chance.below(deck.length)];
      if (kind === undefined) return;
      if (WHOLE.has(kind)) await whole;
      const one = make(kind).catch((error: unknown) => void (failure ??= error));
      if (WHOLE.has(kind)) whole = one;
      going.add(one);
      void one.then(() => going.delete(one));
    }
  }
  const loop = go();
  return {
    faults,
    stop: async () => {
      stopped.abort();
      await loop;
      await Promise.all(going);
      if (failure !== undefined) throw failure as Error;
    },
  };
}

function shuffled<T>(all: readonly T[], chance: Random): T[] {
  const left = [...all];
  return all.map(() => left.splice(chance.below(left.length), 1)[0] as T);
}
