/** One attempt at a step or at an undo, as the slots of its place: what can be told from them alone. */

import { type Entry, isInvalid } from '@reel/bus/history.ts';
import type { Place } from '@reel/contracts/address.ts';
import type { Json, Problem } from '@reel/contracts/envelope.ts';
import type { Call } from '@reel/contracts/step.ts';

const SLOTS = ['request', 'verdict', 'ruling', 'start', 'outcome', 'check', 'late', 'residue', 'retry', 'wake'] as const;
export type Slot = (typeof SLOTS)[number];

export type AttemptFacts = {
  readonly at: Place;
  readonly slots: { [S in Slot]?: Entry };
  /** What a person has found out about it, where nobody knew whether it took effect: the result, or that it did not. */
  settled?: { readonly output: Json } | 'without effect';
};

/** Attempts by place. */
export type AttemptsFacts = Map<string, AttemptFacts>;

export const placeKey = ({ kind, id, n }: Place): string => `${kind}.${id}.${n}`;

/** Enters a fact at the attempt it is about, and returns that; undefined for a slot that means nothing here. */
export function record(attempts: AttemptsFacts, entry: Entry): AttemptFacts | undefined {
  const slot = entry.at.slot as Slot;
  if (!SLOTS.includes(slot)) return undefined;
  const key = placeKey(entry.at);
  let attempt = attempts.get(key);
  if (attempt === undefined) {
    const { kind, id, n } = entry.at;
    attempts.set(key, (attempt = { at: { kind, id, n }, slots: {} }));
  }
  attempt.slots[slot] = entry;
  return attempt;
}

/** The word that stands in a slot, `void` for what cannot be read, undefined for an empty slot. */
export function answerAt(entry: Entry | undefined): string | undefined {
  if (entry === undefined) return undefined;
  return isInvalid(entry) ? 'invalid' : (entry.type.split('.')[2] ?? 'invalid');
}

export const answerOf = (attempt: AttemptFacts, slot: Slot): string | undefined => answerAt(attempt.slots[slot]);

const dataIn = (attempt: AttemptFacts, slot: Slot, answer: string): unknown => {
  const entry = attempt.slots[slot];
  return entry !== undefined && !isInvalid(entry) && answerAt(entry) === answer ? entry.data : undefined;
};

/** The call that was requested. Without one there is nothing that anybody could perform. */
export const callOf = (attempt: AttemptFacts): Call | undefined =>
  (dataIn(attempt, 'request', 'requested') as { call: Call } | undefined)?.call;

/** Why the outcome, or whatever else stands in this slot, is not a success; a void is its own reason. */
export function problemIn(attempt: AttemptFacts, slot: Slot): Problem {
  const entry = attempt.slots[slot];
  if (entry === undefined || isInvalid(entry))
    return { code: 'invalid-fact', message: `${slot}: ${entry?.invalid ?? 'nothing stands there'}` };
  return problemOf(entry.data) ?? { code: answerAt(entry) as string, message: `its ${slot} says "${answerAt(entry)}"` };
}

/** The problem that a fact carries; a person's refusal is one too. */
export function problemOf(data: unknown): Problem | undefined {
  const { problem, who, why } = data as { problem?: Problem; who?: string; why?: string };
  if (problem !== undefined) return problem;
  return who === undefined ? undefined : { code: 'refused', message: `${who} refused it: ${why}` };
}

/** True when nobody will act on it any more: it was decided, or will never be begun. */
export function isSettled(attempt: AttemptFacts): boolean {
  if (callOf(attempt) === undefined || attempt.slots.outcome !== undefined || answerOf(attempt, 'start') === 'withdrawn') return true;
  const verdict = answerOf(attempt, 'verdict');
  const ruling = answerOf(attempt, 'ruling');
  if (verdict !== undefined && verdict !== 'approved' && verdict !== 'held') return true;
  return ruling !== undefined && ruling !== 'granted';
}

/** True while a person is being asked. */
export const isHeld = (attempt: AttemptFacts): boolean => answerOf(attempt, 'verdict') === 'held' && attempt.slots.ruling === undefined;

/** True when it may have touched the world: somebody took the point of no return. Rubbish in that slot may be theirs. */
export const isBegun = (attempt: AttemptFacts): boolean => attempt.slots.start !== undefined && answerOf(attempt, 'start') !== 'withdrawn';

export const isReadOnly = (attempt: AttemptFacts): boolean => callOf(attempt)?.effect === 'read-only';

/** True when nothing of it remains in the world, whatever becomes of it. */
export const isHarmless = (attempt: AttemptFacts): boolean => isReadOnly(attempt) || callOf(attempt)?.effect === 'metered';

/** What it gave, in time, late, or by the word of a person; undefined when it is not known to have succeeded. */
export function outputOf(attempt: AttemptFacts): { readonly output: Json } | undefined {
  const told = (dataIn(attempt, 'outcome', 'succeeded') ?? dataIn(attempt, 'late', 'succeeded')) as { output: Json } | undefined;
  return told ?? (typeof attempt.settled === 'object' ? attempt.settled : undefined);
}

/** True when it was begun, and it cannot be told whether it took effect. */
export function isDoubtful(attempt: AttemptFacts): boolean {
  if (isHarmless(attempt) || !isBegun(attempt) || outputOf(attempt) !== undefined || attempt.settled !== undefined) return false;
  return attempt.slots.outcome !== undefined && answerOf(attempt, 'outcome') !== 'failed';
}

/** How an attempt is named to people. */
export const nameOf = ({ kind, id, n }: Place): string => `attempt ${n} at ${kind} "${id}"`;
