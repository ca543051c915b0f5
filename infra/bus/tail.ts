/** The live end of the log: every fact that is stored, in order, as the stream passes it on. It tells when it has missed something. */
import type { Msg, NatsConnection } from 'nats';

/** A stored message as it stands in the log. */
export type Raw = {
  readonly subject: string;
  readonly seq: number;
  readonly time: number;
  readonly body: string;
  readonly suspicious?: string;
};

export type Tail = {
  /** The position up to which everything since `since` has been seen; 0 before the first. */
  position(shard: number): number;
  /** Counts the gaps: what was gathered under another number may lack something. */
  epoch(shard: number): number;
  /** Resolves true once the position is reached, false when that takes longer than `ms`. */
  reached(shard: number, seq: number, ms: number): Promise<boolean>;
  close(): void;
};

type Waiter = { readonly seq: number; readonly resolve: (reached: boolean) => void };
type Shard = { position: number; epoch: number; waiters: Waiter[] };

/** What a republished or directly read message carries; anything more was put there by whoever published it. */
const BROKERS_OWN = new Set([
  'Nats-Stream',
  'Nats-Subject',
  'Nats-Sequence',
  'Nats-Time-Stamp',
  'Nats-Last-Sequence',
  'Nats-Num-Pending',
  'Nats-UpTo-Sequence',
  'Nats-Num-Pending',
]);

type Headers = { keys(): Iterable<string>; values(key: string): string[] };

/** Why a message cannot be a fact: facts carry no headers, so whoever sets one wants something else from the broker. */
export function suspicionOf(headers: Headers | undefined): string | undefined {
  for (const key of headers?.keys() ?? []) {
    if (!BROKERS_OWN.has(key) || headers?.values(key).length !== 1) return `it carries the header ${key}, and facts carry none`;
  }
  return undefined;
}

/** Follows the log of all shards, handing on every fact in order. */
export function openTail(connection: NatsConnection, shards: number, onRaw: (shard: number, raw: Raw) => void): Tail {
  const states: Shard[] = Array.from({ length: shards }, () => ({ position: 0, epoch: 0, waiters: [] }));
  const hear = (error: Error | null, message: Msg): void => {
    if (error !== null) return;
    const shard = Number(message.subject.slice(5, message.subject.indexOf('.', 5)));
    const state = states[shard];
    const seq = Number(message.headers?.last('Nats-Sequence'));
    if (state === undefined || !(seq > state.position)) return;
    if (state.position !== 0 && seq !== state.position + 1) state.epoch += 1;
    state.position = seq;
    const suspicious = suspicionOf(message.headers);
    onRaw(shard, {
      subject: `reel.${message.subject.slice(5)}`,
      seq,
      time: Date.parse(message.headers?.last('Nats-Time-Stamp') ?? ''),
      body: message.string(),
      ...(suspicious === undefined ? {} : { suspicious }),
    });
    if (state.waiters.length > 0) wake(state);
  };
  const subscription = connection.subscribe('live.*.*.*.*.*.*', { callback: hear });
  return {
    position: (shard) => states[shard]?.position ?? 0,
    epoch: (shard) => states[shard]?.epoch ?? 0,
    reached: (shard, seq, ms) => {
      const state = states[shard] as Shard;
      if (state.position >= seq) return Promise.resolve(true);
      return new Promise((resolve) => {
        const waiter: Waiter = {
          seq,
          resolve: (reached) => {
            clearTimeout(timer);
            resolve(reached);
          },
        };
        const timer = setTimeout(() => {
          state.waiters = state.waiters.filter((one) => one !== waiter);
          resolve(false);
        }, ms);
        state.waiters.push(waiter);
      });
    },
    close: () => subscription.unsubscribe(),
  };
}

function wake(state: Shard): void {
  const ready = state.waiters.filter(({ seq }) => seq <= state.position);
  if (ready.length === 0) return;
  state.waiters = state.waiters.filter(({ seq }) => seq > state.position);
  for (const { resolve } of ready) resolve(true);
}
