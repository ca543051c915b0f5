/** Verifies an archive against the protocol as if it were the log; what is damaged is named, and the rest is verified all the same. */

import type { ArchiveStore } from '@reel/bus/operator/archive-store.ts';
import { type Verified, verifyRun } from '@reel/bus/verifier/verify.ts';
import type { Circumstances } from '@reel/bus/verifier/view.ts';
import { blobsOf, type Indexed, type Stored } from '../archive/format.ts';
import { type Archive, Damaged, indexOf, joined, lostEnd, runFrom, runsOf, type Volume, volumesOf } from '../archive/read.ts';
import type { Window } from '../local/operator.ts';

/** Enters damage as a finding, each file once. */
function finding(verified: Verified): (error: unknown) => void {
  const named = new Set<string>();
  return (error) => {
    if (!(error instanceof Damaged)) throw error;
    if (named.has(error.file)) return;
    named.add(error.file);
    verified.findings.push({ rule: 'archive', address: error.file, message: error.message });
  };
}

/** Verifies one run of an archive. @returns false when it is not there. */
export async function verifyArchived(shelf: Archive, run: string, circumstances: Circumstances, verified: Verified): Promise<boolean> {
  const found = await runFrom(shelf, run, finding(verified));
  if (found !== undefined) await enter(found, circumstances, verified);
  return found !== undefined;
}

/** Verifies the runs of an archive that were requested within a time. */
export async function verifyArchive(
  shelf: Archive,
  { sinceMs, untilMs }: Window,
  circumstances: Circumstances,
  verified: Verified,
): Promise<void> {
  const damaged = finding(verified);
  const volumes = await volumesOf(shelf, damaged);
  lostEnd(shelf, volumes).forEach(damaged);
  const more = new Map<string, Stored[]>();
  const within = new Map<Volume, ReadonlySet<string>>();
  for (const volume of volumes) {
    try {
      const index = await indexOf(shelf, volume);
      const wanted = index.filter(({ requestedMs }) => requestedMs >= sinceMs && requestedMs <= untilMs);
      within.set(volume, new Set(wanted.map(({ run }) => run)));
      if (index.some(({ of }) => of === 'more')) await remember(shelf, volume, index, more);
    } catch (error) {
      damaged(error);
    }
  }
  for (const [volume, wanted] of within) {
    try {
      for await (const stored of runsOf(shelf, volume)) {
        if (!wanted.has(stored.run) || more.get(stored.run)?.some(({ raws }) => raws[0]?.seq === stored.raws[0]?.seq)) continue;
        await enter((more.get(stored.run) ?? []).reduce(joined, stored), circumstances, verified);
      }
    } catch (error) {
      damaged(error);
    }
  }
}

/** What came when the rest of its run was archived already is verified together with that. */
async function remember(shelf: ArchiveStore, volume: Volume, index: readonly Indexed[], more: Map<string, Stored[]>): Promise<void> {
  const late = new Map(index.filter(({ of }) => of === 'more').map(({ run, first }) => [run, first]));
  for await (const stored of runsOf(shelf, volume)) {
    if (late.get(stored.run) === stored.raws[0]?.seq) more.set(stored.run, [...(more.get(stored.run) ?? []), stored]);
  }
}

async function enter(stored: Stored, circumstances: Circumstances, verified: Verified): Promise<void> {
  const { raws } = stored;
  const isClaim = raws[0]?.subject.includes('.claim.') === true;
  if (!isClaim) verified.runs += 1;
  verified.facts += raws.length;
  verified.findings.push(...(await verifyRun(raws, blobsOf(stored), circumstances)));
}
