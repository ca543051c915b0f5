/** Runs in memory, bounded by bytes: what is known of each, and what has come of it since and was not read in yet. Pure. */

import { definitionOf } from '@reel/contracts/story.ts';
import type { Entry } from '../history.ts';
import { append, emptyRunLog, isInvalid, type RunLog } from '../history.ts';
import type { Raw } from '../log.ts';
import { decode } from '../runtime/envelope-codec.ts';
import { mayHaveBlobs } from '../runtime/large-values.ts';

/** Bodies of runs kept in memory, in bytes; parsed they take about four times as much. */
const CACHE_BYTES = 48 * 1024 * 1024;
/** What a run takes beside its facts: one that does not exist, too, when somebody asks for it. */
const RUN_BYTES = 500;
/** So many runs are known of which a fact passed by while they were not kept. */
const STRAYS = 10_000;

/** `queue`: heard and not read into `log` yet. `loading`: it is being read from the stream. */
export type CachedRun = { readonly log: RunLog; loaded: boolean; queue: Raw[]; bytes: number; loading: Promise<void> | undefined };

export type CachedRuns = {
  get(run: string): CachedRun | undefined;
  /** Keeps a run that was not kept. `loaded`: nothing of it stands in the stream but what will be heard. */
  keep(shard: number, run: string, loaded: boolean): CachedRun;
  /** Makes it the newest: the oldest go first when there is no room. */
  touch(cached: CachedRun): void;
  forget(cached: CachedRun): void;
  /** Takes what was heard: into the queue of its run, or into a run that begins with it. */
  hear(shard: number, raw: Raw): void;
  /** Reads a fact that is complete into its run. `bytes`: what it takes that was not counted when it was heard. */
  add(cached: CachedRun, raw: Raw, bytes?: number): void;
  /** Reads in the entries of the queue up to the first with a large value. */
  drainPlain(cached: CachedRun): void;
};

export const entryOf = (raw: Raw): Entry | undefined => decode(raw.subject, raw.body, raw.seq, raw.time, raw.suspicious);

export function openCachedRuns(): CachedRuns {
  const runs = new Map<string, CachedRun>();
  /** The runs of facts that passed by while their run was not kept, the newest of them. */
  const strays = new Set<string>();
  let keptBytes = 0;

  /** Everything that is kept is counted, however it came here, for as long as it is kept. */
  function grow(cached: CachedRun, bytes: number): void {
    if (runs.get(cached.log.run) !== cached) return;
    cached.bytes += bytes;
    keptBytes += bytes;
    if (keptBytes > CACHE_BYTES) evict();
  }
  /** Drops the runs that nothing was asked or heard of for longest: they can always be loaded again. */
  function evict(): void {
    for (const cached of runs.values()) {
      if (keptBytes <= CACHE_BYTES / 2) return;
      if (cached.loading === undefined) forget(cached);
    }
  }
  function forget(cached: CachedRun): void {
    if (runs.delete(cached.log.run)) keptBytes -= cached.bytes;
  }
  function keep(shard: number, run: string, loaded: boolean): CachedRun {
    const cached: CachedRun = { log: emptyRunLog(shard, run), loaded, queue: [], bytes: 0, loading: undefined };
    runs.set(run, cached);
    grow(cached, RUN_BYTES);
    return cached;
  }
  /** A run that begins now is complete from its request on, unless something stood there before it; what began earlier is loaded when asked for. */
  function begun(shard: number, run: string, subject: string): CachedRun | undefined {
    if (subject.endsWith('.run.run.1.request')) return strays.has(run) ? undefined : keep(shard, run, true);
    strays.add(run);
    if (strays.size > STRAYS) strays.delete(strays.values().next().value as string);
    return undefined;
  }
  function add(cached: CachedRun, raw: Raw, bytes = 0): void {
    if (cached.log.byAddress.has(raw.subject)) return;
    grow(cached, bytes);
    const entry = entryOf(raw);
    if (entry !== undefined) append(cached.log, entry, isInvalid(entry) ? [] : definitionOf(entry.type)?.after);
  }
  return {
    get: (run) => runs.get(run),
    keep,
    touch: (cached) => {
      runs.delete(cached.log.run);
      runs.set(cached.log.run, cached);
    },
    forget,
    hear: (shard, raw) => {
      const run = raw.subject.split('.')[2] as string;
      const cached = runs.get(run) ?? begun(shard, run, raw.subject);
      if (cached === undefined) return;
      cached.queue.push(raw);
      grow(cached, raw.body.length);
    },
    add,
    drainPlain: (cached) => {
      let taken = 0;
      while (taken < cached.queue.length && !mayHaveBlobs((cached.queue[taken] as Raw).body)) add(cached, cached.queue[taken++] as Raw);
      if (taken > 0) cached.queue.splice(0, taken);
    },
  };
}
