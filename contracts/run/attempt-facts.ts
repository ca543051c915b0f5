/**
 * One attempt at a step or an undo, as the slots of its place, and what follows from them. The saga tracker, the planner and the gateway
 * share these functions, so that they agree. The verifier has its own, so that it can find errors in these.
 */
import type { Place } from '../address.ts';
import type { Json, Problem } from '../envelope.ts';
import type { Call } from '../step.ts';
import { answerOf, dataOf, type Entry, isInvalid } from './entry.ts';

const SLOTS = ['request', 'proposal', 'verdict', 'ruling', 'start', 'outcome', 'check', 'late', 'residue', 'retry', 'wake'] as const;
export type Slot = (typeof SLOTS)[number];

export type AttemptFacts = {
  readonly at: Place;
  readonly slots: { [S in Slot]?: Entry };
  /** What a person reported about an attempt in doubt: its result, or that it had no effect. */
  settled?: { readonly output: Json } | 'without effect';
};

/** Attempts by place. */
export type Attempts = Map<string, AttemptFacts>;

export const placeKey = ({ kind, id, n }: Place): string => `${kind}.${id}.${n}`;

/** Adds an entry to its attempt. @returns the attempt; undefined for a slot that no attempt has. */
export function record(attempts: Attempts, entry: Entry): AttemptFacts | undefined {
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

/** The attempt at a place, from the history so far. */
export function attemptAt(history: { occupant(at: Place, slot: string): Entry | undefined }, at: Place): AttemptFacts {
  const slots: AttemptFacts['slots'] = {};
  for (const slot of SLOTS) {
    const entry = history.occupant(at, slot);
    if (entry !== undefined) slots[slot] = entry;
  }
  return { at, slots };
}

/** `answerOf` the entry in a slot of the attempt. */
export const answerIn = ({ slots }: AttemptFacts, slot: Slot): string | undefined => answerOf(slots[slot]);

const dataIn = ({ slots }: AttemptFacts, slot: Slot, answer: string): unknown =>
  answerOf(slots[slot]) === answer ? dataOf(slots[slot]) : undefined;

/** The requested call. Without one, the attempt cannot be performed. */
export const callOf = (attempt: AttemptFacts): Call | undefined =>
  (dataIn(attempt, 'request', 'requested') as { call: Call } | undefined)?.call;

/** Why the entry in this slot is not a success. An invalid entry is its own reason. */
export function problemIn({ slots }: AttemptFacts, slot: Slot): Problem {
  const entry = slots[slot];
  if (entry === undefined || isInvalid(entry))
    return { code: 'invalid-fact', message: `${slot}: ${entry?.invalid ?? 'the slot is empty'}` };
  return problemOf(entry.data) ?? { code: answerOf(entry) as string, message: `its ${slot} says "${answerOf(entry)}"` };
}

/** The problem that a fact carries. A person's refusal counts as one. */
export function problemOf(data: unknown): Problem | undefined {
  const { problem, who, why } = data as { problem?: Problem; who?: string; why?: string };
  if (problem !== undefined) return problem;
  return who === undefined ? undefined : { code: 'refused', message: `${who} refused it: ${why}` };
}

/** True when no service will act on it any more: it has an outcome, or will never begin. */
export function isSettled(attempt: AttemptFacts): boolean {
  if (callOf(attempt) === undefined || attempt.slots.outcome !== undefined || isWithdrawn(attempt)) return true;
  const verdict = answerIn(attempt, 'verdict');
  const ruling = answerIn(attempt, 'ruling');
  if (verdict !== undefined && verdict !== 'approved' && verdict !== 'held') return true;
  return ruling !== undefined && ruling !== 'granted';
}

/** True while it waits for a person. */
export const isHeld = (attempt: AttemptFacts): boolean => answerIn(attempt, 'verdict') === 'held' && attempt.slots.ruling === undefined;

/** True when it was approved, or granted by a person. */
export const isAllowed = (attempt: AttemptFacts): boolean =>
  answerIn(attempt, 'verdict') === 'approved' || answerIn(attempt, 'ruling') === 'granted';

export const isWithdrawn = (attempt: AttemptFacts): boolean => answerIn(attempt, 'start') === 'withdrawn';

/** True when it is past the point of no return and may have taken effect. An invalid `start` may be a performer's. */
export const isBegun = (attempt: AttemptFacts): boolean => attempt.slots.start !== undefined && !isWithdrawn(attempt);

export const isReadOnly = (attempt: AttemptFacts): boolean => callOf(attempt)?.effect === 'read-only';

/** True when it leaves no effect, however it ends. */
export const isHarmless = (attempt: AttemptFacts): boolean => isReadOnly(attempt) || callOf(attempt)?.effect === 'metered';

/** The fact with its result, in time or late. */
export const resultFactOf = ({ slots }: AttemptFacts): Entry | undefined =>
  [slots.outcome, slots.late].find((entry) => answerOf(entry) === 'succeeded');

/** Its result, in time, late, or reported by a person; undefined when it is not known to have succeeded. */
export function outputOf(attempt: AttemptFacts): { readonly output: Json } | undefined {
  const fact = resultFactOf(attempt);
  if (fact !== undefined) return dataOf(fact) as { output: Json };
  return typeof attempt.settled === 'object' ? attempt.settled : undefined;
}

/** True when it began, and it is unknown whether it took effect. */
export function isDoubtful(attempt: AttemptFacts): boolean {
  if (isHarmless(attempt) || !isBegun(attempt) || outputOf(attempt) !== undefined || attempt.settled !== undefined) return false;
  return attempt.slots.outcome !== undefined && answerIn(attempt, 'outcome') !== 'failed';
}

/** The name of an attempt in messages. */
export const nameOf = ({ kind, id, n }: Place): string => `attempt ${n} at ${kind} "${id}"`;
