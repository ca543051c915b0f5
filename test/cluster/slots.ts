/** Many writers for the same slots, over all nodes at once: who was told that its fact stands, and what stands there. */

import { isVoid } from '@reel/bus/history.ts';
import { openLog } from '@reel/bus/jetstream-log.ts';
import type { Reader } from '@reel/bus/reader.ts';
import { envelop } from '@reel/bus/wire.ts';
import { addressOf, type Parts } from '@reel/contracts/address.ts';
import { keyClaimed } from '@reel/contracts/run.ts';
import type { NatsConnection } from 'nats';

type Told = { readonly writer: number; readonly seq: number };
/** For each slot, everybody who was told that the slot is theirs. */
export type Contest = { readonly told: readonly (readonly Told[])[]; readonly seconds: number };

const placeOf = (contest: string, slot: number): Parts => ({
  shard: 0,
  run: contest,
  kind: 'claim',
  id: `s${slot}`,
  n: 1,
  slot: 'request',
});

/** Every writer tries every slot, in the same order; `at` is called at each slot that is tried for the first time. */
export async function contend(
  contest: string,
  ends: readonly { connection: NatsConnection; reader: Reader }[],
  writers: number,
  slots: number,
  at: (slot: number) => void = () => {},
): Promise<Contest> {
  const told: Told[][] = Array.from({ length: slots }, () => []);
  const logs = ends.map(({ connection, reader }) => openLog('gateway', connection, reader));
  const begin = performance.now();
  let furthest = -1;
  await Promise.all(
    Array.from({ length: writers }, async (_, writer) => {
      const log = logs[writer % logs.length] as (typeof logs)[number];
      for (let slot = 0; slot < slots; slot += 1) {
        if (slot > furthest) at((furthest = slot));
        const parts = placeOf(contest, slot);
        const draft = keyClaimed(parts, { run: `W${writer}`, request: 'r' });
        const put = await log.put(envelop(draft, { ...parts, slot: draft.slot }, 'gateway', undefined, undefined, log.now()));
        if (put !== 'taken') told[slot]?.push({ writer, seq: put.seq });
      }
    }),
  );
  return { told, seconds: (performance.now() - begin) / 1000 };
}

/** What is wrong with the outcome of a contest; nothing when every slot has one winner, who is the one that was told so. */
export async function disputes(contest: string, { told }: Contest, reader: Reader): Promise<string[]> {
  const winners = new Map<string, Told>();
  for await (const entry of reader.scan(0, `reel.0.${contest}.>`, 1)) {
    if (isVoid(entry)) return [`${entry.address} is void: ${entry.void}`];
    if (winners.has(entry.address)) return [`${entry.address} was written twice`];
    const { run } = entry.data as { run: string };
    winners.set(entry.address, { writer: Number(run.slice(1)), seq: entry.seq });
  }
  return told.flatMap((ones, slot) => {
    const { slot: name } = keyClaimed(placeOf(contest, slot), { run: 'W', request: 'r' });
    const address = addressOf({ ...placeOf(contest, slot), slot: name });
    const winner = winners.get(address);
    if (winner === undefined) return [`${address} is empty`];
    if (ones.length > 1) return [`${address}: ${ones.length} writers were told that it is theirs`];
    const [one] = ones;
    return one === undefined || (one.writer === winner.writer && one.seq === winner.seq)
      ? []
      : [`${address}: ${JSON.stringify(one)} was told so, and ${JSON.stringify(winner)} stands there`];
  });
}
