/** The sweep: every now and then every open run is looked over, so that no run hangs on a message that was lost. */
import { theRun } from '@reel/contracts/address.ts';
import { historyOf } from './history.ts';
import type { Reader } from './reader.ts';
import type { Ring } from './service.ts';

/** Remembers which runs are open (of each its id: 10 MB are a hundred thousand), so that a sweep reads only what is new since the last. */
export function openSweep(reader: Reader, shards: number) {
  const open = Array.from({ length: shards }, () => new Set<string>());
  const seen = Array.from({ length: shards }, () => 0);
  return async function sweep(time: number, ring: (ring: Ring) => Promise<void>): Promise<void> {
    for (let shard = 0; shard < shards; shard += 1) {
      const runs = open[shard] as Set<string>;
      for await (const { at, seq } of reader.scan(shard, `reel.${shard}.*.run.run.1.*`, (seen[shard] as number) + 1)) {
        if (at.slot === 'request') runs.add(at.run);
        if (at.slot === 'outcome') runs.delete(at.run);
        seen[shard] = seq;
      }
      for (const run of runs) {
        if (historyOf(await reader.read(shard, run)).occupant(theRun, 'outcome') !== undefined) runs.delete(run);
        else await ring({ name: 'sweep', shard, run, time });
      }
    }
  };
}
