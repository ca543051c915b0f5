/** The port `Log` on JetStream, for one service: its own connection speaks, the reader of the process reads. */
import { PubHeaders } from '@nats-io/jetstream';
import { headers, type NatsConnection } from 'nats';
import { openAcks } from './acks.ts';
import { pack } from './blob.ts';
import { type Log, LogUnavailable } from './log.ts';
import type { Reader } from './reader.ts';

/** The write-once slot says that it is taken, or that the stream is full: the code is one and the same. */
const SLOT_TAKEN = { code: 10077, text: 'maximum messages per subject' };

/** Opens the log for the service `name`, whose connection this is. */
export function openLog(name: string, connection: NatsConnection, reader: Reader): Log {
  const request = openAcks(connection, `_INBOX_${name}`);

  /** Stores write-once. @returns the position, or `taken`. */
  async function store(subject: string, body: string): Promise<{ seq: number } | 'taken'> {
    const ack = await request(subject, body);
    if (ack.error === undefined) return { seq: ack.seq as number };
    const { err_code: code, description = '' } = ack.error;
    if (code === SLOT_TAKEN.code && description.includes(SLOT_TAKEN.text)) return 'taken';
    throw new LogUnavailable(`${subject} was refused: ${description}`);
  }

  return {
    put: async (fact) => {
      const { body, blobs } = pack(fact);
      const [, shard] = fact.id.split('.');
      for (const blob of blobs) await store(`blob.${shard}.${fact.runid}.${blob.digest}`, blob.body);
      return await store(fact.id, body);
    },
    occupant: (address) => reader.occupant(address),
    read: (shard, run, atLeast) => reader.read(shard, run, atLeast),
    setAlarm: async (shard, run, alarm, atMs) => {
      const schedule = headers();
      schedule.set(PubHeaders.Schedule, `@at ${new Date(Math.max(atMs, Date.now())).toISOString()}`);
      schedule.set(PubHeaders.ScheduleTarget, `clock.${shard}.rang.${run}.${alarm}`);
      const ack = await request(`clock.${shard}.ask.${run}.${alarm}`, '', schedule);
      if (ack.error !== undefined) throw new LogUnavailable(`the clock refused ${run}.${alarm}: ${ack.error.description}`);
    },
    now: Date.now,
    pause,
  };
}

/** The most that a timer of Node's takes: 24 days. */
const LONGEST_MS = 2 ** 31 - 1;

function pause(ms: number, signal?: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    if (signal?.aborted) return resolve();
    // A longer one would overflow, and fire at once.
    const timer = setTimeout(finish, Math.min(ms, LONGEST_MS));
    function finish(): void {
      clearTimeout(timer);
      signal?.removeEventListener('abort', finish);
      resolve();
    }
    signal?.addEventListener('abort', finish, { once: true });
  });
}
