/** Chaos: real processes and a real broker, runs of every kind, faults without end, and then the question what became of all that. */
import { cp, mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { isInvalid } from '@reel/bus/history.ts';
import { connect } from '@reel/bus/jetstream/connect.ts';
import { openStorageLimit } from '@reel/bus/operator/storage-limit.ts';
import type { ToolList } from '@reel/gateway/shapes.ts';
import { SERVICES } from '@reel/services/main.ts';
import { startWorld } from '../demo/world-server.ts';
import { freshWorld } from '../demo/world-state.ts';
import { freePort } from '../local/free-port.ts';
import { installationIn } from '../local/installation.ts';
import { type Local, startLocal } from '../local/local.ts';
import { NO_MODEL } from '../local/no-model.ts';
import { withLog } from '../local/operator.ts';
import { openClient } from './client.ts';
import { apisOf, startDesk } from './desk.ts';
import { type Disk, openDisk } from './disk.ts';
import { startLoad } from './driver.ts';
import { type Target, wreak } from './faults.ts';
import { readRuns, verified, wrongs } from './judge.ts';
import { startModels } from './models.ts';
import { type Recovery, recoveries } from './recovery.ts';
import { type Replica, startReplica } from './replica.ts';

export type ChaosOptions = {
  readonly seed: number;
  /** Where everything is kept. */
  readonly dir: string;
  /** It stops submitting after this many runs or this long, whichever comes first. Runs in flight go on to their ends. */
  readonly runs: number;
  readonly seconds: number;
  readonly inFlight: number;
  /** About how often something fails. */
  readonly everyMs: number;
  /** Each service in processes of its own, two of each; otherwise they share some. */
  readonly apart: boolean;
  /** The broker's store is on a disk of its own, which fills up: for root. */
  readonly disk?: boolean;
  readonly told?: (line: string) => void;
};

export type Report = {
  readonly seconds: number;
  readonly runs: number;
  readonly facts: number;
  /** Runs by the state in which they ended. */
  readonly ends: ReadonlyMap<string, number>;
  /** Runs by what they were, with their ends. */
  readonly errands: ReadonlyMap<string, ReadonlyMap<string, number>>;
  readonly recoveries: readonly Recovery[];
  /** What tools and models did amiss. */
  readonly troubles: ReadonlyMap<string, number>;
  readonly effects: number;
  /** Services said that they could not handle something. */
  readonly faultsRaised: number;
  readonly askedAgain: number;
  /** What is wrong: of the protocol, and of everything else. Nothing, if Reel keeps its word. */
  readonly findings: readonly string[];
};

/** Two processes of each line. */
const TOGETHER: readonly (readonly string[])[] = [
  ['gateway'],
  ['planner', 'policy', 'human-executor', 'validator', 'saga-tracker'],
  ['tool-executor'],
  ['model-executor'],
];
const ALONE = SERVICES.map((name) => [name]);
const POLICY = '@id("all") permit (principal, action, resource);\n';
/** How long what is in flight may take when nothing fails any more. */
const PATIENCE_MS = 180_000;
const DISK_MB = 256;

export async function play(options: ChaosOptions): Promise<Report> {
  const { dir, seed, inFlight, everyMs, told = () => {} } = options;
  const began = performance.now();
  const outside = await openOutside(seed, dir);
  const disk = options.disk ? await openDisk(join(dir, 'reel/jetstream'), DISK_MB) : undefined;
  const local = await startLocal({ dir: join(dir, 'reel'), services: [], env: outside.env, logLevel: 'silent' });
  const replicas: Replica[] = [];
  const giveUp = new AbortController();
  try {
    const gateways = await startAll(local, options, replicas);
    const client = openClient(gateways, giveUp.signal);
    for (let tools = 0; tools < TOOLS; ) tools = (await client.ask<ToolList>('GET', '/v1/tools')).body.tools?.length ?? 0;
    told(`${replicas.length} processes, ${TOOLS} tools, seed ${seed}`);
    const target = await targetOf(local, replicas, disk);
    const load = startLoad({ client, desk: outside.desk, seed, inFlight, world: outside.look });
    const havoc = wreak(target, seed, everyMs);
    const telling = setInterval(() => {
      const over = load.asked.filter(({ status }) => status !== undefined).length;
      told(
        `${Math.round((performance.now() - began) / 1000)} s: ${load.asked.length} runs, ${over} of them over, ${havoc.faults.length} faults`,
      );
    }, 10_000);
    await load.enough(options.runs, options.seconds * 1000);
    await havoc.stop();
    await writeFile(join(dir, 'faults.json'), JSON.stringify(havoc.faults, null, 1));
    const impatience = setTimeout(() => giveUp.abort(), PATIENCE_MS);
    await load.stop();
    clearTimeout(impatience);
    clearInterval(telling);
    await target.close();
    return await withLog(local.dir, async (log) => {
      const protocol = await verified(log, local.dir);
      const runs = await readRuns(log);
      const world = outside.world.state();
      const mine = load.asked.filter(({ id }) => id !== undefined);
      return {
        seconds: (performance.now() - began) / 1000,
        runs: mine.length,
        facts: protocol.facts,
        ends: tally(mine.map(({ status = 'open' }) => status)),
        errands: new Map(
          [...new Set(mine.map(({ errand }) => errand.name))]
            .sort()
            .map((name) => [name, tally(mine.filter(({ errand }) => errand.name === name).map(({ status = 'open' }) => status))]),
        ),
        recoveries: recoveries(havoc.faults, runs),
        troubles: new Map([...outside.desk.troubles, ...outside.models.troubles]),
        effects: outside.desk.effects.size + Object.keys(world.ledger).length,
        faultsRaised: [...runs.values()]
          .flatMap(({ entries }) => entries)
          .filter((entry) => !isInvalid(entry) && entry.type === 'fault.fault.raised').length,
        askedAgain: client.again(),
        findings: [
          ...protocol.findings.map(({ rule, address, message }) => `${rule}: ${address}: ${message}`),
          ...load.complaints,
          ...wrongs(load.asked, runs, outside.desk, world),
          ...paidTwice(outside.models.asked),
          ...replicas.flatMap(({ name, gaveUp }) => gaveUp.map((code) => `${name} ended with code ${code} without being killed`)),
        ],
      };
    });
  } finally {
    giveUp.abort();
    await Promise.all(replicas.map((replica) => replica.stop()));
    await local.stop();
    await disk?.close();
    await outside.close();
  }
}

/** Every attempt at a model is made once. */
const paidTwice = (asked: readonly string[]): string[] =>
  [...tally(asked)].flatMap(([key, times]) => (times > 1 ? [`${key}: a model was asked ${times} times for one attempt`] : []));

function tally(all: readonly string[]): Map<string, number> {
  const counts = new Map<string, number>();
  for (const one of all) counts.set(one, (counts.get(one) ?? 0) + 1);
  return counts;
}

/** The desk's seven and what flaps, who stamps, eleven of the world, four of the suppliers' records. */
const TOOLS = 24;

/** What is never killed: tools, models, policies, and where they are told. */
async function openOutside(seed: number, dir: string) {
  await mkdir(join(dir, 'policies'), { recursive: true });
  await mkdir(join(dir, 'log'), { recursive: true });
  const demo = join(import.meta.dirname, '../demo');
  const scenarios = join(dir, 'scenarios');
  await cp(join(demo, 'scenarios'), scenarios, { recursive: true });
  await cp(join(import.meta.dirname, 'scenario.yaml'), join(scenarios, 'chaos.yaml'));
  await writeFile(join(dir, 'policies/all.cedar'), POLICY);
  // There is a room for everybody.
  const fresh = freshWorld();
  const roomy = { ...fresh, hotels: fresh.hotels.map((hotel) => ({ ...hotel, rooms: 1_000_000 })) };
  await writeFile(join(dir, 'world.json'), JSON.stringify(roomy));
  const world = await startWorld({ stateFile: join(dir, 'world.json') });
  const desk = await startDesk(seed, join(dir, 'effects.jsonl'));
  const models = await startModels(seed, scenarios);
  const servers = {
    world: { url: world.url },
    mortal: { command: process.execPath, args: [join(import.meta.dirname, 'mortal.ts'), desk.url], tools: { stamp: { timeoutMs: 3000 } } },
  };
  const tools = { servers, apis: apisOf(desk), modules: [join(demo, 'supplier-tools.ts')] };
  await writeFile(join(dir, 'tools.json'), JSON.stringify(tools));
  const providers = models.urls.map((baseUrl, n) => ({
    name: `m${n}`,
    baseUrl,
    capabilities: ['plan', 'answer', 'structured', 'judge'],
    price: 'low',
    // One that is silent is not waited for longer.
    timeoutMs: 3000,
  }));
  await writeFile(join(dir, 'models.yaml'), JSON.stringify({ models: providers }));
  return {
    world,
    desk,
    models,
    /** What was given for a key in the demo's world. */
    look: (key: string) => world.state().ledger[key]?.result,
    env: {
      ...NO_MODEL,
      REEL_MODELS: join(dir, 'models.yaml'),
      REEL_TOOLS: join(dir, 'tools.json'),
      REEL_POLICIES: join(dir, 'policies'),
    } satisfies NodeJS.ProcessEnv,
    close: async () => {
      await Promise.all([world.close(), desk.close(), models.close()]);
    },
  };
}

/** @returns where the gateways are */
async function startAll(local: Local, { apart, dir }: ChaosOptions, replicas: Replica[]): Promise<string[]> {
  const gateways: string[] = [];
  const natsPort = Number(new URL(local.nats).port);
  for (const services of apart ? ALONE : TOGETHER) {
    for (const n of [1, 2]) {
      const name = `${services[0]}-${n}`;
      const port = services.includes('gateway') ? await freePort() : 0;
      if (port > 0) gateways.push(`http://127.0.0.1:${port}`);
      replicas.push(
        await startReplica({
          name,
          services,
          env: { ...local.env, REEL_PORT: String(port) },
          natsPort,
          logFile: join(dir, 'log', `${name}.log`),
        }),
      );
    }
  }
  return gateways;
}

async function targetOf(local: Local, replicas: readonly Replica[], disk: Disk | undefined): Promise<Target & { close(): Promise<void> }> {
  const connection = await connect({ servers: local.nats, credentials: installationIn(local.dir).credentials }, 'provisioner');
  const room = await openStorageLimit(connection);
  return {
    replicas,
    disk,
    restartBroker: () => local.restartBroker('SIGKILL'),
    fill: () => room.fill(0),
    empty: () => room.empty(0),
    close: () => connection.close(),
  };
}
