/** The broker of a local installation: one nats-server, or three that keep one log together. */
import { join } from 'node:path';
import { type Cluster, startCluster } from '@reel/nats/cluster.ts';
import { startServer } from '@reel/nats/server.ts';
import type { Installation } from './installation.ts';

export type LocalBroker = {
  /** For clients; stays the same when it is started again. */
  readonly url: string;
  readonly replicas: number;
  readonly cluster: Cluster | undefined;
  restart(signal?: NodeJS.Signals): Promise<void>;
  stop(): Promise<void>;
};

/** One nats-server, at this port or any free one. */
export async function single(
  { dir, configFile, pidFile }: Installation,
  onLog: (line: string) => void,
  port?: number,
): Promise<LocalBroker> {
  const start = (at?: number): ReturnType<typeof startServer> =>
    startServer({ dataDir: join(dir, 'jetstream'), configFile, pidFile, onLog, ...(at === undefined ? {} : { port: at }) });
  let server = await start(port);
  return {
    url: server.url,
    replicas: 1,
    cluster: undefined,
    restart: async (signal = 'SIGTERM') => {
      await server.stop(signal);
      server = await start(server.port);
    },
    stop: () => server.stop(),
  };
}

/** Three nats-servers at any free ports. */
export async function clustered({ dir, configFile }: Installation, onLog: (line: string) => void): Promise<LocalBroker> {
  const cluster = await startCluster({ dir: join(dir, 'cluster'), configFile, onLog: (_, line) => onLog(line) });
  return {
    url: cluster.url,
    replicas: cluster.nodes.length,
    cluster,
    restart: async (signal = 'SIGTERM') => {
      await Promise.all(cluster.nodes.map((node) => cluster.kill(node, signal)));
      await Promise.all(cluster.nodes.map((node) => cluster.start(node)));
      await cluster.whole();
    },
    stop: () => cluster.stop(),
  };
}
