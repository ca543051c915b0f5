/** The log of the simulator: write-once slots in memory, with a view of them that may be behind. */
import type { Envelope } from '@reel/contracts/envelope.ts';
import { definitionOf } from '@reel/contracts/story.ts';
import { append, type Entry, emptyRunLog, isInvalid, type RunLog } from '../history.ts';
import { decode } from '../runtime/envelope-codec.ts';
import { pack } from '../runtime/large-values.ts';

export type SimulatedLog = {
  readonly entries: readonly Entry[];
  put(fact: Envelope, timeMs: number): Entry | 'taken';
  /** Stores any text in a slot, as a hostile or broken writer would. */
  putText(address: string, text: string, timeMs: number): Entry | 'taken';
  at(address: string): Entry | undefined;
  run(run: string): RunLog;
};

export function simulatedLog(): SimulatedLog {
  const entries: Entry[] = [];
  const byAddress = new Map<string, Entry>();
  const runs = new Map<string, RunLog>();

  function putText(address: string, text: string, timeMs: number): Entry | 'taken' {
    if (byAddress.has(address)) return 'taken';
    const entry = decode(address, text, entries.length + 1, timeMs);
    if (entry === undefined) throw new Error(`${address} is no address`);
    const { run, shard } = entry.at;
    const log = runs.get(run) ?? emptyRunLog(shard, run);
    runs.set(run, log);
    append(log, entry, isInvalid(entry) ? [] : definitionOf(entry.type)?.after);
    const kept = log.byAddress.get(address) as Entry;
    entries.push(kept);
    byAddress.set(address, kept);
    return kept;
  }
  return {
    entries,
    putText,
    // What is too large for the real log is too large here, and goes the same way through JSON.
    put: (fact, timeMs) => {
      const { body, blobs } = pack(fact);
      return putText(fact.id, blobs.length === 0 ? body : JSON.stringify(fact), timeMs);
    },
    at: (address) => byAddress.get(address),
    run: (run) => runs.get(run) ?? emptyRunLog(0, run),
  };
}

/** A run as a reader sees it who is so many facts behind, though not behind position `atLeast` nor the first, by which the run is known. */
export function behind({ shard, run, entries }: RunLog, facts: number, atLeast: number): RunLog {
  let count = Math.max(entries.length - facts, 1);
  while (count < entries.length && (entries[count] as Entry).seq <= atLeast) count += 1;
  const seen = entries.slice(0, count);
  return { shard, run, entries: seen, byAddress: new Map(seen.map((entry) => [entry.address, entry])) };
}
