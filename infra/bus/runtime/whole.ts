/** A stored fact with the large values that stand beside it. */

import type { Raw } from '../log.ts';
import { LogUnavailable } from '../log.ts';
import { type LoadBlob, mayHaveBlobs, unpack } from './large-values.ts';

/**
 * A node that leads no more may not know it, and answers that there is nothing where its successor has something: for ten seconds
 * (nats-server, `lostQuorumInterval`). A value is stored before the fact that names it, so this long after the fact there is no doubt.
 */
const SETTLED_MS = 20_000;
/** So long there is doubt about what a connection's broker says is missing: a node that is alone knows it. */
export const doubtMs = (isClustered: boolean): number => (isClustered ? SETTLED_MS : 0);

/**
 * The fact with its large values. One that is lost leaves its reference, which makes the fact void.
 * @throws LogUnavailable when a value is missing of a fact so young that the node that was asked may not have it yet.
 */
export async function whole(raw: Raw, load: LoadBlob, nowMs: number, settledMs = SETTLED_MS): Promise<Raw> {
  if (!mayHaveBlobs(raw.body)) return raw;
  const missing: string[] = [];
  const body = await unpack(raw.body, async (writer, digest) => {
    const value = await load(writer, digest);
    if (value === undefined) missing.push(digest);
    return value;
  });
  if (missing.length > 0 && nowMs - raw.time < settledMs)
    throw new LogUnavailable(`${raw.subject}: its value ${missing[0]} is not there yet`);
  return { ...raw, body };
}
