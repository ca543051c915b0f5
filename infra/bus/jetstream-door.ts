/** The door on JetStream. */
import { addressOf, type Place, theRun } from '@reel/contracts/address.ts';
import type { NatsConnection } from 'nats';
import type { Door } from './door.ts';
import { type Entry, historyOf } from './history.ts';
import type { Log } from './log.ts';
import type { Reader } from './reader.ts';
import { readTools } from './registry.ts';
import { sayOne } from './say.ts';

/** Opens the door of the service `name`. */
export async function openDoor(
  name: string,
  connection: NatsConnection,
  log: Log,
  reader: Reader,
  shards: number,
): Promise<{ door: Door; close(): void }> {
  const registry = await readTools(connection);
  const look: Door['look'] = async (shard, run) => historyOf(await reader.read(shard, run));
  const door: Door = {
    shards,
    look,
    say: (shard, run, draft, options = {}) => sayOne(log, { source: name, shard, run, ...options }, draft),
    find: async (run) => {
      for (let shard = 0; shard < shards; shard += 1) {
        if ((await look(shard, run)).occupant(theRun, 'request') !== undefined) return shard;
      }
      return undefined;
    },
    occupant: (shard: number, run: string, at: Place, slot: string): Promise<Entry | undefined> =>
      reader.occupant(addressOf({ shard, run, ...at, slot })),
    runs: (shard, fromSeq) => reader.scan(shard, `reel.${shard}.*.run.>`, fromSeq),
    follow: (listener) => reader.follow(listener),
    tools: () => registry.tools(),
    ready: async () => {
      await reader.occupant(addressOf({ shard: 0, run: 'ready', ...theRun, slot: 'request' }));
    },
  };
  return { door, close: () => registry.close() };
}
