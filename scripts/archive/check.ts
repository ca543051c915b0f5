/** `reel archive --check`: holds the log against its archive, fact by fact. Nothing may be relied on to be in the log for ever. */
import type { FullLog } from '@reel/bus/operator/full-log.ts';
import { type Archive, type Damaged, indexOf, keptFrom, lostEnd, volumesOf } from './read.ts';

type Looking = {
  /** Runs that ended later are not expected to be archived yet, ms since the epoch. */
  readonly beforeMs: number;
  /** Hears of volumes that are lost. */
  tell(damaged: Damaged): void;
};

/**
 * The runs that ended before a moment and are not archived, or not whole: of what the archive has gone past, some fact is not in it. What
 * was said of a run after its end is due when the log is next archived, and not before.
 */
export async function unarchived(
  log: FullLog,
  shards: number,
  shelf: Archive,
  { beforeMs, tell }: Looking,
): Promise<{ run: string; endedMs: number }[]> {
  const volumes = await volumesOf(shelf);
  lostEnd(shelf, volumes).forEach(tell);
  const known = new Set<string>();
  for (const volume of volumes) for (const { run } of await indexOf(shelf, volume)) known.add(run);
  const missing: { run: string; endedMs: number }[] = [];
  for (let shard = 0; shard < shards; shard += 1) {
    const resume = volumes.at(-1)?.manifest.shards.find((one) => one.shard === shard)?.resume ?? 1;
    const ended = new Map<string, number>();
    const absent = new Set<string>();
    let kept: Map<number, number> | undefined;
    for await (const { subject, seq, time } of log.facts(shard)) {
      const run = subject.split('.', 3)[2] as string;
      kept ??= await keptFrom(shelf, volumes, shard, seq);
      if (seq < resume && kept.get(seq) !== time) absent.add(run);
      if (time < beforeMs && (subject.endsWith('.run.run.1.outcome') || subject.includes('.claim.'))) ended.set(run, time);
      // A claim is over as it is said, and nothing counts it before the archive has gone past it.
      if (subject.includes('.claim.') && seq >= resume) ended.delete(run);
    }
    for (const [run, endedMs] of ended) if (!known.has(run) || absent.has(run)) missing.push({ run, endedMs });
  }
  return missing;
}
