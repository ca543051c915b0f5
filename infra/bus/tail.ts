/**
 * The live end of the log: every fact that is stored, in order and none left out. What the stream passes on may be missed, while a
 * connection is away or when whoever leads the stream dies before it has passed on what it stored: that is read from the stream.
 */
import type { Msg, NatsConnection } from 'nats';
import { LIVE_FACTS, reelStream } from './accounts.ts';
import { passedOn } from './passed-on.ts';
import { roamOf } from './roam.ts';

/** A stored message as it stands in the log. */
export type Raw = {
  readonly subject: string;
  readonly seq: number;
  readonly time: number;
  readonly body: string;
  readonly suspicious?: string;
};

export type Tail = {
  /** The position up to which everything has been seen since it was opened. */
  position(shard: number): number;
  /** Resolves true once the position is reached, false when that takes longer than `ms`. */
  reached(shard: number, seq: number, ms: number): Promise<boolean>;
  close(): void;
};

/** What the tail needs of the streams. */
export type Stored = {
  /** What is stored from a position on, oldest first, as some replica knows it. */
  from(shard: number, seq: number): AsyncIterable<Raw>;
  /** The last position, as the leader knows it. */
  last(shard: number): Promise<number>;
  /** The next position from one on, as the leader knows it; undefined when there is none yet. */
  next(shard: number, seq: number): Promise<number | undefined>;
};

type Waiter = { readonly seq: number; readonly resolve: (reached: boolean) => void };
/** `ahead`: heard, and not in its turn yet. `known`: the last position that is known of. */
type Shard = { position: number; known: number; filling: boolean; quiet: boolean; ahead: Raw[]; aheadBytes: number; waiters: Waiter[] };

/** More is not kept of what is heard while something earlier is missing: it is read from the stream as well. */
const AHEAD = 1000;
const AHEAD_BYTES = 16 * 1024 * 1024;
/** How soon a stream that does not have it yet is asked again. */
const AGAIN_MS = 50;
/** After so long in silence it is looked whether that is the whole truth. */
const QUIET_MS = 1000;

/** Follows the log of all shards, handing on every fact in order. Rejects when the streams cannot be read. */
export async function openTail(
  connection: NatsConnection,
  shards: number,
  stored: Stored,
  onRaw: (shard: number, raw: Raw) => void,
): Promise<Tail> {
  const states: Shard[] = Array.from({ length: shards }, () => ({
    position: 0,
    known: 0,
    filling: true,
    quiet: true,
    ahead: [],
    aheadBytes: 0,
    waiters: [],
  }));
  const roam = roamOf(connection);
  const accept = (state: Shard, shard: number, raw: Raw): void => {
    state.position = raw.seq;
    onRaw(shard, raw);
    if (state.waiters.length > 0) wake(state);
  };
  /** Hands on what was heard and has its turn now. */
  const catchUp = (state: Shard, shard: number): void => {
    let taken = 0;
    for (const raw of state.ahead) {
      if (raw.seq > state.position + 1) break;
      taken += 1;
      if (raw.seq === state.position + 1) accept(state, shard, raw);
    }
    state.ahead.splice(0, taken);
  };
  async function fill(shard: number): Promise<void> {
    const state = states[shard] as Shard;
    if (state.filling) return;
    state.filling = true;
    for (;;) {
      try {
        for await (const raw of stored.from(shard, state.position + 1)) if (raw.seq > state.position) accept(state, shard, raw);
      } catch {
        // The broker is away: what is not heard of cannot be missed, and when it is back it is looked again.
      }
      catchUp(state, shard);
      if (state.position >= state.known || connection.isClosed()) break;
      await new Promise((resolve) => setTimeout(resolve, AGAIN_MS));
    }
    state.ahead.length = 0;
    state.aheadBytes = 0;
    state.filling = false;
  }
  const hear = (error: Error | null, message: Msg): void => {
    if (error !== null) return;
    const subject = `reel.${message.subject.slice(5)}`;
    const shard = Number(subject.split('.')[1]);
    const state = states[shard];
    if (state === undefined) return;
    const passed = passedOn(message, reelStream(shard), subject);
    // A fact with headers of its own is void. It is read from the stream, so that only one place decides that.
    if (passed === undefined || !passed.isPlain || passed.seq <= state.position) return;
    const raw: Raw = { subject, seq: passed.seq, time: passed.timeMs, body: message.string() };
    state.quiet = false;
    state.known = Math.max(state.known, raw.seq);
    const isNext = raw.seq === state.position + 1 && !state.filling;
    if (isNext) accept(state, shard, raw);
    else {
      if (state.ahead.length < AHEAD && state.aheadBytes < AHEAD_BYTES) state.ahead.push(raw);
      state.aheadBytes += message.data.length;
      void fill(shard);
    }
  };
  /** Asks the leader, since a replica that is cut off knows nothing new either. */
  async function look(shard: number): Promise<void> {
    const state = states[shard] as Shard;
    const beginMs = performance.now();
    try {
      state.known = Math.max(state.known, (await stored.next(shard, state.position + 1)) ?? 0);
      roam.fine();
    } catch {
      roam.trouble(beginMs);
    }
    if (state.known > state.position) void fill(shard);
  }
  const subscription = connection.subscribe(LIVE_FACTS, { callback: hear });
  for (const [shard, state] of states.entries()) {
    state.position = await stored.last(shard);
    state.filling = false;
    catchUp(state, shard);
    if (state.position < state.known) void fill(shard);
  }
  void (async () => {
    for await (const { type } of connection.status()) if (type === 'reconnect') for (const shard of states.keys()) void look(shard);
  })();
  const looking = setInterval(() => {
    for (const [shard, state] of states.entries()) {
      if (state.quiet) void look(shard);
      state.quiet = true;
    }
  }, QUIET_MS).unref();
  return {
    position: (shard) => states[shard]?.position ?? 0,
    reached: (shard, seq, ms) => {
      const state = states[shard] as Shard;
      if (state.position >= seq) return Promise.resolve(true);
      if (state.filling && seq > state.position + AHEAD) return Promise.resolve(false);
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
    close: () => {
      clearInterval(looking);
      subscription.unsubscribe();
    },
  };
}

function wake(state: Shard): void {
  const ready = state.waiters.filter(({ seq }) => seq <= state.position);
  if (ready.length === 0) return;
  state.waiters = state.waiters.filter(({ seq }) => seq > state.position);
  for (const { resolve } of ready) resolve(true);
}
