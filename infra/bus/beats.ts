/**
 * The heart of a performer that is busy: a thread that tells the broker of everything under way that it is being worked on, for as long
 * as the event loop does not come round to it. A process that is killed takes it along; one that hangs for good is given up.
 */
import { Worker } from 'node:worker_threads';
import type { Broker } from './connect.ts';

/** What the thread is told. `id`: of the performer within this process. */
export type Order =
  | { readonly open: { readonly id: number; readonly broker: Broker; readonly name: string } }
  | { readonly hold: { readonly id: number; readonly reply: string } }
  | { readonly release: { readonly id: number; readonly reply: string } }
  | { readonly close: number };

/** What the thread begins with: where the event loop shows that it goes round. */
export type Pulse = { readonly pulse: Int32Array };

export type Beats = {
  /** From now on this delivery is being worked on. */
  hold(reply: string): void;
  release(reply: string): void;
  close(): void;
};

/** How often the event loop shows that it goes round, in ms. */
const PULSE_MS = 100;

type Heart = { readonly worker: Worker; readonly pulse: NodeJS.Timeout; open: number };
let heart: Heart | undefined;
let last = 0;

/** One thread serves every performer of a process. */
export function openBeats(broker: Broker, name: string): Beats {
  const mine = (heart ??= begin());
  mine.open += 1;
  const id = ++last;
  const tell = (order: Order): void => mine.worker.postMessage(order);
  tell({ open: { id, broker, name } });
  return {
    hold: (reply) => tell({ hold: { id, reply } }),
    release: (reply) => tell({ release: { id, reply } }),
    close: () => {
      tell({ close: id });
      mine.open -= 1;
      if (mine.open > 0) return;
      clearInterval(mine.pulse);
      if (heart === mine) heart = undefined;
      void mine.worker.terminate();
    },
  };
}

function begin(): Heart {
  const pulse = new Int32Array(new SharedArrayBuffer(4));
  const worker = new Worker(new URL('./beater.ts', import.meta.url), { workerData: { pulse } satisfies Pulse });
  // It is there for the process, not the other way round, and without it the event loop does what it can.
  worker.unref();
  worker.on('error', () => {});
  return { worker, pulse: setInterval(() => Atomics.add(pulse, 0, 1), PULSE_MS).unref(), open: 0 };
}
