/** Reel in containers, each service in its own, as the Kubernetes base describes them: on one network with a broker and the demo's world. */
import { basename, join } from 'node:path';
import { documents } from '@reel/kubernetes/base.ts';
import { type Outside, PORTS } from '@reel/scripts/demo/outside.ts';
import { reaching } from '@reel/scripts/demo/stage.ts';
import { root } from '@reel/scripts/tree.ts';
import { SERVICES } from '@reel/services/main.ts';
import { buildBroker, writeFolders } from './broker.ts';
import { openPodman, type Podman } from './podman.ts';
import { runArguments, type Workload } from './run-pod.ts';

export type Installation = {
  readonly nats: string;
  readonly credentials: string;
  /** Megabytes of the image, as podman counts them. */
  readonly imageMb: number;
  /** The gateway that is to be asked now. */
  api(): string;
  /** Starts another container for the service; when it is ready, that is told, and the one before is stopped. @returns ms that each took */
  replace(service: string, onReady: () => void): Promise<{ readyMs: number; stopMs: number }>;
  /** What took effect in the world. */
  outside(): Promise<Outside>;
  /** MiB of memory that each container takes now, by its name. */
  memory(): Promise<Map<string, number>>;
  close(): Promise<void>;
};

const IMAGE = 'localhost/reel';

/** The names of networks are the machine's: others may be doing the same. */
const networkOf = ({ dir }: Podman): string => basename(dir);

/** Builds the images and starts everything. @throws when a container does not become ready. */
export async function openInstallation(): Promise<Installation> {
  const engine = await openPodman();
  try {
    return await start(engine);
  } catch (error) {
    await engine.close();
    throw error;
  }
}

async function start(engine: Podman): Promise<Installation> {
  const { dir, podman, beside } = engine;
  await beside('sh', join(root, 'infra/image/build.sh'), IMAGE);
  const imageMb = Math.round(Number(await podman('image', 'inspect', '--format', '{{.Size}}', IMAGE)) / 1e6);
  const folders = await writeFolders(dir);
  const overlay = { image: IMAGE, network: networkOf(engine), folders };
  await podman('network', 'create', overlay.network);
  await startBroker(engine, folders);
  await startOutside(engine);
  const job = runArguments(workload('provisioner'), {
    ...overlay,
    args: ({ args = [] }) => args.with(args.indexOf('--replicas') + 1, '1'),
  });
  await untilDone(() => podman('run', '--rm', ...job));

  const generation = new Map<string, number>();
  const nameOf = (service: string): string => `${service}-${generation.get(service)}`;
  let api = '';
  const launch = async (service: string): Promise<void> => {
    generation.set(service, (generation.get(service) ?? 0) + 1);
    const name = nameOf(service);
    await engine.start(name, runArguments(workload(service), { ...overlay, env: environmentOf(service) }));
    await ready(podman, name, await published(podman, name, 7071));
    if (service !== 'gateway') return;
    const url = await published(podman, name, 7070);
    await ready(podman, name, url);
    api = url;
  };
  await Promise.all(SERVICES.map(launch));

  return {
    nats: (await published(podman, 'nats', 4222)).replace('http', 'nats'),
    credentials: join(dir, 'generated/credentials'),
    imageMb,
    api: () => api,
    replace: async (service, onReady) => {
      const before = nameOf(service);
      const began = performance.now();
      await launch(service);
      const readyMs = Math.round(performance.now() - began);
      onReady();
      await podman('stop', '--time', '30', before);
      const stopMs = Math.round(performance.now() - began) - readyMs;
      const code = await podman('inspect', '--format', '{{.State.ExitCode}}', before);
      if (code !== '0') throw new Error(`${before} left with code ${code}: ${await podman('logs', '--tail', '20', before)}`);
      await podman('rm', before);
      return { readyMs, stopMs };
    },
    outside: async () => (await (await fetch(await published(podman, 'outside', PORTS.ledger))).json()) as Outside,
    memory: async () => {
      const rows = (await podman('stats', '--no-stream', '--format', '{{.Name}} {{.MemUsageBytes}}')).split('\n');
      return new Map(rows.map((row) => [row.split(' ')[0] as string, mebibytes(row.split(' ')[1] as string)]));
    },
    close: engine.close,
  };
}

function mebibytes(text: string): number {
  const unit = { KiB: 1 / 1024, MiB: 1, GiB: 1024 }[text.slice(-3)] ?? Number.NaN;
  return Math.round(Number.parseFloat(text) * unit);
}

const hardened = [
  '--no-healthcheck',
  '--read-only',
  '--read-only-tmpfs=false',
  '--cap-drop',
  'ALL',
  '--security-opt',
  'no-new-privileges',
  '--user',
  '10001:10001',
];
const kept = ['--tmpfs', '/data:size=512m,mode=1777'];

async function startBroker(engine: Podman, folders: ReadonlyMap<string, string>): Promise<void> {
  const image = await buildBroker(engine);
  const reached = ['--network', networkOf(engine), '--publish', '127.0.0.1::4222'];
  const conf = ['--volume', `${folders.get('nats')}:/etc/nats:ro`];
  await engine.start('nats', [...hardened, '--memory', '512m', ...kept, ...reached, ...conf, image]);
}

/** What is called and takes its time: 400 ms for a taxi, 1,200 ms for a card. */
async function startOutside(engine: Podman): Promise<void> {
  const reached = ['--network', networkOf(engine), '--publish', `127.0.0.1::${PORTS.ledger}`];
  const delays = ['book_taxi=400', 'charge_card=1200'].flatMap((delay) => ['--delay-ms', delay]);
  const program = ['scripts/demo/outside.ts', '--state', '/data/world.json', '--host', '0.0.0.0', ...delays];
  await engine.start('outside', [...hardened, ...kept, ...reached, '--entrypoint', 'node', IMAGE, ...program]);
}

function workload(name: string): Workload {
  const found = [...documents.values()]
    .flat()
    .find(({ kind, metadata }) => ['Deployment', 'Job'].includes(kind) && metadata?.name === name);
  if (found === undefined) throw new Error(`the base has no workload "${name}"`);
  return found as unknown as Workload;
}

/** What the overlay of these containers says of a service. */
function environmentOf(service: string): { readonly [name: string]: string | undefined } {
  const world = reaching({ url: `http://outside:${PORTS.world}/mcp` }, { url: `http://outside:${PORTS.ticketing}` });
  if (service === 'tool-executor') return { ...world, REEL_TOOLS: 'scripts/demo/tools.yaml' };
  if (service === 'model-executor') return { REEL_MODELS: undefined, REEL_SCENARIOS: '/etc/reel/models' };
  return {};
}

/** Where a port of a container is published on this machine. */
async function published(podman: Podman['podman'], name: string, port: number): Promise<string> {
  return `http://${await podman('port', name, String(port))}`;
}

const PATIENCE_MS = 60_000;
const LOOK_AGAIN_MS = 50;

/** Asks `/readyz` until it is. @throws with the container's last words when it has ended, or takes too long. */
async function ready(podman: Podman['podman'], name: string, url: string): Promise<void> {
  const deadline = performance.now() + PATIENCE_MS;
  for (;;) {
    const well = await fetch(`${url}/readyz`, { signal: AbortSignal.timeout(2000) }).then(
      ({ ok }) => ok,
      () => false,
    );
    if (well) return;
    const running = await podman('inspect', '--format', '{{.State.Running}}', name);
    if (running !== 'true' || performance.now() > deadline)
      throw new Error(`${name} is not ready: ${await podman('logs', '--tail', '20', name)}`);
    await new Promise((resolve) => setTimeout(resolve, LOOK_AGAIN_MS));
  }
}

/** As a Job is tried again until it succeeds. */
async function untilDone(attempt: () => Promise<unknown>): Promise<void> {
  for (let tries = 10; ; tries -= 1) {
    try {
      await attempt();
      return;
    } catch (error) {
      if (tries === 0) throw error;
    }
  }
}
