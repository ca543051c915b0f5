/** A stream that lost its end: what is stored next would have positions that its durables have passed. */
import type { JetStreamManager } from '@nats-io/jetstream';
import { LogUnavailable } from '../log.ts';
import { reached } from './stored.ts';

/** Positions of a stream, both included, and by what it is known that they are lost. */
export type Damage = { readonly stream: string; readonly from: number; readonly to: number; readonly why: string };

export const inWords = ({ stream, from, to, why }: Damage): string =>
  `${stream}: ${from === to ? `position ${from} is` : `positions ${from} to ${to} (${to - from + 1}) are`} lost: ${why}`;

/**
 * Holds a durable against its stream, for who may ask no more than that. @throws LogUnavailable when the stream ends before what the
 * durable was given: what is stored next would never be delivered.
 */
export async function refuseLostEnd(manager: JetStreamManager, stream: string, durable: string): Promise<void> {
  const { delivered, ack_floor: floor } = await manager.consumers.info(stream, durable);
  const last = await reached(() => manager.streams.getMessage(stream, { last_by_subj: '>' }));
  const given = Math.max(delivered.stream_seq, floor.stream_seq);
  if (last === undefined || last === null || last.seq >= given) return;
  const lost = { stream, from: last.seq + 1, to: given, why: `the durable ${durable} was given what stood there` };
  throw new LogUnavailable(`${inWords(lost)}. \`reel verify\` says what else is lost`);
}
