/** Plays one story once, and holds it up to everything that has to be true of a run. */
import assert from 'node:assert/strict';
import { isInvalid } from '@reel/bus/history.ts';
import type { AnyService } from '@reel/bus/service.ts';
import { CALM, type Faults, type Player, type Simulation, type SimulationOptions, simulate } from '@reel/bus/simulator/simulator.ts';
import { publishersOf } from '@reel/bus/verifier/publishers.ts';
import { theRun } from '@reel/contracts/address.ts';
import { runRequested } from '@reel/contracts/run.ts';
import gateway from '@reel/gateway/gateway.ts';
import { cast } from './players.ts';
import { keepsItsPromises } from './promises.ts';
import { type Played, RUN, type Scene, type Story } from './story.ts';

const HOUR_MS = 3_600_000;

/** What is changed in order to see that it is noticed. */
export type Change = {
  readonly players?: (players: readonly Player[]) => readonly Player[];
  readonly bus?: () => NonNullable<SimulationOptions['bus']>;
};

export type Playing = {
  readonly seed: number;
  /** These faults and no others. */
  readonly script?: readonly string[] | undefined;
  readonly change?: Change | undefined;
};

/** Something that has to be true and is not. */
export class Broken extends Error {
  readonly simulation: Simulation;
  constructor(error: Error, simulation: Simulation) {
    super(error.message, { cause: error });
    this.simulation = simulation;
  }
}

/** @throws Broken */
export async function play<Data>(story: Story<Data>, data: Data, playing: Playing): Promise<Played> {
  const scene = story.scene(data);
  const players = playersOf(scene, playing.change);
  const simulation = staged(scene, players, story.faults, playing);
  try {
    await begin(simulation, scene);
    await simulation.run();
    const played = endOf(simulation, players);
    keepsItsPromises(played);
    scene.check(played);
    if (story.steady === true) await sameAsOnACalmDay(story, data, played);
    return played;
  } catch (error) {
    throw new Broken(error as Error, simulation);
  }
}

function playersOf(scene: Scene, change: Change = {}): readonly Player[] {
  const { kills } = scene;
  const players = [...cast(scene.judge), ...scene.players].map(
    (player): Player => (kills === undefined ? player : { ...player, kills: (...what) => kills(player.service.name, ...what) }),
  );
  return change.players?.(players) ?? players;
}

function staged(scene: Scene, players: readonly Player[], faults: Faults, { seed, script, change = {} }: Playing): Simulation {
  const simulation: Simulation = simulate({
    players,
    seed,
    faults,
    script,
    onFact: (entry, edge) => scene.onFact?.(entry, edge, simulation.later),
    ...(change.bus === undefined ? {} : { bus: change.bus() }),
  });
  return simulation;
}

async function begin(simulation: Simulation, { request: { deadlineInMs = HOUR_MS, ...request } }: Scene): Promise<void> {
  await simulation.edge.publish(0, RUN, runRequested(theRun, { ...request, deadlineMs: simulation.now() + deadlineInMs }));
}

function endOf(simulation: Simulation, players: readonly Player[]): Played {
  const history = simulation.history(RUN);
  const outcome = history.occupant(theRun, 'outcome');
  return {
    simulation,
    history,
    entries: history.entries(),
    cast: publishersOf([gateway, ...players.map(({ service }) => service as AnyService)]),
    outcome: outcome === undefined || isInvalid(outcome) ? undefined : outcome,
  };
}

/**
 * What a run comes to, without what differs from one telling to the next: its facts, but for those about time, about opinions, and about
 * an attempt that turned out late to have been done by the next one, under their common key.
 */
const conclusions = ({ entries, history }: Played): string[] =>
  entries
    .filter(({ at: { kind, slot } }) => kind !== 'vote' && slot !== 'retry' && slot !== 'wake' && slot !== 'late')
    .filter(({ at }) => at.slot !== 'check' || history.occupant(at, 'late') === undefined)
    .map((entry) => `${entry.address} ${isInvalid(entry) ? 'invalid' : entry.type}`)
    .sort();

async function sameAsOnACalmDay<Data>(story: Story<Data>, data: Data, played: Played): Promise<void> {
  const scene = story.scene(data);
  const players = playersOf(scene);
  const simulation = staged(scene, players, CALM, { seed: 0 });
  await begin(simulation, scene);
  await simulation.run();
  assert.deepEqual(conclusions(played), conclusions(endOf(simulation, players)), 'it came to other conclusions than on a calm day');
}
