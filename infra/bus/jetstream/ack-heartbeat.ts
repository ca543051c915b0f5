/**
 * The heart of a performer that is busy: a thread that tells the broker of everything under way that it is being worked on, for as long
 * as the event loop does not come round to it. A process that is killed takes it along; one that hangs for good is given up.
 */
import { Worker } from 'node:worker_threads';
import type { Logger } from '../service.ts';
import type { Broker } from './connect.ts';

/** What the thread is told. `id`: of the performer within this process. */
export type Order =
  | { readonly open: { readonly id: number; readonly broker: Broker; readonly name: string } }
  | { readonly hold: { readonly id: number; readonly reply: string } }
  | { readonly release: { readonly id: number; readonly reply: string } }
  | { readonly close: number };

/** What the thread begins with: where the event loop shows that it goes round. */
export type Pulse = { readonly pulse: Int32Array };

export type AckHeartbeat = {
  /** From now on this delivery is being worked on. */
  hold(reply: string): void;
  release(reply: string): void;
  close(): void;
};

/** How often the event loop shows that it goes round, in ms. */
const PULSE_MS = 100;

/** How soon a thread that was lost is begun again: what ended it may end the next one at once. */
const AGAIN_MS = 1000;

type Performer = { readonly broker: Broker; readonly name: string; readonly log: Logger; readonly held: Set<string> };
/** What is held is known here as well: a thread that is begun again has to be told. */
type Heart = {
  readonly pulse: Int32Array;
  readonly going: NodeJS.Timeout;
  readonly performers: Map<number, Performer>;
  worker?: Worker;
  again?: NodeJS.Timeout;
};
let heart: Heart | undefined;
let last = 0;

/** One thread serves every performer of a process. */
export function openAckHeartbeat(broker: Broker, name: string, log: Logger): AckHeartbeat {
  const mine = (heart ??= begin());
  const id = ++last;
  const held = new Set<string>();
  const tell = (order: Order): void => mine.worker?.postMessage(order);
  mine.performers.set(id, { broker, name, log, held });
  if (mine.performers.size === 1) beginThread(mine);
  else tell({ open: { id, broker, name } });
  return {
    hold: (reply) => {
      held.add(reply);
      tell({ hold: { id, reply } });
    },
    release: (reply) => {
      held.delete(reply);
      tell({ release: { id, reply } });
    },
    close: () => {
      if (!mine.performers.delete(id)) return;
      tell({ close: id });
      if (mine.performers.size > 0) return;
      clearInterval(mine.going);
      clearTimeout(mine.again);
      if (heart === mine) heart = undefined;
      void mine.worker?.terminate();
    },
  };
}

function begin(): Heart {
  const pulse = new Int32Array(new SharedArrayBuffer(4));
  return { pulse, going: setInterval(() => Atomics.add(pulse, 0, 1), PULSE_MS).unref(), performers: new Map() };
}

function beginThread(mine: Heart): void {
  let why = 'it has ended';
  try {
    const worker = new Worker(new URL('./ack-heartbeat-thread.ts', import.meta.url), { workerData: { pulse: mine.pulse } satisfies Pulse });
    // It is there for the process, not the other way round.
    worker.unref();
    worker.on('error', ({ message }) => {
      why = message;
    });
    worker.once('exit', () => lost(mine, why));
    mine.worker = worker;
    const tell = (order: Order): void => worker.postMessage(order);
    for (const [id, { broker, name, held }] of mine.performers) {
      tell({ open: { id, broker, name } });
      for (const reply of held) tell({ hold: { id, reply } });
    }
  } catch (error) {
    lost(mine, (error as Error).message);
  }
}

/** Until the thread is there again, the event loop does what it can; and if it stands still, what is under way is delivered again. */
function lost(mine: Heart, why: string): void {
  const [performer] = mine.performers.values();
  // No heartbeat needed it any more.
  if (performer === undefined) return;
  const performers = [...mine.performers.values()].map(({ name }) => name);
  performer.log.warn({ performers, error: why }, 'the thread that speaks for what is busy is lost: it is begun again');
  mine.again = setTimeout(() => beginThread(mine), AGAIN_MS).unref();
}
