/** `npm run smoke`: Reel in containers tells three stories, and has every service replaced while runs are in flight. Prints the figures. */
import assert from 'node:assert/strict';
import { connect } from '@reel/bus/connect.ts';
import type { Entry } from '@reel/bus/history.ts';
import { castOf } from '@reel/bus/protocol/cast.ts';
import { findings } from '@reel/bus/protocol.ts';
import { openReader } from '@reel/bus/reader.ts';
import type { Run, Submitted } from '@reel/gateway/shapes.ts';
import { ask, follow } from '@reel/scripts/api.ts';
import { ownServices } from '@reel/scripts/cast.ts';
import { decide } from '@reel/scripts/demo/person.ts';
import { type Stage, toolsAreOffered } from '@reel/scripts/demo/stage.ts';
import type { Story } from '@reel/scripts/demo/stories/story.ts';
import { supplier } from '@reel/scripts/demo/stories/supplier.ts';
import { support } from '@reel/scripts/demo/stories/support.ts';
import { trip } from '@reel/scripts/demo/stories/trip.ts';
import { SERVICES } from '@reel/services/main.ts';
import { type Installation, openInstallation } from './installation.ts';
import { keepInFlight } from './load.ts';
import { lacking } from './podman.ts';

/** The longest that a run may stand still while a service is replaced. */
export const STALL_MS = 5000;

export type Figures = {
  readonly imageMb: number;
  /** Until everything was ready, images and all. */
  readonly upMs: number;
  /** MiB of each service, after the load. */
  readonly memory: ReadonlyMap<string, number>;
  readonly replaced: ReadonlyMap<string, Replacement>;
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
    process.env['REEL_API'] = installation.api();
    await toolsAreOffered();
    for (const story of [support, trip, supplier]) say(`${story.title}: ${(await tell(story, installation)).join('; ')}`);
    return { imageMb: installation.imageMb, upMs, ...(await underLoad(installation, inFlight, say)) };
  } finally {
    await installation.close();
  }
}

async function tell({ submission, who, answers, end }: Story, installation: Installation): Promise<string[]> {
  const { id } = await ask<Submitted>('POST', '/v1/runs', submission);
  for await (const told of follow(id)) if ('type' in told && told.type === 'step.verdict.held') await decide(id, who, answers);
  const run = await ask<Run>('GET', `/v1/runs/${id}`);
  const { ticketing, world } = await installation.outside();
  // What a story looks at in the end, as it was told by those who are called: they are in containers, and not of this process.
  return end(run, { ticketing: { ledger: new Map(ticketing) }, world: { state: () => world } } as unknown as Stage);
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

/** What the log itself says of these runs. */
async function fromLog(
  { nats, credentials }: Installation,
  runs: readonly Run[],
): Promise<Pick<UnderLoad, 'facts' | 'findings' | 'stalls'>> {
  const connection = await connect({ servers: nats, credentials }, 'gateway');
  const reader = await openReader(connection, 1);
  try {
    const all: (readonly Entry[])[] = [];
    for (const { id } of runs) all.push((await reader.read(0, id)).entries);
    const stalls = all.map(longestStall).sort((one, other) => one.ms - other.ms);
    const circumstances = { now: Date.now(), cast: castOf(await ownServices()) };
    return {
      facts: all.reduce((sum, { length }) => sum + length, 0),
      findings: all.flatMap((entries) => findings(entries, circumstances)),
      stalls,
    };
  } finally {
    reader.close();
    await connection.close();
  }
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
    `${runs} runs (30 in flight), ${facts} facts, ${found.length} findings; clients asked again ${askedAgain} times
longest standstill of a run: half below ${at(0.5)} ms, 99 in 100 below ${at(0.99)} ms, at most ${at(1)} ms (may be ${STALL_MS})
memory: ${[...memory].map(([name, mib]) => `${name} ${mib} MiB`).join(', ')}`,
  );
  for (const stall of stalls.slice(-3)) console.log(stallText(stall, replaced));
  for (const finding of found) console.error(finding);
  process.exitCode = found.length > 0 || at(1) > STALL_MS ? 1 : 0;
}
