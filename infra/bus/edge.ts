/** What the gateway is given: a way to speak and a way to look. It reads the log as everybody does, and may say only what it declared. */
import type { Place } from '@reel/contracts/address.ts';
import type { Draft } from '@reel/contracts/envelope.ts';
import type { ModelDefinition } from '@reel/contracts/model.ts';
import type { ToolDefinition } from '@reel/contracts/tool.ts';
import type { Component } from './component.ts';
import type { Ailment } from './health.ts';
import type { Entry, History } from './history.ts';

/** A piece of what a step is making. Pieces of one attempt come in order; some may be missing. */
export type Tokens = { readonly at: Place; readonly text: string };

/** What became of something said: it was stored (or had been, by the same words), or somebody else's answer stands there. */
export type Published = { readonly published: true; readonly seq: number } | { readonly published: false; readonly occupant: Entry };

export type Edge = {
  /** How many shards there are; a run's shard is chosen when it is requested. */
  readonly shards: number;
  /** Says a fact about a run. `cause` is the address of what it answers; without one it begins something and is its own cause. */
  publish(shard: number, run: string, draft: Draft, options?: { cause?: string; traceparent?: string | undefined }): Promise<Published>;
  /** The newest facts of a run; without any, an empty history. */
  history(shard: number, run: string): Promise<History>;
  /** The shard of a run that exists, as the leader of its stream knows, or undefined: at once in either case. Looking at it finds it then. */
  find(run: string): Promise<number | undefined>;
  /** What stands at a slot now. */
  occupant(shard: number, run: string, at: Place, slot: string): Promise<Entry | undefined>;
  /** Every entry about runs as a whole (kind `run`), oldest first: for a list of runs. */
  runs(shard: number, fromSeq: number): AsyncIterable<Entry>;
  /** Every entry from now on, of every run, those of each run in order. @returns how to stop. */
  follow(listener: (entry: Entry) => void): () => void;
  /** Every piece that is shown of what a run is making, from now on; some may be missing. @returns how to stop. */
  watch(run: string, listener: (tokens: Tokens) => void): () => void;
  /**
   * The tools that are offered right now, by name: the same map as before while they are the same. An edge that was just opened first gives
   * everybody half a second to say that they are there; so whoever has waited for this finds the following three filled as well.
   * A service that is leaving still offers what it did for five beats, unless another has taken its place: a restart is not felt.
   */
  tools(): Promise<ReadonlyMap<string, ToolDefinition>>;
  /** The tools that are known, whether somebody offers them right now or not. */
  registered(): Promise<ReadonlyMap<string, ToolDefinition>>;
  /** The instances of services that are there right now. */
  components(): readonly Component[];
  /** The models that are offered right now, by name. */
  models(): readonly ModelDefinition[];
  /** The kinds of step that somebody performs right now. */
  kinds(): ReadonlySet<string>;
  /** Hears whenever one of the above has changed, the registry's definitions aside. @returns how to stop. */
  followComponents(listener: () => void): () => void;
  /** Why no new runs can be taken right now. */
  ailment(): Promise<Ailment | undefined>;
  /** Resolves when the log can be read and written and the first roll call is over; rejects with the reason. */
  ready(): Promise<void>;
};
