/** Fills the log's store and gives it room again while everything runs: for chaos, and for tests of your own services. */
import { setTimeout as delay } from 'node:timers/promises';
import { jetstreamManager } from '@nats-io/jetstream';
import type { NatsConnection } from 'nats';
import { reelStream } from '../jetstream/names.ts';

export type StorageLimit = {
  /** From now on the broker refuses every further fact of the shard, as when its disk is full. @param left there is room for so many bytes */
  fill(shard: number, left?: number): Promise<void>;
  /** There is as much room again as before. */
  empty(shard: number): Promise<void>;
};

/** @param connection the provisioner's */
export async function openStorageLimit(connection: NatsConnection): Promise<StorageLimit> {
  const manager = await jetstreamManager(connection, { checkAPI: false, timeout: 5000 });
  const before = new Map<number, number>();
  const bound = async (shard: number, maxBytesOf: (bytes: number) => number): Promise<void> => {
    const { config, state } = await manager.streams.info(reelStream(shard));
    if (!before.has(shard)) before.set(shard, config.max_bytes);
    await manager.streams.update(config.name, { ...config, max_bytes: maxBytesOf(state.bytes) });
  };
  /** A broker that is just coming back is asked again: a log that stays full would be a fault without an end. */
  const insist = async (change: () => Promise<void>): Promise<void> => {
    for (let tries = 20; ; tries -= 1) {
      try {
        return await change();
      } catch (error) {
        if (tries === 0) throw error;
        await delay(250);
      }
    }
  };
  return {
    fill: (shard, left = 1) => insist(() => bound(shard, (bytes) => bytes + left)),
    empty: (shard) => insist(() => bound(shard, () => before.get(shard) ?? -1)),
  };
}
