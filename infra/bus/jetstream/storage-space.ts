/** How much room the streams have left of what they may take: asked again and again, so that new runs are refused while those under way still fit. */
import { jetstreamManager } from '@nats-io/jetstream';
import type { NatsConnection } from 'nats';
import type { Ailment } from '../health.ts';
import { API_PREFIX, reelStream } from './names.ts';

const EVERY_MS = 1000;
/** When less than this share of a stream is left, or so many bytes if that is more, new runs are refused. */
const LOW_SHARE = 0.05;
const LOW_BYTES = 4 * 1024 * 1024;
/** Less than a fact may take: nothing more fits. */
const FULL_BYTES = 1024 * 1024;

export type Space = {
  /** Of what was full a moment ago the broker is asked again. */
  ailment(): Promise<Ailment | undefined>;
  close(): void;
};

export async function openSpace(connection: NatsConnection, shards: number): Promise<Space> {
  const manager = await jetstreamManager(connection, { checkAPI: false, apiPrefix: API_PREFIX, timeout: 5000 });
  // Without room for large values, runs without them go on.
  const streams = Array.from({ length: shards }, (_, shard) => reelStream(shard));
  const known = new Map<string, Ailment | undefined>();
  let asking: Promise<void> | undefined;
  const ask = async (): Promise<void> => {
    for (const stream of streams) {
      try {
        const { config, state } = await manager.streams.info(stream);
        known.set(stream, ailmentOf(stream, state.bytes, config.max_bytes));
      } catch {
        // That the broker is away is told elsewhere; what was known of its room is no less true.
      }
    }
  };
  const look = (): Promise<void> =>
    (asking ??= ask().finally(() => {
      asking = undefined;
    }));
  const timer = setInterval(() => void look(), EVERY_MS).unref();
  await look();
  return {
    ailment: async () => {
      if ([...known.values()].some((one) => one !== undefined)) await look();
      const ailments = [...known.values()].filter((one) => one !== undefined);
      return ailments.find(({ stores }) => !stores) ?? ailments[0];
    },
    close: () => clearInterval(timer),
  };
}

/** @param most bytes; -1 without a limit */
export function ailmentOf(stream: string, bytes: number, most: number): Ailment | undefined {
  const left = most - bytes;
  if (most < 0 || left >= Math.max(most * LOW_SHARE, LOW_BYTES)) return undefined;
  return { why: `the stream ${stream} has ${inMb(Math.max(left, 0))} left of ${inMb(most)}`, stores: left >= FULL_BYTES };
}

export const inMb = (bytes: number): string => `${(bytes / 1024 / 1024).toFixed(1)} MiB`;
