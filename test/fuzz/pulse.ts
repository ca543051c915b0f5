/**
 * Asks `/healthz` at a steady pace, whether the last answers have come or not, and measures how long each takes: a process that stands still
 * for a second is late for every question of that second. It runs in a thread of its own, so that it measures nothing but the gateway.
 */
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { Agent, get } from 'node:http';
import { isMainThread, parentPort, Worker, workerData } from 'node:worker_threads';

const EVERY_MS = 20;
/** No answer within this counts as this. */
const LOST_MS = 10_000;

/**
 * What the process itself took, in ms. `waitedMs`: how long (p99) it was ready to go on meanwhile, and the machine had no core for it. That
 * is not its doing, and is not counted: the machine of a test is used by others.
 */
export type Measured = {
  readonly p50Ms: number;
  readonly p99Ms: number;
  readonly mostMs: number;
  readonly waitedMs: number;
  readonly beats: number;
};
export type Pulse = {
  /** Ends it. @returns what was measured. */
  measured(): Promise<Measured>;
};

type Task = { readonly port: number; readonly pid: number };

/** @param pid the process that answers. */
export function startPulse(port: number, pid: number): Pulse {
  const worker = new Worker(new URL(import.meta.url), { workerData: { port, pid } satisfies Task });
  return {
    measured: async () => {
      const answer = once(worker, 'message');
      worker.postMessage('enough');
      const [measured] = (await answer) as [Measured];
      await worker.terminate();
      return measured;
    },
  };
}

/** How long the main thread of a process has waited for a core so far, in ms; only Linux tells. */
function waitedBy(pid: number): number {
  try {
    return Number(readFileSync(`/proc/${pid}/schedstat`, 'utf8').split(' ')[1]) / 1e6;
  } catch {
    return 0;
  }
}

function beat({ port, pid }: Task): void {
  const agent = new Agent({ keepAlive: true });
  const took: number[] = [];
  const waited: number[] = [];
  const timer = setInterval(() => {
    const begin = performance.now();
    const before = waitedBy(pid);
    const come = (): void => {
      const waitedMs = waitedBy(pid) - before;
      waited.push(waitedMs);
      took.push(Math.max(0, performance.now() - begin - waitedMs));
    };
    const request = get({ agent, port, host: '127.0.0.1', path: '/healthz', timeout: LOST_MS }, (response) => {
      response.resume().once('end', come);
    });
    request.on('timeout', () => request.destroy()).once('error', come);
  }, EVERY_MS);
  parentPort?.once('message', () => {
    clearInterval(timer);
    agent.destroy();
    const at = (of: number[], share: number): number =>
      Math.round(of.sort((x, y) => x - y)[Math.min(of.length - 1, Math.floor(of.length * share))] ?? LOST_MS);
    const measured = { p50Ms: at(took, 0.5), p99Ms: at(took, 0.99), mostMs: at(took, 1), waitedMs: at(waited, 0.99), beats: took.length };
    parentPort?.postMessage(measured satisfies Measured);
  });
}

if (!isMainThread && typeof (workerData as Partial<Task> | null)?.pid === 'number') beat(workerData as Task);
