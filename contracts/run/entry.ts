/** The entry in a slot of the log: a fact, or an entry that is invalid. */
import type { Address, Parts } from '../address.ts';
import type { Event } from '../envelope.ts';

/** An entry that cannot be read, or lacks a required earlier fact. It occupies its slot, and never counts as a success or an approval. */
export type Invalid = {
  readonly address: Address;
  readonly at: Parts;
  readonly seq: number;
  readonly time: number;
  /** Why it is invalid. */
  readonly invalid: string;
  /** For a readable fact: the types, one of which had to come earlier. */
  readonly without?: readonly string[];
};

export type Entry = Event | Invalid;

export const isInvalid = (entry: Entry): entry is Invalid => 'invalid' in entry;

/** The last part of a fact's type: the answer in its slot. `invalid` for an invalid entry, undefined for an empty slot. */
export function answerOf(entry: Entry | undefined): string | undefined {
  if (entry === undefined) return undefined;
  return isInvalid(entry) ? 'invalid' : (entry.type.split('.')[2] ?? 'invalid');
}

/** The data of a fact; empty for an invalid entry and an empty slot. */
// biome-ignore lint/suspicious/noExplicitAny: facts of every type pass here, and each was parsed when it was read
export const dataOf = (entry: Entry | undefined): { readonly [field: string]: any } =>
  entry === undefined || isInvalid(entry) ? {} : (entry.data as object);
