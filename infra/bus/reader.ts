/**
 * The runs that a process is concerned with, kept up to date from the live end of the log and completed by direct reads. One reader
 * serves every service of a process: a fact is fetched and parsed once.
 */

import { jetstreamManager } from '@nats-io/jetstream';
import { type Address, parseAddress } from '@reel/contracts/address.ts';
import { definitionOf } from '@reel/contracts/story.ts';
import type { NatsConnection } from 'nats';
import { API_PREFIX, reelStream } from './accounts.ts';
import { mayHaveBlobs } from './blob.ts';
import { append, type Entry, emptyRunLog, isVoid, type RunLog } from './history.ts';
import { LogUnavailable } from './log.ts';
import { nextOf, rawOf, reached, stored, storedBlobs, storedRun } from './stored.ts';
import { openTail, type Raw, type Stored } from './tail.ts';
import { doubtMs, whole } from './whole.ts';
import { decode, glance } from './wire.ts';

/** Bodies of runs kept in memory, in bytes; parsed they take about four times as much. */
const CACHE_BYTES = 48 * 1024 * 1024;
/** What a run takes beside its facts: one that does not exist, too, when somebody asks for it. */
const RUN_BYTES = 500;
/** How long a fact that was delivered may take to arrive over the tail as well, before it is read from the stream. */
const TAIL_PATIENCE_MS = 100;
/** How soon a store that was not reached is asked again. */
const STORE_PATIENCE_MS = 250;
const STRAYS = 10_000;

export type Reader = {
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

type Cached = { readonly log: RunLog; loaded: boolean; queue: Raw[]; bytes: number; loading: Promise<void> | undefined };

/** Opens a reader on a connection that may follow the tail and read the streams. */
export async function openReader(connection: NatsConnection, shards: number): Promise<Reader> {
  const manager = await jetstreamManager(connection, { checkAPI: false, apiPrefix: API_PREFIX, timeout: 5000 });
  const cache = new Map<string, Cached>();
  /** The runs of facts that passed by while their run was not kept, the newest of them. */
  const strays = new Set<string>();
  const listeners = new Set<(entry: Entry) => void>();
  let cachedBytes = 0;
  /** By run, what its listeners wait for. */
  const listening = new Map<string, Promise<void>>();

  const entryOf = (raw: Raw): Entry | undefined => decode(raw.subject, raw.body, raw.seq, raw.time, raw.suspicious);
  const completed = async (raw: Raw): Promise<Raw> => {
    const at = mayHaveBlobs(raw.body) ? parseAddress(raw.subject) : undefined;
    return at === undefined ? raw : await whole(raw, storedBlobs(manager, at.shard, at.run), doubtMs(connection));
  };

  /** Listeners are told once, so what stands in a store that is away is waited for: nothing new comes from there meanwhile either. */
  async function patiently(raw: Raw): Promise<Raw> {
    while (!connection.isClosed()) {
      try {
        return await completed(raw);
      } catch {
        await new Promise((resolve) => setTimeout(resolve, STORE_PATIENCE_MS));
      }
    }
    return raw;
  }

  const store: Stored = {
    from: (shard, seq) => stored(manager, reelStream(shard), `reel.${shard}.>`, { seq }),
    last: async (shard) =>
      (await reached(() => manager.streams.getMessage(reelStream(shard), { last_by_subj: `reel.${shard}.>` })))?.seq ?? 0,
    next: async (shard, seq) => (await reached(() => manager.streams.getMessage(reelStream(shard), nextOf(seq, `reel.${shard}.>`))))?.seq,
  };
  const tail = await openTail(connection, shards, store, (shard, raw) => {
    const run = raw.subject.split('.')[2] as string;
    let cached = cache.get(run);
    // A run that begins now is complete from its request on, unless something stood there before it; what began earlier is loaded when
    // somebody asks for it.
    if (cached === undefined && !raw.subject.endsWith('.run.run.1.request')) {
      strays.add(run);
      if (strays.size > STRAYS) strays.delete(strays.values().next().value as string);
    } else if (cached === undefined && !strays.has(run)) {
      cached = keep(shard, run, true);
    }
    if (cached !== undefined) {
      cached.queue.push(raw);
      grow(cached, raw.body.length);
    }
    if (listeners.size > 0) tell(raw, run);
  });

  function keep(shard: number, run: string, loaded: boolean): Cached {
    const cached: Cached = { log: emptyRunLog(shard, run), loaded, queue: [], bytes: 0, loading: undefined };
    cache.set(run, cached);
    grow(cached, RUN_BYTES);
    return cached;
  }
  /** Everything that is kept is counted, however it came here, for as long as it is kept. */
  function grow(cached: Cached, bytes: number): void {
    if (cache.get(cached.log.run) !== cached) return;
    cached.bytes += bytes;
    cachedBytes += bytes;
    if (cachedBytes > CACHE_BYTES) evict();
  }

  /** Drops the runs that nothing was asked or heard of for longest: they can always be loaded again. */
  function evict(): void {
    for (const [run, cached] of cache) {
      if (cachedBytes <= CACHE_BYTES / 2) return;
      if (cached.loading !== undefined) continue;
      cache.delete(run);
      cachedBytes -= cached.bytes;
    }
  }

  /** Listeners hear each run in order: a large value holds up what follows it in its run, and no other run. */
  function tell(raw: Raw, run: string): void {
    const now = (): Promise<void> | undefined => {
      const cached = cache.get(run);
      if (!mayHaveBlobs(raw.body)) {
        if (cached?.loaded && cached.queue[0] === raw && cached.loading === undefined) drainPlain(cached);
        announce(cached?.log.byAddress.get(raw.subject) ?? entryOf(raw));
        return undefined;
      }
      return patiently(raw).then((complete) => announce(entryOf(complete)));
    };
    const before = listening.get(run);
    const current = before === undefined ? now() : before.then(now);
    if (current === undefined) return;
    listening.set(run, current);
    void current.then(() => {
      if (listening.get(run) === current) listening.delete(run);
    });
  }
  function announce(entry: Entry | undefined): void {
    if (entry !== undefined) for (const listener of listeners) listener(entry);
  }

  function add(cached: Cached, raw: Raw): void {
    if (cached.log.byAddress.has(raw.subject)) return;
    const entry = entryOf(raw);
    if (entry !== undefined) append(cached.log, entry, isVoid(entry) ? [] : definitionOf(entry.type)?.after);
  }
  function drainPlain(cached: Cached): void {
    let taken = 0;
    while (taken < cached.queue.length && !mayHaveBlobs((cached.queue[taken] as Raw).body)) add(cached, cached.queue[taken++] as Raw);
    if (taken > 0) cached.queue.splice(0, taken);
  }
  async function drain(cached: Cached): Promise<void> {
    for (drainPlain(cached); cached.queue.length > 0; drainPlain(cached)) {
      const raw = await completed(cached.queue[0] as Raw);
      add(cached, raw);
      if (cached.queue[0]?.seq === raw.seq) cached.queue.shift();
    }
  }

  /** Reads what is missing of a run from the stream; what arrives over the tail meanwhile waits in the queue. */
  async function load(cached: Cached, atLeast: number): Promise<void> {
    const { shard, run, entries } = cached.log;
    let upTo = entries.at(-1)?.seq ?? 0;
    const enter = async (raw: Raw): Promise<void> => {
      const complete = await completed(raw);
      if (!cached.log.byAddress.has(raw.subject)) grow(cached, raw.body.length);
      add(cached, complete);
      upTo = Math.max(upTo, raw.seq);
    };
    for (let patience = 40; ; patience -= 1) {
      // What comes after this comes over the tail.
      for (const raw of await storedRun(manager, shard, run, upTo + 1)) await enter(raw);
      const newest = Math.max(upTo, cached.queue.at(-1)?.seq ?? 0);
      if (newest >= atLeast) break;
      if (patience === 0) throw new LogUnavailable(`run ${run}: the log was read, and position ${atLeast} is not there yet`);
      await new Promise((resolve) => setTimeout(resolve, 25));
    }
    cached.loaded = true;
  }

  async function complete(cached: Cached, atLeast: number, late: boolean): Promise<void> {
    while (cached.loading !== undefined) await cached.loading;
    if (cached.loaded && !late) {
      if (cached.queue.length === 0) return;
      if (cached.loading === undefined) drainPlain(cached);
      if (cached.queue.length === 0) return;
    }
    while (cached.loading !== undefined) await (cached.loading as Promise<void>);
    cached.loading = (!cached.loaded || late ? load(cached, atLeast) : Promise.resolve())
      .then(() => drain(cached))
      .finally(() => {
        cached.loading = undefined;
      });
    await cached.loading;
  }

  return {
    read: async (shard, run, atLeast = 0) => {
      // A delivery may be faster than the tail. Whoever waits for that finds a run that has just begun, and need not load it.
      const late = tail.position(shard) < atLeast && !(await tail.reached(shard, atLeast, TAIL_PATIENCE_MS));
      let cached = cache.get(run);
      // What is asked for stands before all that is kept: this run had not begun with its request after all.
      if (cached !== undefined && atLeast > 0 && atLeast < (cached.log.entries[0]?.seq ?? 0)) {
        cachedBytes -= cached.bytes;
        cache.delete(run);
        cached = undefined;
      }
      if (cached === undefined) cached = keep(shard, run, false);
      else {
        cache.delete(run);
        cache.set(run, cached);
      }
      await complete(cached, atLeast, late);
      return cached.log;
    },
    occupant: async (address) => {
      const shard = parseAddress(address)?.shard ?? 0;
      const found = await reached(() => manager.streams.getMessage(reelStream(shard), { last_by_subj: address }));
      if (found === null || found === undefined) return undefined;
      return entryOf(await completed(rawOf(found, 'leader')));
    },
    position: async (address) => {
      const shard = parseAddress(address)?.shard ?? 0;
      return (await reached(() => manager.streams.getMessage(reelStream(shard), { last_by_subj: address })))?.seq;
    },
    glance: (address) => {
      const cached = cache.get(address.split('.')[2] as string);
      const entry = cached?.log.byAddress.get(address);
      if (entry !== undefined) return isVoid(entry) ? undefined : entry.type;
      const raw = cached?.queue.findLast(({ subject }) => subject === address);
      return raw === undefined ? undefined : glance(raw.body);
    },
    scan: async function* (shard, filter, fromSeq) {
      for await (const raw of stored(manager, reelStream(shard), filter, { seq: fromSeq })) {
        const entry = entryOf(await completed(raw));
        if (entry !== undefined) yield entry;
      }
    },
    subjects: (shard, filter, fromSeq) => stored(manager, reelStream(shard), filter, { seq: fromSeq }),
    follow: (listener) => {
      listeners.add(listener);
      return () => listeners.delete(listener);
    },
    close: () => tail.close(),
  };
}
