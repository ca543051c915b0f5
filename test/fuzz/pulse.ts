/** Asks `/healthz` again and again over a connection that stays, and measures how long the answers take. */
import { Agent, get } from 'node:http';

const EVERY_MS = 40;
/** No answer within this counts as this. */
const LOST_MS = 10_000;

export type Pulse = {
  measured(): { p50Ms: number; p99Ms: number; mostMs: number; beats: number };
  stop(): void;
};

export function startPulse(port: number): Pulse {
  const agent = new Agent({ keepAlive: true });
  const took: number[] = [];
  let stopped = false;
  const beat = (): void => {
    const begin = performance.now();
    const next = (): void => {
      took.push(performance.now() - begin);
      if (!stopped) setTimeout(beat, EVERY_MS).unref();
    };
    const request = get({ agent, port, host: '127.0.0.1', path: '/healthz', timeout: LOST_MS }, (response) => {
      response.resume().once('end', next);
    });
    request.on('timeout', () => request.destroy()).once('error', next);
  };
  beat();
  return {
    measured: () => {
      const sorted = [...took].sort((a, b) => a - b);
      const at = (share: number): number => Math.round(sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * share))] ?? 0);
      return { p50Ms: at(0.5), p99Ms: at(0.99), mostMs: at(1), beats: sorted.length };
    },
    stop: () => {
      stopped = true;
      agent.destroy();
    },
  };
}
