/** What stands in a slot of the log: a fact, or something that cannot be read as one. */
import type { Address, Parts } from '../address.ts';
import type { Event } from '../envelope.ts';

/** An entry that cannot be read, or lacks what must stand before it. It decides its slot, and never in favour. */
export type Invalid = {
  readonly address: Address;
  readonly at: Parts;
  readonly seq: number;
  readonly time: number;
  /** Why it is invalid. */
  readonly invalid: string;
  /** For a fact that can be read: the types, any one of which would have had to stand before it. */
  readonly without?: readonly string[];
};

export type Entry = Event | Invalid;

export const isInvalid = (entry: Entry): entry is Invalid => 'invalid' in entry;

/** The last part of a fact's type: what the entry says in its slot. `invalid` for an invalid entry, undefined for an empty slot. */
export function answerOf(entry: Entry | undefined): string | undefined {
  if (entry === undefined) return undefined;
  return isInvalid(entry) ? 'invalid' : (entry.type.split('.')[2] ?? 'invalid');
}

/** The data of a fact; none for an invalid entry and an empty slot. */
// biome-ignore lint/suspicious/noExplicitAny: facts of every type pass here, and each was parsed when it was read
export const dataOf = (entry: Entry | undefined): { readonly [field: string]: any } =>
  entry === undefined || isInvalid(entry) ? {} : (entry.data as object);
