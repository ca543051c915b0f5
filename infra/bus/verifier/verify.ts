/** Verifies a whole log against the protocol in one pass: a run that has ended and kept every rule is forgotten. */
import { parseAddress } from '@reel/contracts/address.ts';
import type { Raw } from '../log.ts';
import type { FullLog } from '../operator/full-log.ts';
import type { LoadBlob } from '../runtime/large-values.ts';
import { entriesOf, gathered } from './gather.ts';
import { check } from './protocol.ts';
import type { Finding } from './rule.ts';
import type { Circumstances } from './view.ts';

/** `open`: of the runs, those that have not ended. `cut`: runs of which the beginning has aged out, so that they cannot be verified. */
export type Verified = { runs: number; open: number; cut: number; facts: number; readonly findings: Finding[] };

export const nothingVerified = (): Verified => ({ runs: 0, open: 0, cut: 0, facts: 0, findings: [] });

/** Verifies one run. */
export async function verifyRun(raws: readonly Raw[], blobs: LoadBlob, circumstances: Circumstances): Promise<Finding[]> {
  return check(await entriesOf(raws, blobs), circumstances);
}

/**
 * Verifies everything that is stored in a shard. What seems to break a rule is looked at once more when the rest has been read: what would
 * have mended it may have been said long after the run had ended.
 */
export async function verifyShard(log: FullLog, shard: number, circumstances: Circumstances, verified: Verified): Promise<void> {
  const again = new Set<string>();
  let firstSeq: number | undefined;
  async function* counted(): AsyncGenerator<Raw> {
    for await (const raw of log.facts(shard)) {
      firstSeq ??= raw.seq;
      verified.facts += 1;
      yield raw;
    }
  }
  for await (const { state, run, raws } of gathered(counted())) {
    if (state === 'over' || state === 'open') verified.runs += 1;
    if (state === 'open') verified.open += 1;
    if (state === 'stray' || (await verifyRun(raws, log.blobs(shard, run), circumstances)).length > 0) again.add(run);
  }
  for (const run of again) {
    const raws = await log.run(shard, run);
    const hasRequest = raws.some(({ subject }) => subject.endsWith('.run.run.1.request'));
    // Positions are without gaps, so a log that does not begin with the first has lost what was too old.
    if (!hasRequest && (firstSeq ?? 1) > 1) verified.cut += 1;
    else verified.findings.push(...(await verifyRun(raws, log.blobs(shard, run), circumstances)));
  }
}

/** Verifies the runs that were requested between two times, ms since the epoch. */
export async function verifyWindow(
  log: FullLog,
  shard: number,
  { sinceMs, untilMs }: { readonly sinceMs: number; readonly untilMs: number },
  circumstances: Circumstances,
  verified: Verified,
): Promise<void> {
  for await (const { subject, time } of log.facts(shard, { timeMs: sinceMs }, `reel.${shard}.*.run.run.1.request`)) {
    if (time > untilMs) return;
    const run = parseAddress(subject)?.run;
    if (run !== undefined) await verifyOne(log, shard, run, circumstances, verified);
  }
}

/** Verifies one run of a log. @returns false when there is nothing of it. */
export async function verifyOne(
  log: FullLog,
  shard: number,
  run: string,
  circumstances: Circumstances,
  verified: Verified,
): Promise<boolean> {
  const raws = await log.run(shard, run);
  if (raws.length === 0) return false;
  verified.runs += 1;
  verified.facts += raws.length;
  if (!raws.some(({ subject }) => subject.endsWith('.run.run.1.outcome'))) verified.open += 1;
  verified.findings.push(...(await verifyRun(raws, log.blobs(shard, run), circumstances)));
  return true;
}
