/**
 * Asks `/healthz` at a steady pace, whether the last answers have come or not, and measures how long each takes: a process that stands still
 * for a second is late for every question of that second. It runs in a thread of its own, so that it measures nothing but the gateway.
 */
import { once } from 'node:events';
import { Agent, get } from 'node:http';
import { isMainThread, parentPort, Worker, workerData } from 'node:worker_threads';

const EVERY_MS = 20;
/** No answer within this counts as this. */
const LOST_MS = 10_000;

/** `lateMs`: by how much the machine was late (p99) for a timer in a thread that does nothing else. */
export type Measured = {
  readonly p50Ms: number;
  readonly p99Ms: number;
  readonly mostMs: number;
  readonly lateMs: number;
  readonly beats: number;
};
export type Pulse = {
  /** Ends it. @returns what was measured. */
  measured(): Promise<Measured>;
};

export function startPulse(port: number): Pulse {
  const worker = new Worker(new URL(import.meta.url), { workerData: { port } });
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

function beat(port: number): void {
  const agent = new Agent({ keepAlive: true });
  const took: number[] = [];
  const late: number[] = [];
  let due = performance.now() + EVERY_MS;
  const timer = setInterval(() => {
    const begin = performance.now();
    late.push(Math.max(0, begin - due));
    due = begin + EVERY_MS;
    const come = (): void => void took.push(performance.now() - begin);
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
    const measured = { p50Ms: at(took, 0.5), p99Ms: at(took, 0.99), mostMs: at(took, 1), lateMs: at(late, 0.99), beats: took.length };
    parentPort?.postMessage(measured satisfies Measured);
  });
}

if (!isMainThread && typeof (workerData as { port?: number } | null)?.port === 'number') beat((workerData as { port: number }).port);
