/**
 * `npm run smoke`: Reel in containers is asked for its health, tells the stories of the demo, and has every service replaced while runs are
 * in flight. In the end everything in the log is held to the protocol. Prints the figures.
 */
import assert from 'node:assert/strict';
import type { Entry } from '@reel/bus/history.ts';
import { connect } from '@reel/bus/jetstream/connect.ts';
import { openRunCache } from '@reel/bus/jetstream/run-cache.ts';
import type { Run } from '@reel/gateway/shapes.ts';
import { toolsAreOffered } from '@reel/scripts/demo/stage.ts';
import { killed } from '@reel/scripts/demo/stories/killed.ts';
import { supplier } from '@reel/scripts/demo/stories/supplier.ts';
import { support } from '@reel/scripts/demo/stories/support.ts';
import { trip } from '@reel/scripts/demo/stories/trip.ts';
import { installationIn } from '@reel/scripts/local/installation.ts';
import { verify } from '@reel/scripts/verify/verify.ts';
import { SERVICES } from '@reel/services/main.ts';
import { type Installation, openInstallation } from './installation.ts';
import { keepInFlight } from './load.ts';
import { lacking } from './podman.ts';
import { tell } from './telling.ts';

/** The longest that a run may stand still while a service is replaced. */
export const STALL_MS = 5000;
/** The image is small, and stays so: it has 160 MB, 127 of which are Node. */
const MOST_IMAGE_MB = 165;

const stories = [support, trip, supplier, killed];

export type Figures = {
  readonly imageMb: number;
  /** Until everything was ready, images and all. */
  readonly upMs: number;
  /** MiB of each service, after the load. */
  readonly memory: ReadonlyMap<string, number>;
  readonly replaced: ReadonlyMap<string, Replacement>;
  /** Those under load; the facts are those of the stories too. */
  readonly runs: number;
  readonly facts: number;
  readonly findings: readonly string[];
  readonly askedAgain: number;
  /** For each run where it stood still for longest, by length; its own work of up to 1.2 s is in it. */
  readonly stalls: readonly Stall[];
};
/** `fromMs`: when it began, ms since the epoch. */
export type Replacement = { readonly fromMs: number; readonly readyMs: number; readonly stopMs: number };
export type Stall = { readonly ms: number; readonly fromMs: number; readonly between: string };

/** @throws AssertionError when something was lost, done twice, or left undone. */
export async function smoke(inFlight: number, say: (line: string) => void): Promise<Figures> {
  const began = performance.now();
  const installation = await openInstallation();
  try {
    const upMs = Math.round(performance.now() - began);
    say(
      `${SERVICES.length} services, a broker and the world are up after ${(upMs / 1000).toFixed(1)} s; the image has ${installation.imageMb} MB`,
    );
    assert.ok(installation.imageMb <= MOST_IMAGE_MB, `the image has ${installation.imageMb} MB, and may have ${MOST_IMAGE_MB}`);
    await checkHealth(installation, say);
    process.env['REEL_API'] = installation.api();
    await toolsAreOffered();
    for (const story of stories) say(`${story.title}: ${(await tell(story, installation)).join('; ')}`);
    return { imageMb: installation.imageMb, upMs, ...(await underLoad(installation, inFlight, say)) };
  } finally {
    await installation.close();
  }
}

/** The image's own health check, which clusters do not run, in every service's container; and in one of a service that is frozen. */
async function checkHealth(installation: Installation, say: (line: string) => void): Promise<void> {
  const codes = await Promise.all(SERVICES.map(async (service) => [service, await installation.health(service)] as const));
  for (const [service, code] of codes) assert.equal(code, 0, `${service} is ready, and its health check says ${code}`);
  const [frozen] = SERVICES;
  await installation.signal(frozen, 'STOP');
  assert.equal(await installation.health(frozen), 1, `${frozen} is frozen`);
  await installation.signal(frozen, 'CONT');
  assert.equal(await installation.health(frozen), 0, `${frozen} goes on`);
  say(`the image's health check is content with each service, and was not with the ${frozen} while it was frozen`);
}

type UnderLoad = Omit<Figures, 'imageMb' | 'upMs'>;

async function underLoad(installation: Installation, inFlight: number, say: (line: string) => void): Promise<UnderLoad> {
  const load = keepInFlight(inFlight);
  const replaced = new Map<string, Replacement>();
  for (const service of SERVICES) {
    // The gateway that is asked is the new one, as soon as it is ready; the old one is stopped after that.
    const fromMs = Date.now();
    const took = await installation.replace(service, () => {
      process.env['REEL_API'] = installation.api();
    });
    replaced.set(service, { fromMs, ...took });
    say(`${service} replaced: ready after ${took.readyMs} ms, and the one before gone ${took.stopMs} ms later`);
  }
  const { runs, askedAgain } = await load.end();
  const effects = Object.entries((await installation.outside()).world.ledger);
  for (const { id, status } of runs) {
    assert.equal(status, 'completed', `run ${id} is ${status}`);
    const mine = effects.filter(([key]) => key.startsWith(`${id}.`)).map(([key, { effects }]) => [key.split('.').at(-1), effects]);
    assert.deepEqual(
      mine,
      [
        ['ride', 1],
        ['pay', 1],
      ],
      `what run ${id} did`,
    );
  }
  const memory = await installation.memory();
  return { replaced, runs: runs.length, askedAgain, memory, ...(await fromLog(installation, runs)) };
}

/** What the log itself says: of all that is in it whether it keeps the rules, and of these runs where they stood still. */
async function fromLog({ nats, dir }: Installation, runs: readonly Run[]): Promise<Pick<UnderLoad, 'facts' | 'findings' | 'stalls'>> {
  const { credentials } = installationIn(dir);
  const connection = await connect({ servers: nats, credentials }, 'gateway');
  const reader = await openRunCache(connection, 1);
  const stalls: Stall[] = [];
  try {
    for (const { id } of runs) stalls.push(longestStall((await reader.read(0, id)).entries));
  } finally {
    reader.close();
    await connection.close();
  }
  // As `npx reel verify` finds a broker that is not of this machine.
  Object.assign(process.env, { REEL_NATS: nats, REEL_CREDENTIALS: credentials });
  const verified = await verify(undefined, { dir });
  assert.deepEqual([verified.runs, verified.open, verified.cut], [stories.length + runs.length, 0, 0], 'runs in the log: all, open, cut');
  return {
    facts: verified.facts,
    findings: verified.findings.map(({ rule, address, message }) => `${rule}  ${address}  ${message}`),
    stalls: stalls.sort((one, other) => one.ms - other.ms),
  };
}

function longestStall(entries: readonly Entry[]): Stall {
  const gaps = entries.slice(1).map((entry, place): Stall => {
    const before = entries[place] as Entry;
    return { ms: entry.time - before.time, fromMs: before.time, between: `${before.address} and ${entry.address}` };
  });
  return gaps.reduce((longest, gap) => (gap.ms > longest.ms ? gap : longest));
}

/** Where a run stood still, and what was being replaced then, in words. */
export function stallText({ ms, fromMs, between }: Stall, replaced: Figures['replaced']): string {
  const meanwhile = [...replaced].flatMap(([service, one]) => {
    const into = [fromMs - one.fromMs, fromMs + ms - one.fromMs] as const;
    const whole = one.readyMs + one.stopMs;
    if (into[1] < 0 || into[0] > whole) return [];
    return [`${service}, from ${into[0]} to ${into[1]} ms after it was begun on (ready after ${one.readyMs}, over after ${whole})`];
  });
  return `${ms} ms between ${between}, during the replacement of ${meanwhile.join(', and of ') || 'nothing'}`;
}

if (import.meta.main) {
  const why = await lacking();
  if (why !== undefined) {
    console.error(`npm run smoke needs containers: ${why}`);
    process.exit(1);
  }
  const { runs, facts, findings: found, askedAgain, stalls, memory, replaced } = await smoke(30, console.log);
  const at = (share: number): number => stalls[Math.min(stalls.length - 1, Math.floor(stalls.length * share))]?.ms ?? 0;
  console.log(
    `${runs} runs (30 in flight) and ${stories.length} stories, ${facts} facts, ${found.length} findings; clients asked again ${askedAgain} times
longest standstill of a run: half below ${at(0.5)} ms, 99 in 100 below ${at(0.99)} ms, at most ${at(1)} ms (may be ${STALL_MS})
memory: ${[...memory].map(([name, mib]) => `${name} ${mib} MiB`).join(', ')}`,
  );
  for (const stall of stalls.slice(-3)) console.log(stallText(stall, replaced));
  for (const finding of found) console.error(finding);
  process.exitCode = found.length > 0 || at(1) > STALL_MS ? 1 : 0;
}
