/** One process of services that is killed, frozen and cut off. It is started again when it is gone, as in production. */
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { openSync } from 'node:fs';
import { join } from 'node:path';
import { leash } from '@reel/nats/child-cleanup.ts';
import { openProxy, type TcpProxy } from '@reel/nats/proxy.ts';
import { root } from '../check/tree.ts';

export type Replica = {
  readonly name: string;
  readonly services: readonly string[];
  /** Its way to the broker. */
  readonly proxy: TcpProxy;
  /** SIGKILL; it is started again after `downMs`. */
  kill(downMs: number): void;
  freeze(): void;
  thaw(): void;
  /** How often it ended by itself, and with which code. */
  readonly gaveUp: readonly (number | null)[];
  stop(): Promise<void>;
};

export type ReplicaOptions = {
  readonly name: string;
  readonly services: readonly string[];
  readonly env: NodeJS.ProcessEnv;
  readonly natsPort: number;
  /** What it says is appended here. */
  readonly logFile: string;
};

const AGAIN_MS = 250;

export async function startReplica({ name, services, env, natsPort, logFile }: ReplicaOptions): Promise<Replica> {
  const proxy = await openProxy(natsPort);
  const log = openSync(logFile, 'a');
  const gaveUp: (number | null)[] = [];
  const ours = new Set<ChildProcess>();
  let child: ChildProcess | undefined;
  let again: NodeJS.Timeout | undefined;
  let downMs = AGAIN_MS;
  let stopping = false;
  function start(): void {
    // With a port for its health it waits for a broker that is away, as in a container.
    const own = { ...env, REEL_NATS: `nats://127.0.0.1:${proxy.port}`, REEL_HEALTH_PORT: '0', REEL_LOG: 'info' };
    const one = spawn(process.execPath, [join(root, 'services/main.ts'), ...services], { env: own, stdio: ['ignore', log, log] });
    leash(one);
    child = one;
    one.once('exit', (code, signal) => {
      if (child === one) child = undefined;
      if (stopping) return;
      if (!ours.delete(one) && signal !== 'SIGKILL') gaveUp.push(code);
      again = setTimeout(start, downMs);
      downMs = AGAIN_MS;
    });
  }
  start();
  // What is frozen does not hear that it is to end.
  process.once('exit', () => child?.kill('SIGKILL'));
  return {
    name,
    services,
    proxy,
    gaveUp,
    kill: (ms) => {
      if (child === undefined) return;
      ours.add(child);
      downMs = ms;
      child.kill('SIGKILL');
    },
    freeze: () => void child?.kill('SIGSTOP'),
    thaw: () => void child?.kill('SIGCONT'),
    stop: async () => {
      stopping = true;
      clearTimeout(again);
      const last = child;
      if (last !== undefined) {
        last.kill('SIGCONT');
        last.kill('SIGTERM');
        const impatience = setTimeout(() => last.kill('SIGKILL'), 15_000);
        if (last.exitCode === null && last.signalCode === null) await once(last, 'exit');
        clearTimeout(impatience);
      }
      await proxy.close();
    },
  };
}
