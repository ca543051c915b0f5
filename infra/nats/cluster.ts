// Three nodes on loopback that keep one log together, every connection to and between them through a proxy of ours: so that each node
// can be killed, started again and cut off, as a test of what the others then do.
import { mkdir, writeFile } from 'node:fs/promises';
import { join, relative } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { openProxy, type TcpProxy } from './proxy.ts';
import { type Server, startServer } from './server.ts';

const NODES = ['n1', 'n2', 'n3'] as const;
export type Node = (typeof NODES)[number];

export type ClusterOptions = {
  /** A folder for the nodes' own folders and configurations; made when absent. */
  dir: string;
  /** The configuration that all of them share: accounts, users, sync_interval. */
  configFile?: string;
  /** Hears every line of every node's log. */
  onLog?: (node: Node, line: string) => void;
};

export type Cluster = {
  readonly nodes: readonly Node[];
  /** For clients: the addresses of all nodes, which stay the same when nodes fail. */
  readonly url: string;
  /** The address of one node. */
  urlOf(node: Node): string;
  /** Ends a node: SIGKILL, if nothing else is asked for. */
  kill(node: Node, signal?: NodeJS.Signals): Promise<void>;
  /** Starts a node that was ended. */
  start(node: Node): Promise<void>;
  /** Cuts a node off from the other nodes, from its clients, or from both. */
  cut(node: Node, from?: 'nodes' | 'clients' | 'all', how?: 'closed' | 'silent'): void;
  heal(node: Node): void;
  /** The node that leads a stream, as most of the nodes that can be asked see it; undefined while there is none. */
  leader(stream: string): Promise<Node | undefined>;
  /** Resolves when every node that runs has caught up with everything, and all name the same leaders. @throws with what they say when that takes longer than `ms`. */
  whole(ms?: number): Promise<void>;
  stop(): Promise<void>;
};

/** Starts the three nodes and resolves when they have found each other. */
export async function startCluster({ dir, configFile, onLog }: ClusterOptions): Promise<Cluster> {
  await mkdir(dir, { recursive: true });
  const doors = await proxies(NODES);
  const links = await proxies(NODES.flatMap((from) => NODES.filter((to) => to !== from).map((to) => `${from}-${to}` as const)));
  const servers = new Map<Node, Server>();
  const cutOff = new Set<Node>();
  const urlOf = (node: Node): string => `nats://127.0.0.1:${portOf(doors, node)}`;
  const linksOf = (node: Node): TcpProxy[] => [...links].filter(([name]) => name.split('-').includes(node)).map(([, proxy]) => proxy);

  async function start(node: Node): Promise<void> {
    const routes = NODES.filter((other) => other !== node).map((other) => `nats://127.0.0.1:${portOf(links, `${node}-${other}`)}`);
    const file = join(dir, `${node}.conf`);
    await writeFile(file, configOf(node, routes, portOf(doors, node), configFile === undefined ? undefined : relative(dir, configFile)));
    const server = await startServer({
      dataDir: join(dir, node),
      configFile: file,
      ...(onLog === undefined ? {} : { onLog: (line) => onLog(node, line) }),
    });
    servers.set(node, server);
    doors.get(node)?.aim(server.port);
    for (const [name, proxy] of links) if (name.endsWith(`-${node}`)) proxy.aim(server.routePort as number);
  }
  async function kill(node: Node, signal: NodeJS.Signals = 'SIGKILL'): Promise<void> {
    const server = servers.get(node);
    servers.delete(node);
    await server?.stop(signal);
  }
  async function leader(stream: string): Promise<Node | undefined> {
    const reachable = [...servers].filter(([node]) => !cutOff.has(node));
    const votes = await Promise.all(reachable.map(async ([, server]) => (await viewOf(server)).get(stream)?.leader));
    return NODES.find((node) => votes.filter((vote) => vote === node).length * 2 > votes.length);
  }
  async function whole(ms = 180_000): Promise<void> {
    const deadline = performance.now() + ms;
    let wanted: ReadonlyMap<string, number> | undefined;
    for (;;) {
      const running = [...servers];
      const said = await Promise.all(running.map(([node, server]) => ailmentOf(node, server)));
      const views = await Promise.all(running.map(([, server]) => viewOf(server)));
      const ailments = [...said.filter((one) => one !== undefined), ...disputed(views), ...behind(views, wanted)];
      if (ailments.length === 0 && wanted !== undefined) return;
      // One that was cut off takes itself for well until it hears of more: so it has to have what the others had a moment ago.
      if (ailments.length === 0) wanted = furthest(views);
      if (performance.now() > deadline) throw new Error(`the cluster is not whole after ${ms} ms: ${ailments.join('; ')}`);
      await delay(100);
    }
  }
  async function stop(): Promise<void> {
    await Promise.all(NODES.map((node) => kill(node, 'SIGTERM')));
    await Promise.all([...doors.values(), ...links.values()].map((proxy) => proxy.close()));
  }

  try {
    await Promise.all(NODES.map(start));
    await whole();
  } catch (error) {
    await stop();
    throw error;
  }
  return {
    nodes: NODES,
    url: NODES.map(urlOf).join(','),
    urlOf,
    kill,
    start,
    cut: (node, from = 'all', how = 'closed') => {
      if (from !== 'clients') cutOff.add(node);
      if (from !== 'clients') for (const link of linksOf(node)) link.cut(how);
      if (from !== 'nodes') doors.get(node)?.cut(how);
    },
    heal: (node) => {
      cutOff.delete(node);
      for (const link of linksOf(node)) link.heal();
      doors.get(node)?.heal();
    },
    leader,
    whole,
    stop,
  };
}

async function proxies<Name extends string>(names: readonly Name[]): Promise<Map<Name, TcpProxy>> {
  return new Map(await Promise.all(names.map(async (name) => [name, await openProxy()] as const)));
}

const portOf = <Name extends string>(among: ReadonlyMap<Name, TcpProxy>, name: Name): number => (among.get(name) as TcpProxy).port;

/** What is a node's own; what all share is included, by a path from here. Nodes and clients are told of addresses that are proxies, and of none that is not. */
function configOf(node: Node, routes: readonly string[], door: number, shared: string | undefined): string {
  return `${shared === undefined ? '' : `include ${JSON.stringify(shared)}\n`}server_name: ${node}
client_advertise: "127.0.0.1:${door}"
http: "127.0.0.1:-1"
cluster {
  name: reel
  listen: "127.0.0.1:-1"
  advertise: "127.0.0.1:1" # a closed port: only the routes below are used, no learnt ones
  routes: [ ${routes.map((route) => JSON.stringify(route)).join(', ')} ]
}
`;
}

async function ask(server: Server, path: string): Promise<{ ok: boolean; text: string }> {
  try {
    const response = await fetch(`http://127.0.0.1:${server.monitorPort}${path}`, { signal: AbortSignal.timeout(2000) });
    return { ok: response.ok, text: await response.text() };
  } catch (error) {
    return { ok: false, text: (error as Error).message };
  }
}

async function ailmentOf(node: Node, server: Server): Promise<string | undefined> {
  const { ok, text } = await ask(server, '/healthz');
  return ok ? undefined : `${node}: ${text}`;
}

type Streams = { account_details?: { stream_detail?: { name: string; cluster?: { leader?: string }; state: { last_seq: number } }[] }[] };
/** What a node knows of its streams, by their names. */
type View = ReadonlyMap<string, { readonly leader: string | undefined; readonly last: number }>;

async function viewOf(server: Server): Promise<View> {
  const { ok, text } = await ask(server, '/jsz?accounts=true&streams=true');
  if (!ok) return new Map();
  const details = (JSON.parse(text) as Streams).account_details ?? [];
  return new Map(
    details
      .flatMap((account) => account.stream_detail ?? [])
      .map(({ name, cluster, state }) => [name, { leader: cluster?.leader, last: state.last_seq }]),
  );
}

const streamsIn = (views: readonly View[]): Set<string> => new Set(views.flatMap((view) => [...view.keys()]));

/** The streams of which not every node knows the same leader. */
const disputed = (views: readonly View[]): string[] =>
  [...streamsIn(views)]
    .filter((stream) => new Set(views.map((view) => view.get(stream)?.leader ?? '')).size > 1)
    .map((stream) => `who leads ${stream} is seen differently`);

/** The last position of each stream that any of them knows. */
const furthest = (views: readonly View[]): Map<string, number> =>
  new Map([...streamsIn(views)].map((stream) => [stream, Math.max(...views.map((view) => view.get(stream)?.last ?? 0))]));

const behind = (views: readonly View[], wanted: ReadonlyMap<string, number> = new Map()): string[] =>
  [...wanted]
    .filter(([stream, last]) => views.some((view) => (view.get(stream)?.last ?? 0) < last))
    .map(([stream]) => `${stream} is behind`);
