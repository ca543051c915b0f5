/**
 * The sweep: every now and then every open run is looked over, so that no run hangs on a message that was lost. Each process does it by
 * itself, so that it depends on nothing that another can write, wipe or withhold but the log.
 */
import { parseAddress } from '@reel/contracts/address.ts';
import type { Handover } from '../quarantine/handover.ts';
import { type Logger, SWEEP, type TimerFired } from '../service.ts';
import type { RunCache } from './run-cache.ts';

export type ReconcileOptions = {
  readonly reader: RunCache;
  readonly shards: number;
  readonly log: Logger;
  readonly fire: (timer: TimerFired) => Promise<void>;
  /** The way into quarantine: a run that was open already may be what ended the process before this one, and is looked at there first. */
  readonly apart?: Pick<Handover, 'fire'> | undefined;
  readonly everyMs?: number | undefined;
};

/** Looks every open run over: at once, for what was lost while no process was there, and then every so often. @returns how to stop. */
export function startReconciling({ everyMs = SWEEP.everyMs, ...options }: ReconcileOptions): () => Promise<void> {
  let stopping = false;
  const sweep = sweeper(options, () => stopping);
  let going: Promise<void> | undefined;
  const go = (): void => {
    going ??= sweep()
      .catch((error: Error) => options.log.warn({ error: error.message }, 'the open runs are looked over again by the next sweep'))
      .finally(() => {
        going = undefined;
      });
  };
  go();
  const timer = setInterval(go, everyMs).unref();
  return async () => {
    stopping = true;
    clearInterval(timer);
    await going;
  };
}

/** Remembers which runs are open (of each its id: 10 MB are a hundred thousand), so that a sweep reads only what is new since the last. */
function sweeper({ reader, shards, log, fire, apart }: Omit<ReconcileOptions, 'everyMs'>, isStopping: () => boolean): () => Promise<void> {
  const open = Array.from({ length: shards }, () => new Set<string>());
  const seen = Array.from({ length: shards }, () => 0);
  /** One run that cannot be looked at is no reason not to look at the others; the next sweep tries again. */
  const look = (one: TimerFired, isInherited: boolean): Promise<'handled' | 'died' | undefined> =>
    (apart !== undefined && isInherited ? apart.fire(one) : fire(one).then(() => 'handled' as const)).catch(({ message }: Error) => {
      log.warn({ run: one.run, error: message }, 'a run could not be looked over: the next sweep tries');
      return undefined;
    });
  /** The runs that were open before this process began, and that it has not looked at yet. */
  const inherited = new Set<string>();
  let isFirst = true;
  return async () => {
    for (let shard = 0; shard < shards; shard += 1) {
      const runs = open[shard] as Set<string>;
      for await (const { subject, seq } of reader.subjects(shard, `reel.${shard}.*.run.run.1.*`, (seen[shard] as number) + 1)) {
        if (isStopping()) return;
        const at = parseAddress(subject);
        if (at?.slot === 'request') {
          runs.add(at.run);
          if (isFirst) inherited.add(at.run);
        }
        if (at?.slot === 'outcome') {
          runs.delete(at.run);
          inherited.delete(at.run);
        }
        seen[shard] = seq;
      }
      for (const run of runs) {
        if (isStopping()) return;
        const came = await look({ name: SWEEP.name, shard, run, time: Date.now() }, inherited.has(run));
        if (came !== undefined) inherited.delete(run);
        // Its fault is said. Nothing else of it can be looked at here.
        if (came === 'died') runs.delete(run);
      }
    }
    isFirst = false;
  };
}
