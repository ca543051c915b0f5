/** The log's store, made full and given room again while everything goes on: for chaos, and for whoever tries what their services do then. */
import { jetstreamManager } from '@nats-io/jetstream';
import type { NatsConnection } from 'nats';
import { reelStream } from './accounts.ts';

export type Room = {
  /** From now on the broker refuses every further fact of the shard, as when its disk is full. */
  fill(shard: number): Promise<void>;
  /** There is room again, without bounds. */
  empty(shard: number): Promise<void>;
};

/** @param connection the provisioner's */
export async function openRoom(connection: NatsConnection): Promise<Room> {
  const manager = await jetstreamManager(connection, { checkAPI: false, timeout: 30_000 });
  const bound = async (shard: number, maxBytesOf: (bytes: number) => number): Promise<void> => {
    const { config, state } = await manager.streams.info(reelStream(shard));
    await manager.streams.update(config.name, { ...config, max_bytes: maxBytesOf(state.bytes) });
  };
  return {
    fill: (shard) => bound(shard, (bytes) => bytes + 1),
    empty: (shard) => bound(shard, () => -1),
  };
}
