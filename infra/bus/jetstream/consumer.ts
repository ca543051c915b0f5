/** Deliveries of one durable: each handled as it comes, acknowledged only when what was said is stored, handed back when the process stops. */
import { setTimeout as delay } from 'node:timers/promises';
import { type Consumer, type JsMsg, jetstream, jetstreamManager } from '@nats-io/jetstream';
import type { NatsConnection } from 'nats';
import { LogFull, LogUnavailable } from '../log.ts';
import type { Handled } from '../runtime/react.ts';
import type { Logger } from '../service.ts';
import type { AckHeartbeat } from './ack-heartbeat.ts';
import { failoverOf } from './failover.ts';
import { flush } from './flush.ts';
import { refuseLostEnd } from './lost-end.ts';
import { API_PREFIX } from './names.ts';
import { Refused } from './publisher.ts';

export type Delivery = {
  readonly subject: string;
  readonly seq: number;
  readonly count: number;
  /** How often it was delivered before, and no process may have come back from it. */
  readonly deaths: number;
  readonly time: number;
  readonly working: () => void;
};

export type Consuming = {
  /** Takes no more deliveries; resolves when those under way are done. */
  stop(): Promise<void>;
  /** Why no more deliveries will come, although it was not stopped. */
  lost(): string | undefined;
};

/** After two of these in silence the durable is asked for more again: its leader may have forgotten the request. */
const HEARTBEAT_MS = 1000;
/** After so many, whether it is there at all. */
const SILENT_BEATS = 15;
/** How often the broker is told that something is being worked on, well within the time after which it is delivered again; and for how long. */
const BEAT_MS = 700;
const LONGEST_MS = 600_000;
const RETRY_MS = 250;
const LONGEST_RETRY_MS = 30_000;
/** Of so many deliveries it is known here that they do no harm, although they may come again: their acknowledgement was lost, or they were handed back. */
const SURVIVED = 2000;

/** What the deliveries of a durable are handled with. */
type Handling = {
  readonly connection: NatsConnection;
  readonly log: Logger;
  readonly handle: (delivery: Delivery) => Promise<Handled>;
  readonly beats: AckHeartbeat | undefined;
};

type Work = {
  take(message: JsMsg): void;
  /** What is begun waits for a broker no more, and is delivered again instead. Resolves when it is done. */
  finish(): Promise<void>;
};

/** Handles deliveries: each is acknowledged when what it led to is stored, and handed back when that failed. */
function openWork({ connection, log, handle, beats }: Handling): Work {
  const under = new Map<number, { readonly verdict: Promise<Handled>; readonly message: JsMsg; readonly sinceMs: number }>();
  const survived = new Set<number>();
  let isStopping = false;

  /**
   * What cannot be said because the log is full or away is kept here until it can: one more delivery would count as one more that nobody
   * survived.
   */
  async function untilSaid(delivery: Delivery): Promise<Handled> {
    for (let tries = 1; ; tries += 1) {
      try {
        return await handle(delivery);
      } catch (error) {
        if (!(error instanceof LogUnavailable) || error instanceof Refused || isStopping || connection.isClosed()) throw error;
        const why = error instanceof LogFull ? 'the log is full: this waits until there is room' : 'the log is away: this waits for it';
        if (tries === 1) log.warn({ subject: delivery.subject, error: error.message }, why);
        await delay(RETRY_MS);
      }
    }
  }
  const handled = (delivery: Delivery): Promise<Handled> =>
    untilSaid(delivery).catch((error: Error): Handled => {
      log.warn({ subject: delivery.subject, seq: delivery.seq, error: error.message }, 'not handled; it will be delivered again');
      // What is not the broker's doing will hardly pass in a moment.
      return { againInMs: error instanceof LogUnavailable ? RETRY_MS : Math.min(RETRY_MS * 2 ** delivery.count, LONGEST_RETRY_MS) };
    });
  /** Work that takes longer than usual is reported as in progress, up to a limit. */
  const beating = setInterval(() => {
    const now = performance.now();
    for (const { message, sinceMs } of under.values()) {
      if (now - sinceMs > BEAT_MS && now - sinceMs < LONGEST_MS && !connection.isClosed()) message.working();
    }
  }, BEAT_MS).unref();

  async function work(message: JsMsg): Promise<void> {
    const delivery = deliveryOf(message, survived);
    // A second delivery of what is still being worked on here waits for the first.
    const first = under.get(delivery.seq);
    const verdict = first?.verdict ?? handled(delivery);
    if (first === undefined) under.set(delivery.seq, { verdict, message, sinceMs: performance.now() });
    beats?.hold(replyOf(message));
    const result = await verdict;
    beats?.release(replyOf(message));
    if (first === undefined) under.delete(delivery.seq);
    survived.add(delivery.seq);
    if (survived.size > SURVIVED) survived.delete(survived.values().next().value as number);
    // On a connection that is closed nothing can be said, and the delivery is somebody else's already.
    if (connection.isClosed()) return;
    if (result === 'handled') message.ack();
    else message.nak(result.againInMs);
  }
  return {
    take: (message) => {
      if (isStopping) message.nak();
      else void work(message);
    },
    finish: async () => {
      isStopping = true;
      await Promise.all([...under.values()].map(({ verdict }) => verdict));
      clearInterval(beating);
    },
  };
}

function deliveryOf(message: JsMsg, survived: ReadonlySet<number>): Delivery {
  const { info, subject } = message;
  return {
    subject,
    seq: info.streamSequence,
    count: info.deliveryCount,
    deaths: survived.has(info.streamSequence) ? 0 : info.deliveryCount - 1,
    time: Math.floor(info.timestampNanos / 1e6),
    working: () => message.working(),
  };
}

/** The durable, to be consumed. @throws LogUnavailable when it does not exist (the error says how to create it), or that is unknown. */
async function durableOf(connection: NatsConnection, stream: string, durable: string): Promise<Consumer> {
  const js = jetstream(connection, { checkAPI: false, apiPrefix: API_PREFIX });
  const consumer = await js.consumers.get(stream, durable).catch((error: Error) => {
    throw new LogUnavailable(
      /not found/.test(error.message)
        ? `${durable} has no durable on ${stream} (${error.message}): \`npx reel admit PATH\` makes one for a service of your own`
        : `${stream} cannot be asked about the durable ${durable}: ${error.message}`,
    );
  });
  // Of the clock only what looks after the broker can tell.
  if (stream.startsWith('REEL_'))
    await refuseLostEnd(await jetstreamManager(connection, { checkAPI: false, apiPrefix: API_PREFIX }), stream, durable);
  return consumer;
}

/** Starts consuming. @throws LogUnavailable when the durable does not exist (the error says how to create it), or that is unknown. */
export async function consume(
  connection: NatsConnection,
  stream: string,
  durable: string,
  concurrency: number,
  log: Logger,
  handle: (delivery: Delivery) => Promise<Handled>,
  beats?: AckHeartbeat,
): Promise<Consuming> {
  const consumer = await durableOf(connection, stream, durable);
  const messages = await consumer.consume({
    max_messages: Math.min(concurrency, 200),
    idle_heartbeat: HEARTBEAT_MS,
    // What the durable still has of an earlier connection, through another node, it goes on serving: what is sent there is lost.
    expires: 2 * HEARTBEAT_MS,
    // Without it, every loss of the connection or of the durable's leader is followed by a question about the durable, and that by half a
    // minute of silence when the leader is not there yet to answer it.
    bind: true,
    abort_on_missing_resource: true,
  });
  const work = openWork({ connection, log, handle, beats });
  let isStopping = false;
  let lost: string | undefined;
  function lose(error: Error): void {
    lost = `the durable ${durable} on ${stream} is gone: ${error.message}`;
    log.error({ stream, durable, error: error.message }, 'the durable is gone: nothing more will be heard');
  }
  const loop = (async () => {
    for await (const message of messages) work.take(message);
    if (!isStopping) throw new Error('its deliveries have ended');
  })().catch(lose);
  void (async () => {
    const roam = failoverOf(connection);
    for await (const status of messages.status()) {
      if (status.type === 'heartbeat') roam.fine();
      if (status.type === 'heartbeats_missed') roam.trouble(performance.now() - status.count * HEARTBEAT_MS);
      if (status.type !== 'heartbeats_missed' || status.count % SILENT_BEATS !== 0) continue;
      const missing = await consumer.info().then(
        () => undefined,
        (error: Error) => (/not found/.test(error.message) ? error : undefined),
      );
      if (missing !== undefined && lost === undefined && !isStopping) lose(missing);
    }
  })();
  return {
    lost: () => lost,
    stop: async () => {
      isStopping = true;
      messages.stop();
      await Promise.all([loop, work.finish()]);
      await flush(connection);
    },
  };
}

/** Where the broker hears about this delivery. The client keeps it, and does not declare it. */
const replyOf = (message: JsMsg): string => (message as JsMsg & { readonly reply: string }).reply;
