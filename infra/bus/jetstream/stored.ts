/** What is stored in a stream, read directly and in batches: no consumer is made for it, and the next batch is on its way while one is read. */
import type { JetStreamManager, StoredMsg } from '@nats-io/jetstream';
import type { Raw } from '../log.ts';
import { LogUnavailable } from '../log.ts';
import { blobSubject, type LoadBlob } from '../runtime/large-values.ts';
import { suspicionOf } from './broker-headers.ts';
import { blobStream, reelStream } from './names.ts';

const BATCH = 512;
/** The broker's answer to who asks for more than 1,024 subjects at once. */
const TOO_MANY = 413;

/** Where to begin: at a position, or at the first message stored at or after a time (ms since the epoch). */
export type From = { readonly seq: number } | { readonly timeMs: number };

/** The next message under a filter from a position on; the client's types know this of replicas alone. */
export const nextOf = (seq: number, filter: string): { seq: number } => ({ seq, next_by_subj: filter }) as { seq: number };

/** Everything stored under a subject filter from a position or a time on, oldest first, up to what is the end when it is reached. */
export async function* stored(manager: JetStreamManager, stream: string, filter: string, from: From): AsyncGenerator<Raw> {
  const read = async (start: From): Promise<Raw[]> => {
    const at = 'seq' in start ? { seq: Math.max(start.seq, 1) } : { start_time: new Date(start.timeMs) };
    const found: Raw[] = [];
    await reached(async () => {
      found.length = 0;
      for await (const message of await manager.direct.getBatch(stream, { ...at, next_by_subj: filter, batch: BATCH }))
        found.push(rawOf(message, 'replica'));
    });
    return found;
  };
  for (let found = await read(from); ; ) {
    const last = found.at(-1);
    if (last === undefined || found.length < BATCH) return yield* found;
    const next = read({ seq: last.seq + 1 });
    // A reader that stops early must not get the error of the rest.
    next.catch(() => {});
    yield* found;
    found = await next;
  }
}

/**
 * Every fact of a run from a position on, oldest first. Any replica may answer, and be late; what comes of it is kept for good or called
 * missing, so that its leader is asked whether that was all.
 */
export async function storedRun(manager: JetStreamManager, shard: number, run: string, fromSeq = 1): Promise<Raw[]> {
  const stream = reelStream(shard);
  const filter = `reel.${shard}.${run}.>`;
  const raws = await asAReplicaKnows(manager, stream, filter, fromSeq);
  const last = await reached(() => manager.streams.getMessage(stream, { last_by_subj: filter }));
  for (let next = fromSeq; ; ) {
    next = Math.max(next, (raws.at(-1)?.seq ?? 0) + 1);
    if (next > (last?.seq ?? 0)) return raws;
    const more = await reached(() => manager.streams.getMessage(stream, nextOf(next, filter)));
    // It has aged out meanwhile.
    if (more === null || more === undefined) return raws;
    raws.push(rawOf(more, 'leader'));
  }
}

/**
 * Each subject holds one fact, so that the last of every subject are all of them: those the broker finds by their names, where it would
 * look at everything that was said in between to find the next one.
 */
async function asAReplicaKnows(manager: JetStreamManager, stream: string, filter: string, fromSeq: number): Promise<Raw[]> {
  const found: Raw[] = [];
  const isLong = await reached(async () => {
    found.length = 0;
    try {
      for await (const message of await manager.direct.getLastMessagesFor(stream, { multi_last: [filter] }))
        found.push(rawOf(message, 'replica'));
      return false;
    } catch (error) {
      if ((error as { code?: number }).code !== TOO_MANY) throw error;
      return true;
    }
  });
  if (isLong) return await Array.fromAsync(stored(manager, stream, filter, { seq: fromSeq }));
  return found.filter(({ seq }) => seq >= fromSeq).sort((a, b) => a.seq - b.seq);
}

/** The values that stand beside a run: what a replica does not have, its leader may. */
export function storedBlobs(manager: JetStreamManager, shard: number, run: string): LoadBlob {
  const stream = blobStream(shard);
  return async (writer, digest) => {
    const wanted = { last_by_subj: blobSubject({ shard, writer, run, digest }) };
    const found =
      (await reached(() => manager.direct.getMessage(stream, wanted))) ?? (await reached(() => manager.streams.getMessage(stream, wanted)));
    return found?.string();
  };
}

/** A stored message as it stands in the log. @param by who has read it: a replica as one of a batch, or the leader. */
export function rawOf(message: StoredMsg, by: 'replica' | 'leader'): Raw {
  const suspicious = suspicionOf(message.header, by);
  const { subject, seq, time } = message;
  return { subject, seq, time: time.getTime(), body: message.string(), ...(suspicious === undefined ? {} : { suspicious }) };
}

/** Every error of the client while the broker is away means the same: try again later. "Not found" is no error. */
export async function reached<T>(read: () => Promise<T>): Promise<T | undefined> {
  try {
    return await read();
  } catch (error) {
    const { code, status, message } = error as { code?: number; status?: number; message: string };
    if (code === 404 || status === 404 || code === 10037 || /no message found|message not found/i.test(message)) return undefined;
    throw new LogUnavailable(`the log cannot be read: ${message}`);
  }
}
