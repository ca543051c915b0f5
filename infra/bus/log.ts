/** The log as services need it. JetStream implements it for production, the simulator with faults. */
import type { Address } from '@reel/contracts/address.ts';
import type { Envelope } from '@reel/contracts/envelope.ts';
import type { Entry, RunLog } from './history.ts';

export type Log = {
  /** Stores a fact in an empty slot; `taken` when the slot is occupied. Rejects when the outcome is unknown. */
  put(fact: Envelope): Promise<{ seq: number } | 'taken'>;
  /** The entry in a slot, as the stream's leader knows it. */
  occupant(address: Address): Promise<Entry | undefined>;
  /** The position of the entry in a slot. The entry is not read. */
  position(address: Address): Promise<number | undefined>;
  /** A run, at least up to position `atLeast`; without one, as new as it is known here. */
  read(shard: number, run: string, atLeast?: number): Promise<RunLog>;
  /** Sets a timer. */
  setTimer(shard: number, run: string, name: string, atMs: number): Promise<void>;
  /** The time, ms since the epoch: for time stamps and time-outs, never for decisions. */
  now(): number;
  /** Resolves after `ms`, or at once when the signal aborts. */
  pause(ms: number, signal?: AbortSignal): Promise<void>;
};

/** The log is unreachable, or did not answer in time. The work is repeated later. */
export class LogUnavailable extends Error {}

/** The log is full. Services keep their facts until there is room. */
export class LogFull extends LogUnavailable {}

/** A stored message, not decoded. */
export type Raw = {
  readonly subject: string;
  readonly seq: number;
  readonly time: number;
  readonly body: string;
  readonly suspicious?: string;
};
