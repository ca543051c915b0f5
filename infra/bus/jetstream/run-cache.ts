/**
 * The runs that a process is concerned with, kept up to date from the live end of the log and completed by direct reads. One reader
 * serves every service of a process: a fact is fetched and parsed once.
 */

import { setTimeout as delay } from 'node:timers/promises';
import { type JetStreamManager, jetstreamManager } from '@nats-io/jetstream';
import { type Address, parseAddress } from '@reel/contracts/address.ts';
import type { NatsConnection } from 'nats';
import { type Entry, isInvalid, type RunLog } from '../history.ts';
import { LogUnavailable, type Raw } from '../log.ts';
import { peek } from '../runtime/envelope-codec.ts';
import { mayHaveBlobs } from '../runtime/large-values.ts';
import { doubtMs, whole } from '../runtime/whole.ts';
import { type CachedRun, type CachedRuns, entryOf, openCachedRuns } from './cached-runs.ts';
import { openListeners } from './listeners.ts';
import { API_PREFIX, reelStream } from './names.ts';
import { nextOf, rawOf, reached, stored, storedBlobs, storedRun } from './stored.ts';
import { openTail, type Stored } from './tail.ts';

/** How long a fact that was delivered may take to arrive over the tail as well, before it is read from the stream. */
const TAIL_PATIENCE_MS = 100;
/** How soon a store that was not reached is asked again. */
const STORE_PATIENCE_MS = 250;
/** How soon, and how often, a run is read again that does not have yet what was delivered of it. */
const RUN_PATIENCE_MS = 25;
const RUN_TRIES = 40;

export type RunCache = {
  /** A run, at least up to `atLeast`; without it, as new as this process knows it. */
  read(shard: number, run: string, atLeast?: number): Promise<RunLog>;
  /** What stands at an address, as the leader of the stream knows it. */
  occupant(address: Address): Promise<Entry | undefined>;
  /** Its position, without reading it. */
  position(address: Address): Promise<number | undefined>;
  /** The type of a fact, at a glance; undefined where that would take more. It decides nothing but what may be passed over. */
  glance(address: Address): string | undefined;
  /** Everything stored under a subject filter from a position on, oldest first. */
  scan(shard: number, filter: string, fromSeq: number): AsyncIterable<Entry>;
  /** The same by subjects alone: nothing that stands in or beside a fact can hold this up. */
  subjects(shard: number, filter: string, fromSeq: number): AsyncIterable<Pick<Raw, 'subject' | 'seq'>>;
  /** Every entry from now on, those of each run in order. @returns how to stop. */
  follow(listener: (entry: Entry) => void): () => void;
  close(): void;
};

/** The streams of facts, as the tail reads them. */
const streamsOf = (manager: JetStreamManager): Stored => ({
  from: (shard, seq) => stored(manager, reelStream(shard), `reel.${shard}.>`, { seq }),
  last: async (shard) =>
    (await reached(() => manager.streams.getMessage(reelStream(shard), { last_by_subj: `reel.${shard}.>` })))?.seq ?? 0,
  next: async (shard, seq) => (await reached(() => manager.streams.getMessage(reelStream(shard), nextOf(seq, `reel.${shard}.>`))))?.seq,
});

/** Facts with their large values. */
type Values = {
  complete(raw: Raw): Promise<Raw>;
  /** The same, asking again for as long as the store is away. */
  patiently(raw: Raw): Promise<Raw>;
};

function valuesOf(connection: NatsConnection, manager: JetStreamManager): Values {
  const complete = async (raw: Raw): Promise<Raw> => {
    const at = mayHaveBlobs(raw.body) ? parseAddress(raw.subject) : undefined;
    return at === undefined
      ? raw
      : await whole(raw, storedBlobs(manager, at.shard, at.run), Date.now(), doubtMs(connection.info?.cluster !== undefined));
  };
  return {
    complete,
    // Listeners are told once, so what stands in a store that is away is waited for: nothing new comes from there meanwhile either.
    patiently: async (raw) => {
      while (!connection.isClosed()) {
        try {
          return await complete(raw);
        } catch {
          await delay(STORE_PATIENCE_MS);
        }
      }
      return raw;
    },
  };
}

/** Brings a run up to date: reads from the stream what is missing, then what was heard meanwhile. */
function completerOf(manager: JetStreamManager, runs: CachedRuns, values: Values) {
  async function drain(cached: CachedRun): Promise<void> {
    for (runs.drainPlain(cached); cached.queue.length > 0; runs.drainPlain(cached)) {
      const raw = await values.complete(cached.queue[0] as Raw);
      runs.add(cached, raw);
      if (cached.queue[0]?.seq === raw.seq) cached.queue.shift();
    }
  }
  async function load(cached: CachedRun, atLeast: number): Promise<void> {
    const { shard, run, entries } = cached.log;
    let upTo = entries.at(-1)?.seq ?? 0;
    for (let tries = RUN_TRIES; ; tries -= 1) {
      // What comes after this comes over the tail, and waits in the queue.
      for (const raw of await storedRun(manager, shard, run, upTo + 1)) {
        runs.add(cached, await values.complete(raw), raw.body.length);
        upTo = Math.max(upTo, raw.seq);
      }
      if (Math.max(upTo, cached.queue.at(-1)?.seq ?? 0) >= atLeast) break;
      if (tries === 0) throw new LogUnavailable(`run ${run}: the log was read, and position ${atLeast} is not there yet`);
      await delay(RUN_PATIENCE_MS);
    }
    cached.loaded = true;
  }
  return async (cached: CachedRun, atLeast: number, late: boolean): Promise<void> => {
    while (cached.loading !== undefined) await cached.loading;
    if (cached.loaded && !late) {
      runs.drainPlain(cached);
      if (cached.queue.length === 0) return;
    }
    cached.loading = (!cached.loaded || late ? load(cached, atLeast) : Promise.resolve())
      .then(() => drain(cached))
      .finally(() => {
        cached.loading = undefined;
      });
    await cached.loading;
  };
}

/** Opens a reader on a connection that may follow the tail and read the streams. */
export async function openRunCache(connection: NatsConnection, shards: number): Promise<RunCache> {
  const manager = await jetstreamManager(connection, { checkAPI: false, apiPrefix: API_PREFIX, timeout: 5000 });
  const runs = openCachedRuns();
  const listeners = openListeners();
  const values = valuesOf(connection, manager);
  const complete = completerOf(manager, runs, values);
  const tail = await openTail(connection, shards, streamsOf(manager), (shard, raw) => {
    runs.hear(shard, raw);
    if (!listeners.any) return;
    const plain = (): Entry | undefined => {
      const cached = runs.get(raw.subject.split('.')[2] as string);
      if (cached?.loaded && cached.queue[0] === raw && cached.loading === undefined) runs.drainPlain(cached);
      return cached?.log.byAddress.get(raw.subject) ?? entryOf(raw);
    };
    listeners.tell(raw, plain, async () => entryOf(await values.patiently(raw)));
  });
  const lastAt = (address: Address) => {
    const shard = parseAddress(address)?.shard ?? 0;
    return reached(() => manager.streams.getMessage(reelStream(shard), { last_by_subj: address }));
  };
  return {
    read: async (shard, run, atLeast = 0) => {
      // A delivery may be faster than the tail. Waiting for the tail finds a run that has just begun, and saves loading it.
      const late = tail.position(shard) < atLeast && !(await tail.reached(shard, atLeast, TAIL_PATIENCE_MS));
      let cached = runs.get(run);
      // What is asked for stands before all that is kept: this run had not begun with its request after all.
      if (cached !== undefined && atLeast > 0 && atLeast < (cached.log.entries[0]?.seq ?? 0)) {
        runs.forget(cached);
        cached = undefined;
      }
      if (cached === undefined) cached = runs.keep(shard, run, false);
      else runs.touch(cached);
      await complete(cached, atLeast, late);
      return cached.log;
    },
    occupant: async (address) => {
      const found = await lastAt(address);
      return found === null || found === undefined ? undefined : entryOf(await values.complete(rawOf(found, 'leader')));
    },
    position: async (address) => (await lastAt(address))?.seq,
    glance: (address) => {
      const cached = runs.get(address.split('.')[2] as string);
      const entry = cached?.log.byAddress.get(address);
      if (entry !== undefined) return isInvalid(entry) ? undefined : entry.type;
      const raw = cached?.queue.findLast(({ subject }) => subject === address);
      return raw === undefined ? undefined : peek(raw.body);
    },
    scan: async function* (shard, filter, fromSeq) {
      for await (const raw of stored(manager, reelStream(shard), filter, { seq: fromSeq })) {
        const entry = entryOf(await values.complete(raw));
        if (entry !== undefined) yield entry;
      }
    },
    subjects: (shard, filter, fromSeq) => stored(manager, reelStream(shard), filter, { seq: fromSeq }),
    follow: (listener) => listeners.add(listener),
    close: () => tail.close(),
  };
}
