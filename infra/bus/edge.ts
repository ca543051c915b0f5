/** How the gateway reads and writes the log. It publishes only the facts that it declares, as every service does. */
import type { Place } from '@reel/contracts/address.ts';
import type { Draft } from '@reel/contracts/envelope.ts';
import type { ModelDefinition } from '@reel/contracts/model.ts';
import type { ToolDefinition } from '@reel/contracts/tool.ts';
import type { Component } from './component.ts';
import type { Ailment } from './health.ts';
import type { Entry, History } from './history.ts';

/** A piece of what a step is making. The pieces of one attempt arrive in order; some may be missing. */
export type Tokens = { readonly at: Place; readonly text: string };

/** The outcome of publishing: the fact is stored (now, or before with the same content), or another entry occupies its slot. */
export type Published = { readonly published: true; readonly seq: number } | { readonly published: false; readonly occupant: Entry };

export type Edge = {
  /** The number of shards. A run's shard is chosen when the run is requested. */
  readonly shards: number;
  /** Publishes a fact about a run. `cause` is the address of the fact it answers; a fact without one is its own cause. */
  publish(shard: number, run: string, draft: Draft, options?: { cause?: string; traceparent?: string | undefined }): Promise<Published>;
  /** The newest history of a run; empty for a run without facts. */
  history(shard: number, run: string): Promise<History>;
  /** The shard of a run, as the leader of its stream knows it; undefined when there is no such run. `history` finds it from then on. */
  find(run: string): Promise<number | undefined>;
  /** The entry in a slot now. */
  occupant(shard: number, run: string, at: Place, slot: string): Promise<Entry | undefined>;
  /** Every entry of kind `run`, oldest first: for a list of runs. */
  runs(shard: number, fromSeq: number): AsyncIterable<Entry>;
  /** Every entry of every run from now on, in order within a run. @returns how to stop. */
  follow(listener: (entry: Entry) => void): () => void;
  /** The token stream of a run from now on; pieces may be missing. @returns how to stop. */
  watch(run: string, listener: (tokens: Tokens) => void): () => void;
  /**
   * The tools on offer, by name. The map is the same object while they do not change. An edge that was just opened first waits half a
   * second for the components to announce themselves, which fills the next three as well. A service that leaves is still counted for five
   * heartbeats unless another takes its place, so that a restart goes unnoticed.
   */
  tools(): Promise<ReadonlyMap<string, ToolDefinition>>;
  /** The tools in the registry, on offer or not. */
  registered(): Promise<ReadonlyMap<string, ToolDefinition>>;
  /** The instances of services that run now. */
  components(): readonly Component[];
  /** The models on offer, by name. */
  models(): readonly ModelDefinition[];
  /** The kinds of step that a running service performs. */
  kinds(): ReadonlySet<string>;
  /** Calls back when one of the above changes, except for the registry. @returns how to stop. */
  followComponents(listener: () => void): () => void;
  /** Why new runs are refused now; undefined when they are not. */
  ailment(): Promise<Ailment | undefined>;
  /** Resolves when the log can be read and written and the running components are known. Rejects with the reason. */
  ready(): Promise<void>;
};
