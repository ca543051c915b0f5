/** What the simulator plays: somebody asks for something, performers act in a world of their own, and in the end the world is looked at. */
import type { Edge } from '@reel/bus/edge.ts';
import type { Entry, History } from '@reel/bus/history.ts';
import type { Faults, Player, Simulation } from '@reel/bus/simulator/simulator.ts';
import type { Publishers } from '@reel/bus/verifier/publishers.ts';
import type { Event } from '@reel/contracts/envelope.ts';
import type { EventOf } from '@reel/contracts/story.ts';
import type { Judge } from '@reel/policy/cedar.ts';
import type { Arbitrary } from 'fast-check';

/** The one run of a simulation. */
export const RUN = 'R';

type Request = EventOf<'run.request.requested'>['data'];

export type Scene = {
  /** What is asked for. `deadlineInMs` is from now on; an hour unless said otherwise. */
  readonly request: Omit<Request, 'deadlineMs'> & { readonly deadlineInMs?: number };
  /** By which policies it is judged. */
  readonly judge: Judge;
  /** Who does what is to be done, beside Reel's own planner, policy, validator, saga tracker and desk. */
  readonly players: readonly Player[];
  /** What ends the processes of a service that handle it, as a player's `kills`. */
  readonly kills?: (service: string, what: string, inQuarantine: boolean) => boolean;
  /** What people do about a fact: vote, cancel. */
  readonly onFact?: (entry: Entry, edge: Edge, later: Simulation['later']) => void | Promise<void>;
  /** What has to be true at the end, beside what has to be of every run. @throws AssertionError */
  readonly check: (played: Played) => void;
};

export type Played = {
  readonly simulation: Simulation;
  readonly history: History;
  readonly entries: readonly Entry[];
  /** Who may say what. */
  readonly cast: Publishers;
  /** How the run ended, unless what stands there cannot be read. */
  readonly outcome: Event | undefined;
};

export type Story<Data = unknown> = {
  readonly name: string;
  /** What can go wrong around it. */
  readonly faults: Faults;
  /** What differs from seed to seed, as plain JSON. */
  readonly data: Arbitrary<Data>;
  /** A new world for each playing. */
  readonly scene: (data: Data) => Scene;
  /** Smaller data with the script that fits them, beside what shrinking the data alone finds: for data that faults name parts of. */
  readonly smaller?: (data: Data, script: readonly string[]) => readonly (readonly [Data, readonly string[]])[];
  /** For a story without races: what every seed has to come to, told on a calm day, is the same. */
  readonly steady?: boolean;
};
