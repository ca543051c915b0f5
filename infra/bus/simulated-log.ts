/** The log of the simulator: write-once slots in memory, with a view of them that may be behind. */
import { parseAddress } from '@reel/contracts/address.ts';
import type { Envelope } from '@reel/contracts/envelope.ts';
import { definitionOf } from '@reel/contracts/story.ts';
import { pack } from './blob.ts';
import { append, type Entry, emptyRunLog, isVoid, type RunLog } from './history.ts';
import { decode } from './wire.ts';

export type SimulatedLog = {
  readonly entries: readonly Entry[];
  put(fact: Envelope, timeMs: number): Entry | 'taken';
  /** Stores any text in a slot, as a hostile or broken writer would. */
  putText(address: string, text: string, timeMs: number): Entry | 'taken';
  at(address: string): Entry | undefined;
  run(run: string): RunLog;
};

/** @param writeOnce false plants a bug: slots take a second answer. */
export function simulatedLog(writeOnce = true): SimulatedLog {
  const entries: Entry[] = [];
  const byAddress = new Map<string, Entry>();
  const runs = new Map<string, RunLog>();

  function putText(address: string, text: string, timeMs: number): Entry | 'taken' {
    if (byAddress.has(address) && writeOnce) return 'taken';
    const entry = decode(address, text, entries.length + 1, timeMs);
    if (entry === undefined) throw new Error(`${address} is no address`);
    const { run, shard } = entry.at;
    const log = runs.get(run) ?? emptyRunLog(shard, run);
    runs.set(run, log);
    if (byAddress.has(address)) {
      log.byAddress.delete(address);
      log.entries.splice(
        log.entries.findIndex((one) => one.address === address),
        1,
      );
    }
    append(log, entry, isVoid(entry) ? [] : definitionOf(entry.type)?.after);
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
      pack(fact);
      return putText(fact.id, JSON.stringify(fact), timeMs);
    },
    at: (address) => byAddress.get(address),
    run: (run) => runs.get(run) ?? emptyRunLog(parseAddress(run)?.shard ?? 0, run),
  };
}

/** A run as a reader sees it who is behind: up to position `seq`. */
export function behind({ shard, run, entries }: RunLog, seq: number): RunLog {
  const seen = entries.filter((entry) => entry.seq <= seq);
  return { shard, run, entries: seen, byAddress: new Map(seen.map((entry) => [entry.address, entry])) };
}
