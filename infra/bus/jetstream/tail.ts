/**
 * The live end of the log: every fact that is stored, in order and none left out. What the stream passes on may be missed, while a
 * connection is away or when whoever leads the stream dies before it has passed on what it stored: that is read from the stream.
 */
import { setTimeout as delay } from 'node:timers/promises';
import type { Msg, NatsConnection } from 'nats';
import type { Raw } from '../log.ts';
import { brokerHeadersOf } from './broker-headers.ts';
import { failoverOf } from './failover.ts';
import { LIVE_FACTS, reelStream } from './names.ts';

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

/** More is not kept of what is heard while something earlier is missing: it is read from the stream as well. */
const AHEAD = 1000;
const AHEAD_BYTES = 16 * 1024 * 1024;
/** How soon a stream that does not have it yet is asked again. */
const AGAIN_MS = 50;
/** After so long in silence it is looked whether that is the whole truth. */
const QUIET_MS = 1000;

/** The live end of one shard. */
type ShardTail = {
  position(): number;
  reached(seq: number, ms: number): Promise<boolean>;
  /** Takes what the stream has passed on. */
  hear(raw: Raw, bytes: number): void;
  /** Asks the leader whether there is more than was heard: a replica that is cut off knows nothing new either. */
  look(): Promise<void>;
  /** Looks, if nothing has been heard since the last call. */
  lookIfQuiet(): void;
  /** Begins at what is stored now. */
  begin(): Promise<void>;
};

function openShard(connection: NatsConnection, shard: number, stored: Stored, onRaw: (shard: number, raw: Raw) => void): ShardTail {
  const roam = failoverOf(connection);
  const waiters = openWaiters();
  /** The last position that was handed on, and the last that is known of. */
  let position = 0;
  let known = 0;
  let isFilling = true;
  let isQuiet = true;
  /** Heard, and not in its turn yet. */
  const ahead: Raw[] = [];
  let aheadBytes = 0;

  function accept(raw: Raw): void {
    position = raw.seq;
    onRaw(shard, raw);
    waiters.wake(position);
  }
  /** Hands on what was heard and has its turn now. */
  function catchUp(): void {
    let taken = 0;
    for (const raw of ahead) {
      if (raw.seq > position + 1) break;
      taken += 1;
      if (raw.seq === position + 1) accept(raw);
    }
    ahead.splice(0, taken);
  }
  /** Reads from the stream until nothing is missing that is known of. */
  async function fill(): Promise<void> {
    if (isFilling) return;
    isFilling = true;
    for (;;) {
      try {
        for await (const raw of stored.from(shard, position + 1)) if (raw.seq > position) accept(raw);
      } catch {
        // The broker is away: what is not heard of cannot be missed, and when it is back it is looked again.
      }
      catchUp();
      if (position >= known || connection.isClosed()) break;
      await delay(AGAIN_MS);
    }
    ahead.length = 0;
    aheadBytes = 0;
    isFilling = false;
  }
  async function look(): Promise<void> {
    const beginMs = performance.now();
    try {
      known = Math.max(known, (await stored.next(shard, position + 1)) ?? 0);
      roam.fine();
    } catch {
      roam.trouble(beginMs);
    }
    if (known > position) void fill();
  }
  return {
    position: () => position,
    reached: (seq, ms) => {
      if (position >= seq) return Promise.resolve(true);
      if (isFilling && seq > position + AHEAD) return Promise.resolve(false);
      return waiters.reached(seq, ms);
    },
    hear: (raw, bytes) => {
      if (raw.seq <= position) return;
      isQuiet = false;
      known = Math.max(known, raw.seq);
      if (raw.seq === position + 1 && !isFilling) {
        accept(raw);
        return;
      }
      if (ahead.length < AHEAD && aheadBytes < AHEAD_BYTES) ahead.push(raw);
      aheadBytes += bytes;
      void fill();
    },
    look,
    lookIfQuiet: () => {
      if (isQuiet) void look();
      isQuiet = true;
    },
    begin: async () => {
      position = await stored.last(shard);
      isFilling = false;
      catchUp();
      if (position < known) void fill();
    },
  };
}

/** Those who wait for a position. */
function openWaiters(): { reached(seq: number, ms: number): Promise<boolean>; wake(position: number): void } {
  let waiting: Waiter[] = [];
  return {
    reached: (seq, ms) =>
      new Promise((resolve) => {
        const waiter: Waiter = {
          seq,
          resolve: (reached) => {
            clearTimeout(timer);
            resolve(reached);
          },
        };
        const timer = setTimeout(() => {
          waiting = waiting.filter((one) => one !== waiter);
          resolve(false);
        }, ms);
        waiting.push(waiter);
      }),
    wake: (position) => {
      if (waiting.length === 0) return;
      const ready = waiting.filter(({ seq }) => seq <= position);
      if (ready.length === 0) return;
      waiting = waiting.filter(({ seq }) => seq > position);
      for (const { resolve } of ready) resolve(true);
    },
  };
}

/** Follows the log of all shards, handing on every fact in order. Rejects when the streams cannot be read. */
export async function openTail(
  connection: NatsConnection,
  shards: number,
  stored: Stored,
  onRaw: (shard: number, raw: Raw) => void,
): Promise<Tail> {
  const tails = Array.from({ length: shards }, (_, shard) => openShard(connection, shard, stored, onRaw));
  const hear = (error: Error | null, message: Msg): void => {
    if (error !== null) return;
    const subject = `reel.${message.subject.slice(5)}`;
    const shard = Number(subject.split('.')[1]);
    const tail = tails[shard];
    if (tail === undefined) return;
    const passed = brokerHeadersOf(message, reelStream(shard), subject);
    // A fact with headers of its own is void. It is read from the stream, so that only one place decides that.
    if (passed === undefined || !passed.isPlain) return;
    tail.hear({ subject, seq: passed.seq, time: passed.timeMs, body: message.string() }, message.data.length);
  };
  const subscription = connection.subscribe(LIVE_FACTS, { callback: hear });
  for (const tail of tails) await tail.begin();
  void (async () => {
    for await (const { type } of connection.status()) if (type === 'reconnect') for (const tail of tails) void tail.look();
  })();
  const looking = setInterval(() => {
    for (const tail of tails) tail.lookIfQuiet();
  }, QUIET_MS).unref();
  return {
    position: (shard) => tails[shard]?.position() ?? 0,
    reached: (shard, seq, ms) => (tails[shard] as ShardTail).reached(seq, ms),
    close: () => {
      clearInterval(looking);
      subscription.unsubscribe();
    },
  };
}
