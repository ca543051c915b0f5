/** How soon runs went on after a fault, as the log tells it: from the fault to the next fact of each run in flight that it touched. */
import { isInvalid } from '@reel/bus/history.ts';
import { theRun } from '@reel/contracts/address.ts';
import { type Fault, type Kind, kinds } from './faults.ts';
import type { Told } from './judge.ts';

export type Recovery = {
  readonly kind: Kind;
  readonly faults: number;
  /** How long half of them lasted, in ms. */
  readonly lastedMs: number;
  /** Runs in flight whose next fact the faulty process owed, or that never got another. A run hit by several faults counts for each. */
  readonly touched: number;
  /** Of those, how many came to their end. */
  readonly recovered: number;
  /** From the beginning of the fault to the next fact, in ms. */
  readonly p50Ms: number;
  readonly p99Ms: number;
};

type Life = {
  readonly times: readonly number[];
  readonly tellers: readonly string[];
  readonly hasBegun: boolean;
  readonly hasEnded: boolean;
};

export function recoveries(faults: readonly Fault[], runs: ReadonlyMap<string, Told>): Recovery[] {
  const lives = [...runs.values()].map(lifeOf);
  return kinds.map((kind) => {
    const ones = faults.filter((fault) => fault.kind === kind);
    const gaps: number[] = [];
    let stuck = 0;
    let recovered = 0;
    for (const { beganMs, hit } of ones) {
      for (const { times, tellers, hasBegun, hasEnded } of lives) {
        const next = times.findIndex((time) => time > beganMs);
        // A run without a fact since then did not recover.
        if (next === -1 && hasBegun && !hasEnded) stuck += 1;
        // A run that waits for a client or a person is not held up by a fault.
        const owed = tellers[next];
        if (next < 1 || owed === undefined || (hit === undefined ? owed === 'gateway' : !hit.includes(owed))) continue;
        gaps.push((times[next] as number) - beganMs);
        if (hasEnded) recovered += 1;
      }
    }
    gaps.sort((a, b) => a - b);
    const lasted = ones.map(({ beganMs, endedMs }) => endedMs - beganMs).sort((a, b) => a - b);
    return {
      kind,
      faults: ones.length,
      lastedMs: quantile(lasted, 0.5),
      touched: gaps.length + stuck,
      recovered,
      p50Ms: quantile(gaps, 0.5),
      p99Ms: quantile(gaps, 0.99),
    };
  });
}

function lifeOf({ entries, history }: Told): Life {
  return {
    times: entries.map(({ time }) => time),
    tellers: entries.map((entry) => (isInvalid(entry) ? '' : entry.source)),
    // What a client claimed its key with is no run.
    hasBegun: history.occupant(theRun, 'request') !== undefined,
    hasEnded: history.occupant(theRun, 'outcome') !== undefined,
  };
}

export const quantile = (sorted: readonly number[], p: number): number =>
  sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * p))] ?? 0;
