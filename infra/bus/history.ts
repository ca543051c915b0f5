/** A run as its facts, up to a position in the log. Slots are write-once, so a view of the past is a bound and not a copy. */
import { type Address, addressOf, type Parts, type Place } from '@reel/contracts/address.ts';
import type { Event, FactDefinition } from '@reel/contracts/envelope.ts';
import { type Entry, type Invalid, isInvalid } from '@reel/contracts/run/entry.ts';
import type { z } from 'zod';

export { type Entry, type Invalid, isInvalid };

/** The entries of one run in the order of the log, with an index by address. It grows at the end only. */
export type RunLog = { readonly shard: number; readonly run: string; readonly entries: Entry[]; readonly byAddress: Map<Address, Entry> };

export const emptyRunLog = (shard: number, run: string): RunLog => ({ shard, run, entries: [], byAddress: new Map() });

/** Adds the next entry of a run. A fact without its prerequisites becomes invalid. An occupied address is left alone. */
export function append(log: RunLog, entry: Entry, after: readonly string[] = []): void {
  if (log.byAddress.has(entry.address)) return;
  const kept =
    isInvalid(entry) || after.length === 0 || after.some((type) => standsBefore(log, entry.at, type)) ? entry : unfounded(entry, after);
  log.entries.push(kept);
  log.byAddress.set(kept.address, kept);
}

function standsBefore(log: RunLog, at: Parts, type: string): boolean {
  const slot = type.split('.')[1] as string;
  const earlier = log.byAddress.get(addressOf({ ...at, slot }));
  return earlier !== undefined && !isInvalid(earlier) && earlier.type === type;
}

function unfounded({ address, at, seq, time, type }: Event, after: readonly string[]): Invalid {
  return { address, at, seq, time, without: after, invalid: `${type} stands there without ${after.join(' or ')} before it` };
}

/** The run up to and including one fact. A handler decides on it, whatever was stored later. */
export type History = {
  readonly shard: number;
  readonly run: string;
  /** The last position that it includes. */
  readonly seq: number;
  /** The fact of this definition at this place; undefined when the slot is empty or holds another fact. */
  find<Type extends string, Shape extends z.ZodObject>(
    definition: FactDefinition<Type, Shape>,
    at: Place,
  ): Event<z.output<Shape>, Type> | undefined;
  /** The entry in a slot. */
  occupant(at: Place, slot: string): Entry | undefined;
  /** All entries, in the order of the log. */
  entries(): readonly Entry[];
};

/** The view of a run up to and including position `seq`. */
export function historyOf(log: RunLog, seq = Number.POSITIVE_INFINITY): History {
  const { shard, run } = log;
  const prefix = `reel.${shard}.${run}.`;
  const occupant = (at: Place, slot: string): Entry | undefined => {
    const entry = log.byAddress.get(`${prefix}${at.kind}.${at.id}.${at.n}.${slot}`);
    return entry !== undefined && entry.seq <= seq ? entry : undefined;
  };
  return {
    shard,
    run,
    seq,
    occupant,
    find: (definition, at) => {
      const entry = occupant(at, definition.slot);
      return entry !== undefined && !isInvalid(entry) && entry.type === definition.type ? (entry as never) : undefined;
    },
    entries: () =>
      log.entries.length === 0 || (log.entries.at(-1) as Entry).seq <= seq ? log.entries : log.entries.filter((entry) => entry.seq <= seq),
  };
}
