/** The whole log, for operators: read from its beginning to its end or from a time on, as it is stored, without touching anything. */
import { type JetStreamManager, jetstreamManager } from '@nats-io/jetstream';
import type { NatsConnection } from 'nats';
import { API_PREFIX, reelStream } from '../jetstream/names.ts';
import { type From, reached, stored, storedBlobs, storedRun } from '../jetstream/stored.ts';
import type { Raw } from '../log.ts';
import type { LoadBlob } from '../runtime/large-values.ts';

export type FullLog = {
  /** What is stored under a subject filter, by default every fact, in the order of the log. It ends at what was stored when it was called. */
  facts(shard: number, from?: From, filter?: string): AsyncIterable<Raw>;
  /** Every fact of a run. */
  run(shard: number, run: string): Promise<Raw[]>;
  /** The values that stand beside a run. */
  blobs(shard: number, run: string): LoadBlob;
};

/** @param connection one that may read the streams: `operator`'s. */
export async function openFullLog(connection: NatsConnection): Promise<FullLog> {
  return fullLogOf(await jetstreamManager(connection, { checkAPI: false, apiPrefix: API_PREFIX, timeout: 30_000 }));
}

/** The same over streams that are given. */
export function fullLogOf(manager: JetStreamManager): FullLog {
  return {
    // A filter that lets everything pass is one that the broker need not look at each subject for.
    facts: async function* (shard, from = { seq: 1 }, filter = '>') {
      // A log that is being written has no end. Its last message may be there and not be readable.
      const end = (await reached(() => manager.streams.info(reelStream(shard))))?.state.last_seq ?? 0;
      // There is no stream to ask.
      if (end === 0) return;
      for await (const raw of stored(manager, reelStream(shard), filter, from)) {
        if (raw.seq > end) return;
        yield raw;
      }
    },
    run: (shard, run) => storedRun(manager, shard, run),
    blobs: (shard, run) => storedBlobs(manager, shard, run),
  };
}
