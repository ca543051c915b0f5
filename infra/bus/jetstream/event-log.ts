/** The port `Log` on JetStream, for one service: its own connection speaks, the reader of the process reads. */
import { PubHeaders } from '@nats-io/jetstream';
import { headers, type NatsConnection } from 'nats';
import type { Ailment } from '../health.ts';
import { type Log, LogFull, LogUnavailable } from '../log.ts';
import { blobSubject, pack } from '../runtime/large-values.ts';
import { timerSubject } from './names.ts';
import { openPublisher, Refused } from './publisher.ts';
import type { RunCache } from './run-cache.ts';

/** The write-once slot says that it is taken, or that the stream or the disk is full: the code is one and the same. */
const SLOT_TAKEN = { code: 10077, text: 'maximum messages per subject' };

/** It could not be stored; the account has used up its storage. */
const NO_ROOM: ReadonlySet<number> = new Set([SLOT_TAKEN.code, 10047]);

/** How long a timer that was not delivered is kept. A service that was away for longer looks at every open run when it is back. */
export const TIMER_KEPT = '1h';

/** For how long something is said again to a broker that does not answer, before it is given up; never after `signal`. */
export type Patience = { readonly ms: number; readonly signal?: AbortSignal };

export type LogOptions = {
  readonly patience?: Patience | undefined;
  /** What is known to be the matter with the broker: what cannot be stored is refused at once. */
  readonly ailment?: (() => Ailment | undefined) | undefined;
};

/** An election among the nodes of a broker takes up to ten seconds. */
const PATIENCE: Patience = { ms: 20_000 };

/** Opens the log for the service `name`, whose connection this is. */
export function openLog(
  name: string,
  connection: NatsConnection,
  reader: Pick<RunCache, 'read' | 'occupant' | 'position'>,
  { patience = PATIENCE, ailment }: LogOptions = {},
): Log {
  const { ms, signal } = patience;
  const request = openPublisher(connection, `_INBOX_${name}`);

  /** Tries for as long as it can be that the broker comes back. What was tried may have come to pass each time: repeat nothing but what may be. */
  async function patiently<T>(attempt: () => Promise<T>): Promise<T> {
    const until = performance.now() + ms;
    for (let waitMs = 25; ; waitMs = Math.min(waitMs * 2, 500)) {
      try {
        return await attempt();
      } catch (error) {
        // A broker without room will not have any in a moment.
        const hopeless =
          !(error instanceof LogUnavailable) || error instanceof Refused || error instanceof LogFull || connection.isClosed();
        if (hopeless || signal?.aborted || performance.now() + waitMs > until) throw error;
        await pause(waitMs, signal);
      }
    }
  }

  /** Stores write-once: to say it again does no harm. @returns the position, or `taken`, which may be by an earlier attempt. */
  const store = (subject: string, body: string): Promise<{ seq: number } | 'taken'> =>
    patiently(async () => {
      const ails = ailment?.();
      if (ails?.stores === false) throw new LogFull(`there is no room for ${subject}: ${ails.why}`);
      const ack = await request(subject, body);
      if (ack.error === undefined) return { seq: ack.seq as number };
      const { code, err_code: errorCode, description = '' } = ack.error;
      if (errorCode === SLOT_TAKEN.code && description.includes(SLOT_TAKEN.text)) return 'taken';
      if (errorCode !== undefined && NO_ROOM.has(errorCode)) throw new LogFull(`there is no room for ${subject}: ${description}`);
      // A broker without a leader says 503.
      throw new (code === 503 ? LogUnavailable : Refused)(`${subject} was refused: ${description}`);
    });

  return {
    put: async (fact) => {
      const { body, blobs } = pack(fact);
      const [, shard = ''] = fact.id.split('.');
      for (const { digest, body: value } of blobs) await store(blobSubject({ shard, writer: fact.source, run: fact.runid, digest }), value);
      return await store(fact.id, body);
    },
    occupant: (address) => patiently(() => reader.occupant(address)),
    position: (address) => patiently(() => reader.position(address)),
    read: (shard, run, atLeast) => reader.read(shard, run, atLeast),
    setTimer: async (shard, run, alarm, atMs) => {
      const schedule = headers();
      schedule.set(PubHeaders.Schedule, `@at ${new Date(Math.max(atMs, Date.now())).toISOString()}`);
      schedule.set(PubHeaders.ScheduleTTL, TIMER_KEPT);
      schedule.set(PubHeaders.ScheduleTarget, `${timerSubject(shard, name, 'fired')}.${run}.${alarm}`);
      await patiently(async () => {
        const ack = await request(`${timerSubject(shard, name, 'set')}.${run}.${alarm}`, '', schedule);
        if (ack.error !== undefined) throw new LogUnavailable(`the clock refused ${run}.${alarm}: ${ack.error.description}`);
      });
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
