/** A run read straight from the stream, and nothing else kept or followed: for the quarantine, which reads few runs, each on its own. */
import { jetstreamManager } from '@nats-io/jetstream';
import { parseAddress } from '@reel/contracts/address.ts';
import { definitionOf } from '@reel/contracts/story.ts';
import type { NatsConnection } from 'nats';
import { append, type Entry, emptyRunLog, isInvalid } from '../history.ts';
import type { Raw } from '../log.ts';
import { LogUnavailable } from '../log.ts';
import { decode } from '../runtime/envelope-codec.ts';
import { whole } from '../runtime/whole.ts';
import { API_PREFIX, reelStream } from './names.ts';
import type { RunCache } from './run-cache.ts';
import { rawOf, reached, storedBlobs, storedRun } from './stored.ts';

/** Opens it on a connection that may read the streams. */
export async function openDirect(connection: NatsConnection): Promise<Pick<RunCache, 'read' | 'occupant' | 'position'>> {
  const manager = await jetstreamManager(connection, { checkAPI: false, apiPrefix: API_PREFIX, timeout: 5000 });
  const last = async (address: string) => {
    const shard = parseAddress(address)?.shard ?? 0;
    return await reached(() => manager.streams.getMessage(reelStream(shard), { last_by_subj: address }));
  };
  async function entryOf(raw: Raw): Promise<Entry | undefined> {
    const at = parseAddress(raw.subject);
    if (at === undefined) return undefined;
    const { subject, body, seq, time, suspicious } = await whole(raw, storedBlobs(manager, at.shard, at.run), Date.now());
    return decode(subject, body, seq, time, suspicious);
  }
  return {
    read: async (shard, run, atLeast = 0) => {
      const log = emptyRunLog(shard, run);
      for (const raw of await storedRun(manager, shard, run)) {
        const entry = await entryOf(raw);
        if (entry !== undefined) append(log, entry, isInvalid(entry) ? [] : definitionOf(entry.type)?.after);
      }
      if ((log.entries.at(-1)?.seq ?? 0) >= atLeast) return log;
      throw new LogUnavailable(`run ${run}: the log was read, and position ${atLeast} is not there yet`);
    },
    occupant: async (address) => {
      const found = await last(address);
      return found === null || found === undefined ? undefined : await entryOf(rawOf(found, 'leader'));
    },
    position: async (address) => (await last(address))?.seq,
  };
}
