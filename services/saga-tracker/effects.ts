/** What a run has done to the world, as far as its log tells, and what is known of it: the state that the saga is read into. */

import type { History } from '@reel/bus/history.ts';
import { type Place, undoOf } from '@reel/contracts/address.ts';
import type { Json, Problem } from '@reel/contracts/envelope.ts';
import {
  type AttemptFacts,
  type Attempts,
  answerIn,
  callOf,
  isDoubtful,
  nameOf,
  outputOf,
  placeKey,
  problemIn,
} from '@reel/contracts/run/attempt-facts.ts';
import type { Remainder } from '@reel/contracts/run.ts';
import type { Call } from '@reel/contracts/step.ts';
import type { EventOf } from '@reel/contracts/story.ts';
import type { Escalated } from '@reel/contracts/workflow/attempt.ts';
import type { Asked, Doubt } from './doubt.ts';

export type Closing = { readonly to: 'completed' | 'failing' | 'cancelling' | 'exhausted'; readonly problem: Problem };

/** One effect in the world. Attempts at an idempotent call share theirs; every other attempt has its own. */
export type Effect = { readonly attempts: [AttemptFacts, ...AttemptFacts[]]; taken: boolean };

/** The undo that is being tried, for the `n`th time, not asked for before `notBeforeMs` (ms since the epoch). */
export type Undoing = {
  readonly attempt: AttemptFacts;
  readonly n: number;
  readonly notBeforeMs: number;
  readonly call: Call;
  /** The level that is asked if it ends in doubt. People asked about an earlier try are not asked again. */
  readonly level: number;
};

/** A doubt that was put to people: `asked` is the question that is open; without one, no person is left to ask. */
export type Pending = { doubt: Doubt; readonly undoing: Undoing | undefined; asked: Asked | undefined };

export type Saga = {
  turn: Closing | undefined;
  stage: 'going' | 'stopping' | 'undoing' | 'over';
  readonly steps: Attempts;
  readonly undos: Attempts;
  /** The effects that are known, by their keys. */
  readonly byKey: Map<string, Effect>;
  /** Steps on which a service or person may still act. */
  readonly unsettled: Set<AttemptFacts>;
  undoing: Undoing | undefined;
  pending: Pending[];
  readonly undone: Place[];
  readonly stranded: Remainder[];
  /** What took effect, and nothing undoes it. */
  readonly remaining: Remainder[];
  /** Attempts whose effect is not undone and is named by no outcome of the run. */
  readonly residues: Set<AttemptFacts>;
};

/** `again`: undos that a person wants tried again. `asked`: how many questions were asked about an attempt. */
export type Told = Saga & {
  readonly effects: Effect[];
  readonly again: Undoing[];
  readonly asked: Map<string, number>;
};
export type RunRequest = EventOf<'run.request.requested'>['data'];
/** What a position of the log is read with: the run, and when its fact was stored. */
export type RunContext = { readonly history: History; readonly request: RunRequest; readonly time: number };

/** The key of the effect that an attempt has or would have. */
export function effectKey(attempt: AttemptFacts): string {
  const { kind, id } = attempt.at;
  return callOf(attempt)?.effect === 'once' ? placeKey(attempt.at) : `${kind}.${id}`;
}

export function happened(saga: Told, attempt: AttemptFacts): void {
  const key = effectKey(attempt);
  const known = saga.byKey.get(key);
  // An effect whose undo has begun, or whose run is over, is not the one that this tells of; to be safe, a person looks at it.
  if (known?.taken === true || (saga.stage === 'over' && (known === undefined || saga.turn?.to !== 'completed')))
    saga.residues.add(attempt);
  else if (known !== undefined) known.attempts.push(attempt);
  else {
    const effect: Effect = { attempts: [attempt], taken: false };
    saga.byKey.set(key, effect);
    saga.effects.push(effect);
  }
}

/** What a person has found out about an attempt in doubt. */
export function hear(saga: Told, attempt: AttemptFacts, said: Escalated): void {
  if (said.action === 'retry') attempt.settled = 'without effect';
  else if (said.result !== undefined) {
    attempt.settled = { output: said.result as Json };
    happened(saga, attempt);
  }
}

export const isAccepted = (attempt: AttemptFacts): boolean => answerIn(attempt, 'check') === 'accepted' || attempt.settled !== undefined;

/** The newest attempt of each effect that may or may not have happened. One of which that is known accounts for them all. */
export function doubts(saga: Told): Iterable<AttemptFacts> {
  const attempts = [...saga.steps.values()];
  const settled = new Set(attempts.filter((attempt) => attempt.settled !== undefined).map(effectKey));
  const isOpen = (key: string): boolean => !saga.byKey.has(key) && !settled.has(key);
  const doubtful = attempts.filter((attempt) => isDoubtful(attempt) && isOpen(effectKey(attempt)));
  return new Map(doubtful.map((attempt) => [effectKey(attempt), attempt])).values();
}

/** Why what took effect is still there though its run did not succeed. */
export const staying = (attempt: AttemptFacts): Problem => ({
  code: 'no-compensation',
  message: `${nameOf(attempt.at)} took effect, and nothing undoes it`,
  step: attempt.at.id,
});

/** Why a person has to look whether an attempt took effect. */
export function doubtAbout(attempt: AttemptFacts): Problem {
  const why = problemIn(attempt, 'outcome').message;
  return { code: 'unknown-effect', message: `whether ${nameOf(attempt.at)} took effect is not known: ${why}`, step: attempt.at.id };
}

export const triesOf = ({ undos }: Saga, { attempt, n }: Undoing): AttemptFacts[] =>
  Array.from({ length: n }, (_, before) => undos.get(placeKey(undoOf(attempt.at, before + 1)))).filter((undo) => undo !== undefined);

export const isUndone = (saga: Saga, undoing: Undoing): boolean => triesOf(saga, undoing).some((undo) => outputOf(undo) !== undefined);

/** True when it is known by now what was in doubt. */
export function isKnown(saga: Saga, { attempt, undo }: Doubt, undoing: Undoing | undefined): boolean {
  if (undoing !== undefined) return undo?.settled !== undefined || isUndone(saga, undoing);
  return attempt.settled !== undefined || saga.byKey.has(effectKey(attempt));
}
