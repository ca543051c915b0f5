/** Reel in containers, each service in its own, as the Kubernetes base describes them: on one network with a broker and the demo's world. */

import { basename, join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { root } from '@reel/scripts/check/tree.ts';
import { PORTS } from '@reel/scripts/demo/outside.ts';
import { reaching } from '@reel/scripts/demo/stage.ts';
import { documents } from '@reel/scripts/kubernetes/base.ts';
import { SERVICES } from '@reel/services/main.ts';
import { buildBroker, writeFolders } from './broker.ts';
import type { Told } from './outside.ts';
import { openPodman, type Podman } from './podman.ts';
import { runArguments, type Workload } from './run-pod.ts';

export type Installation = {
  readonly nats: string;
  /** Where `reel credentials` wrote keys and accounts. */
  readonly dir: string;
  /** Megabytes of the image, as podman counts them. */
  readonly imageMb: number;
  /** The gateway that is to be asked now. */
  api(): string;
  /** Starts another container for the service; when it is ready, that is told, and the one before is stopped. @returns ms that each took */
  replace(service: string, onReady: () => void): Promise<{ readyMs: number; stopMs: number }>;
  /** The exit code of the image's own health check in the container of the service: 0 when it is well. */
  health(service: string): Promise<number>;
  /** Sends a signal to the service. */
  signal(service: string, signal: string): Promise<void>;
  /** Sends a signal that ends the service. @returns its exit code, when it is gone */
  kill(service: string, signal: string): Promise<number>;
  /** Starts the container of a service that has ended, and waits until it is ready. */
  startAgain(service: string): Promise<void>;
  /** What took effect in the world. */
  outside(): Promise<Told>;
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
  const ofImage = (what: string): Promise<string> => podman('image', 'inspect', '--format', what, IMAGE);
  const imageMb = Math.round(Number(await ofImage('{{.Size}}')) / 1e6);
  const [how, ...healthCheck] = JSON.parse(await ofImage('{{json .HealthCheck.Test}}')) as string[];
  if (how !== 'CMD') throw new Error(`the health check of the image is to be a program with its arguments, and is ${how}`);
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
  const ledger = await published(podman, 'outside', PORTS.ledger);

  return {
    nats: (await published(podman, 'nats', 4222)).replace('http', 'nats'),
    dir: join(dir, 'generated'),
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
    health: (service) => engine.exec(nameOf(service), healthCheck),
    signal: async (service, signal) => void (await podman('kill', '--signal', signal, nameOf(service))),
    kill: async (service, signal) => {
      await podman('kill', '--signal', signal, nameOf(service));
      return Number(await podman('wait', nameOf(service)));
    },
    startAgain: async (service) => {
      const name = nameOf(service);
      await podman('start', name);
      await ready(podman, name, await published(podman, name, 7071));
    },
    outside: async () => (await (await fetch(ledger)).json()) as Told,
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

/** What is called, on the image's own Node and sources. */
async function startOutside(engine: Podman): Promise<void> {
  const reached = ['--network', networkOf(engine), '--publish', `127.0.0.1::${PORTS.ledger}`];
  // Among those whose modules it takes, it finds them by their names.
  const program = '/reel/scripts/demo/outside-of-smoke.ts';
  const mounted = ['--volume', `${join(import.meta.dirname, 'outside.ts')}:${program}:ro`];
  await engine.start('outside', [...hardened, ...kept, ...reached, ...mounted, '--entrypoint', 'node', IMAGE, program]);
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
    await delay(LOOK_AGAIN_MS);
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
