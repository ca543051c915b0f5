/** What a bus has to be able to do with the log, for services to run on it: JetStream does it for real, the simulator with malice. */
import type { Address } from '@reel/contracts/address.ts';
import type { Envelope } from '@reel/contracts/envelope.ts';
import type { Entry, RunLog } from './history.ts';

export type Log = {
  /** Stores a fact in an empty slot. `taken`: there is one already. Rejects when nobody can tell; then it may be stored or not. */
  put(fact: Envelope): Promise<{ seq: number } | 'taken'>;
  /** What stands in a slot, as its leader knows it. */
  occupant(address: Address): Promise<Entry | undefined>;
  /** The position of what stands in a slot, which is not read. */
  position(address: Address): Promise<number | undefined>;
  /** A run, at least up to position `atLeast`; without one, as new as can be had without asking the leader. */
  read(shard: number, run: string, atLeast?: number): Promise<RunLog>;
  /** Asks the clock to ring. */
  setAlarm(shard: number, run: string, name: string, atMs: number): Promise<void>;
  /** The time, ms since the epoch: for stamps and time-outs, never for decisions. */
  now(): number;
  /** Resolves after so many ms, or at once when the signal aborts. */
  pause(ms: number, signal?: AbortSignal): Promise<void>;
};

/** The log could not be reached, or gave no answer in time. Whatever was being done is done again later. */
export class LogUnavailable extends Error {}

/** There is no room for it: whoever has something to say keeps it until there is. */
export class LogFull extends LogUnavailable {}

/** A stored message as it stands in the log. */
export type Raw = {
  readonly subject: string;
  readonly seq: number;
  readonly time: number;
  readonly body: string;
  readonly suspicious?: string;
};
