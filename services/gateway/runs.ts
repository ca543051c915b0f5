/** The list of runs and their open approvals: kept in memory, bounded, and rebuilt from the log at the start. */

import { type Entry, isInvalid } from '@reel/bus/history.ts';
import { addressOf } from '@reel/contracts/address.ts';
import { placeKey } from '@reel/contracts/run/attempt-facts.ts';
import type { EventOf } from '@reel/contracts/story.ts';
import { newestFirst } from './pages.ts';
import { linksOf, statusOf } from './run-state.ts';
import type { RunStatus, RunSummary } from './shapes.ts';

/** The most runs that are listed; beyond that, the run that ended first is dropped. It can still be read by id. */
const LISTED = 50_000;

export type Listed = {
  readonly id: string;
  readonly shard: number;
  readonly workflow: string;
  readonly requestedBy: string;
  readonly requestedMs: number;
  /** The cost of its model calls so far, where known. */
  costMicrousd?: number;
  /** The facts about the run as a whole, by slot, and its open approvals, by place. Both are empty after its end. */
  slots: Map<string, Entry>;
  held: Map<string, Entry>;
  over?: { readonly status: RunStatus; readonly endedMs: number };
};
const nothing = new Map<string, Entry>();

export type Runs = {
  enter(entry: Entry): void;
  get(id: string): Listed | undefined;
  /** Newest first. */
  newest(): readonly Listed[];
  open(): readonly Listed[];
  /** The number of requested runs that wait for the verdict of policy. */
  waiting(): number;
  /** Calls the listener when a run ends, listed or not. @returns a function that unsubscribes. */
  onEnd(id: string, listener: () => void): () => void;
};

export function openRuns(): Runs {
  const runs = new Map<string, Listed>();
  const waiting = new Set<string>();
  const over = new Set<string>();
  const listeners = new Map<string, Set<() => void>>();

  function begin({ at, data, time }: EventOf<'run.request.requested'>): void {
    if (runs.has(at.run)) return;
    runs.set(at.run, {
      id: at.run,
      shard: at.shard,
      workflow: data.workflow.name,
      requestedBy: data.requestedBy,
      requestedMs: time,
      slots: new Map(),
      held: new Map(),
    });
    waiting.add(at.run);
    if (runs.size <= LISTED) return;
    const last = (over.values().next().value ?? runs.keys().next().value) as string;
    for (const among of [runs, waiting, over]) among.delete(last);
  }
  /** Keeps only the summary of an ended run: there are many, and an answer may be large. */
  function finish(run: Listed, outcome: Entry): void {
    run.over = {
      status: statusOf(run.slots.get('closing'), outcome, run.slots.get('verdict'), run.slots.get('ruling')),
      endedMs: outcome.time,
    };
    run.slots = nothing;
    run.held = nothing;
    over.add(run.id);
  }
  function enter(entry: Entry): void {
    const { at } = entry;
    const whole = at.kind === 'run';
    if (whole && at.slot === 'request') {
      if (!isInvalid(entry)) begin(entry as EventOf<'run.request.requested'>);
      return;
    }
    if (whole && at.slot !== 'control') waiting.delete(at.run);
    if (whole && at.slot === 'outcome') for (const listener of listeners.get(at.run) ?? []) listener();
    const run = runs.get(at.run);
    if (run === undefined || run.over !== undefined) return;
    const cost =
      at.slot === 'outcome' && !isInvalid(entry) ? (entry.data as { usage?: { costMicrousd?: number } }).usage?.costMicrousd : undefined;
    if (cost !== undefined) run.costMicrousd = (run.costMicrousd ?? 0) + cost;
    if (whole) run.slots.set(at.slot, entry);
    if (at.slot === 'verdict' && !isInvalid(entry) && entry.type.endsWith('.held')) run.held.set(placeKey(at), entry);
    if (at.slot === 'ruling' || at.slot === 'outcome' || (at.slot === 'start' && !isInvalid(entry) && entry.type.endsWith('.withdrawn')))
      run.held.delete(placeKey(at));
    if (whole && at.slot === 'outcome') finish(run, entry);
  }
  return {
    enter,
    get: (id) => runs.get(id),
    newest: () => [...runs.values()].sort(newestFirst),
    open: () => [...runs.values()].filter((run) => run.over === undefined),
    waiting: () => waiting.size,
    onEnd: (id, listener) => {
      const those = listeners.get(id) ?? new Set();
      listeners.set(id, those.add(listener));
      return () => {
        if (those.delete(listener) && those.size === 0) listeners.delete(id);
      };
    },
  };
}

/** A run as a line of the list. */
export function summaryOf({ id, workflow, requestedBy, requestedMs, costMicrousd, slots, held, over }: Listed): RunSummary {
  return {
    id,
    status: over?.status ?? statusOf(slots.get('closing'), undefined, slots.get('verdict'), slots.get('ruling')),
    workflow,
    requestedBy,
    requestedAt: new Date(requestedMs).toISOString(),
    ...(over === undefined ? {} : { endedAt: new Date(over.endedMs).toISOString() }),
    held: held.size,
    ...(costMicrousd === undefined ? {} : { costMicrousd }),
    links: linksOf(id),
  };
}

/** The id of an approval: its address without `reel.` and the slot. */
export const approvalId = ({ at }: Entry): string => addressOf({ ...at, slot: 'verdict' }).slice('reel.'.length, -'.verdict'.length);
