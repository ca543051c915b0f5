/** The thread of beats.ts: while the event loop of its process stands still, it says of every delivery under way that it is being worked on. */
import { setTimeout as delay } from 'node:timers/promises';
import { parentPort, workerData } from 'node:worker_threads';
import type { NatsConnection } from 'nats';
import type { Order, Pulse } from './ack-heartbeat.ts';
import { connect } from './connect.ts';

const { pulse } = workerData as Pulse;
/** The event loop beats by itself every 150 ms: only when it does not, it is done here. */
const STILL_MS = 220;
const BEAT_MS = 150;
/** What has stood still for so long hangs, and somebody else may go on with its work. */
const DEAD_MS = 60_000;
/** How soon a broker that did not answer is asked again. */
const AGAIN_MS = 1000;
/** What a delivery is answered while it is being worked on (NATS ADR-13). */
const WORKING = '+WPI';

type Performer = { connection?: NatsConnection; closed: boolean; readonly held: Set<string> };
const performers = new Map<number, Performer>();

parentPort?.on('message', (order: Order) => {
  if ('open' in order) void open(order.open);
  else if ('hold' in order) performers.get(order.hold.id)?.held.add(order.hold.reply);
  else if ('release' in order) performers.get(order.release.id)?.held.delete(order.release.reply);
  else void close(order.close);
});

async function open({ id, broker, name }: Extract<Order, { open: unknown }>['open']): Promise<void> {
  const performer: Performer = { closed: false, held: new Set() };
  performers.set(id, performer);
  // Without a connection nothing is lost but this: the event loop goes on beating as well as it can. A broker that is away comes back.
  while (!performer.closed && performer.connection === undefined) {
    const connection = await connect(broker, name).catch(() => undefined);
    if (connection === undefined) await delay(AGAIN_MS);
    else if (performer.closed) await connection.close();
    else performer.connection = connection;
  }
}

async function close(id: number): Promise<void> {
  const performer = performers.get(id);
  performers.delete(id);
  if (performer === undefined) return;
  performer.closed = true;
  await performer.connection?.close();
}

let seen = Atomics.load(pulse, 0);
let stillSince = performance.now();
setInterval(() => {
  const now = performance.now();
  const beat = Atomics.load(pulse, 0);
  if (beat !== seen) stillSince = now;
  seen = beat;
  const stillMs = now - stillSince;
  if (stillMs < STILL_MS || stillMs > DEAD_MS) return;
  for (const { connection, held } of performers.values()) {
    if (connection === undefined || connection.isClosed()) continue;
    for (const reply of held) connection.publish(reply, WORKING);
  }
}, BEAT_MS / 2);
