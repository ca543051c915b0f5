/** Reel on this machine: a nats-server of its own, secured as in production, and services in this process or in others. */
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { inWords } from '@reel/bus/jetstream/lost-end.ts';
import { type Serving, serve } from '@reel/bus/jetstream/serve.ts';
import { openProcessLog } from '@reel/bus/process/process-log.ts';
import { leash } from '@reel/nats/child-cleanup.ts';
import type { Cluster } from '@reel/nats/cluster.ts';
import { hold } from '@reel/nats/store.ts';
import { load } from '@reel/services/main.ts';
import { root } from '../check/tree.ts';
import { clustered, single } from './broker.ts';
import { configure, installationIn, provisionAt, rolesIn } from './installation.ts';
import { openCare, storeIn } from './store-guard.ts';

export type Local = {
  readonly dir: string;
  readonly nats: string;
  /** The gateway's address; undefined until a gateway is served in this process. */
  readonly api: string | undefined;
  /** What a process of its own needs in its environment to join. */
  readonly env: NodeJS.ProcessEnv;
  /** Serves these in this process as well. @returns how to stop them alone. */
  serve(services: readonly string[]): Promise<Serving>;
  /** Starts a process of its own for these; resolves when it serves. */
  spawn(services: readonly string[]): Promise<ChildProcess>;
  /** Stops the broker, with SIGKILL if asked, and starts it again on the same port. */
  restartBroker(signal?: NodeJS.Signals): Promise<void>;
  /** The broker's nodes, when it has several. */
  readonly cluster: Cluster | undefined;
  stop(): Promise<void>;
};

export type LocalOptions = {
  readonly dir: string;
  /** Served in this process from the start. */
  readonly services: readonly string[];
  /** The broker's port; any free one by default. */
  readonly natsPort?: number;
  /** Three nodes, and three replicas of everything, instead of one. Their ports are any free ones. */
  readonly clustered?: boolean;
  /** `always`: on disk before it is acknowledged. The default is the fast one: a power failure can lose the last two minutes. */
  readonly syncInterval?: string;
  /** Goes on without acknowledged facts that are lost. */
  readonly acceptLoss?: boolean;
  readonly env?: NodeJS.ProcessEnv;
  readonly logLevel?: string;
};

/** Where a running installation says how to reach it. */
export const serverFile = (dir: string): string => join(dir, 'server.json');

/** Starts the broker and the services. @throws with what to do when the folder or a port is in use or nats-server cannot be had. */
export async function startLocal(options: LocalOptions): Promise<Local> {
  // Before anything is touched: somebody else may work in it.
  const held = await hold(options.dir);
  try {
    return await startIn(options, () => held.release());
  } catch (error) {
    held.release();
    throw error;
  }
}

async function startIn(options: LocalOptions, release: () => void): Promise<Local> {
  const { dir, syncInterval = '2m', logLevel = 'warn' } = options;
  const installation = installationIn(dir);
  const roles = await rolesIn(installation);
  const store = await storeIn(dir);
  await configure(installation, roles, syncInterval, store.bytes);
  const log = openProcessLog(logLevel, 2);
  const care = openCare(installation, { roles, nodes: options.clustered ? 3 : 1, log });
  const broker = await (options.clustered ? clustered(installation, care.hear) : single(installation, care.hear, options.natsPort));
  const { credentials } = installation;
  const env = { ...process.env, ...options.env, REEL_NATS: broker.url, REEL_CREDENTIALS: credentials };
  const serving = new Set<Serving>();
  const children = new Set<ChildProcess>();
  let api: string | undefined;

  async function serveHere(names: readonly string[]): Promise<Serving> {
    const one = await serve(await Promise.all(names.map(load)), {
      broker: { servers: broker.url, credentials },
      env,
      log,
      ailment: care.ailment,
    });
    serving.add(one);
    api = one.urls.get('gateway') ?? api;
    return { ...one, stop: (graceMs) => (serving.delete(one) ? one.stop(graceMs) : Promise.resolve()) };
  }
  async function stop(): Promise<void> {
    for (const child of children) child.kill();
    await Promise.all([...serving].map((one) => one.stop()));
    const alive = [...children].filter(({ exitCode, signalCode }) => exitCode === null && signalCode === null);
    await Promise.all(alive.map((child) => once(child, 'exit')));
    await care.stop();
    await broker.stop();
    release();
  }
  try {
    const { replicas } = broker;
    const { acceptLoss = false } = options;
    // Each of several nodes here takes its own of the same disk.
    const leftBytes = Math.floor(store.leftBytes / replicas);
    const lost = await provisionAt(broker.url, installation, roles, { replicas, deep: true, acceptLoss, store: { leftBytes } });
    for (const damage of lost) log.error({ dir }, `goes on without: ${inWords(damage)}`);
    await care.begin(broker.url, broker.restart);
    if (options.services.length > 0) await serveHere(options.services);
    await writeFile(
      serverFile(dir),
      JSON.stringify({ nats: broker.url, api, replicas, syncInterval, storeBytes: store.bytes } satisfies Reachable),
    );
  } catch (error) {
    await stop();
    throw error;
  }
  return {
    dir,
    nats: broker.url,
    cluster: broker.cluster,
    get api() {
      return api;
    },
    env,
    serve: serveHere,
    spawn: async (names) => {
      const child = spawn(process.execPath, [join(root, 'services/main.ts'), ...names], {
        env: { ...env, REEL_LOG: 'info' },
        stdio: ['ignore', 'pipe', 'inherit'],
      });
      leash(child);
      children.add(child);
      child.once('exit', () => children.delete(child));
      await serves(child, names);
      return child;
    },
    restartBroker: broker.restart,
    stop,
  };
}

/** Resolves when every one of the services has said that it serves. */
async function serves(child: ChildProcess, names: readonly string[]): Promise<void> {
  let left = names.length;
  let text = '';
  await new Promise<void>((resolve, reject) => {
    child.once('exit', (code) => reject(new Error(`${names.join(' ')} ended with code ${code} before it served`)));
    child.stdout?.on('data', (chunk: Buffer) => {
      text += chunk.toString();
      const lines = text.split('\n');
      // A line that does not end is none that says so.
      text = (lines.pop() ?? '').slice(-65_536);
      left -= lines.filter((line) => line.includes('"msg":"serving"')).length;
      if (left <= 0) resolve();
    });
  });
}

export type Reachable = {
  readonly nats: string;
  readonly api?: string | undefined;
  readonly replicas?: number;
  readonly syncInterval?: string;
  /** What the broker's configuration allows all streams together. */
  readonly storeBytes?: number;
};

/** How to reach the installation in `dir`, if one was started there. */
export async function reachable(dir: string): Promise<Reachable | undefined> {
  return await readFile(serverFile(dir), 'utf8').then(JSON.parse, () => undefined);
}
