/** Many writers for the same slots, over all nodes at once: who was told that its fact stands, and what stands there. */

import { setTimeout as delay } from 'node:timers/promises';
import { isInvalid } from '@reel/bus/history.ts';
import { openLog } from '@reel/bus/jetstream/event-log.ts';
import type { RunCache } from '@reel/bus/jetstream/run-cache.ts';
import { encode } from '@reel/bus/runtime/envelope-codec.ts';
import type { Parts } from '@reel/contracts/address.ts';
import type { Envelope } from '@reel/contracts/envelope.ts';
import { keyClaimed } from '@reel/contracts/run.ts';
import type { NatsConnection } from 'nats';

const BETWEEN_MS = 100;

type Told = { readonly writer: number; readonly seq: number };
/** For each slot, everybody who was told that the slot is theirs. */
export type Contest = { readonly told: readonly (readonly Told[])[]; readonly seconds: number };

/** What a writer says in a slot. */
function factAt(contest: string, slot: number, run: string): Envelope {
  const at: Parts = { shard: 0, run: contest, kind: 'claim', id: `s${slot}`, n: 1, slot: keyClaimed.slot };
  return encode(keyClaimed(at, { run, request: 'r' }), at, 'gateway', undefined, undefined, Date.now());
}

type End = { readonly connection: NatsConnection; readonly reader: RunCache };

/** Every writer tries every slot, in the same order; `at` is called at each slot that is tried for the first time. */
export async function contend(
  contest: string,
  writers: readonly End[],
  slots: number,
  at: (slot: number) => void = () => {},
): Promise<Contest> {
  const told: Told[][] = Array.from({ length: slots }, () => []);
  const begin = performance.now();
  let furthest = -1;
  await Promise.all(
    writers.map(async ({ connection, reader }, writer) => {
      const log = openLog('gateway', connection, reader);
      for (let slot = 0; slot < slots; slot += 1) {
        if (slot > furthest) at((furthest = slot));
        const put = await log.put(factAt(contest, slot, `W${writer}`));
        if (put !== 'taken') told[slot]?.push({ writer, seq: put.seq });
      }
    }),
  );
  return { told, seconds: (performance.now() - begin) / 1000 };
}

/** Writes one slot after the other over each of these ways, until it is stopped. @returns how to stop: the position of all that was acknowledged, by address */
export function writeOn(name: string, ends: readonly End[]): { stop(): Promise<ReadonlyMap<string, number>> } {
  const acknowledged = new Map<string, number>();
  let going = true;
  const writing = ends.map(async ({ connection, reader }, way) => {
    const log = openLog('gateway', connection, reader);
    for (let n = 0; going; n += 1) {
      const fact = factAt(`${name}${way}`, n, 'W');
      // What was not acknowledged may be lost or not.
      const put = await log.put(fact).catch(() => 'taken' as const);
      if (put !== 'taken') acknowledged.set(fact.id, put.seq);
      await delay(BETWEEN_MS);
    }
  });
  return {
    stop: async () => {
      going = false;
      await Promise.all(writing);
      return acknowledged;
    },
  };
}

/** What is wrong with the outcome of a contest; nothing when every slot has one winner, who is the one that was told so. */
export async function disputes(contest: string, { told }: Contest, reader: RunCache): Promise<string[]> {
  const winners = new Map<string, Told>();
  for await (const entry of reader.scan(0, `reel.0.${contest}.>`, 1)) {
    if (isInvalid(entry)) return [`${entry.address} is void: ${entry.invalid}`];
    if (winners.has(entry.address)) return [`${entry.address} was written twice`];
    const { run } = entry.data as { run: string };
    winners.set(entry.address, { writer: Number(run.slice(1)), seq: entry.seq });
  }
  return told.flatMap((ones, slot) => {
    const { id: address } = factAt(contest, slot, 'W');
    const winner = winners.get(address);
    if (winner === undefined) return [`${address} is empty`];
    if (ones.length > 1) return [`${address}: ${ones.length} writers were told that it is theirs`];
    const [one] = ones;
    return one === undefined || (one.writer === winner.writer && one.seq === winner.seq)
      ? []
      : [`${address}: ${JSON.stringify(one)} was told so, and ${JSON.stringify(winner)} stands there`];
  });
}
