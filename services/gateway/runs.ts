/** The list of runs and of what is held in them: kept in memory from the facts, bounded, and rebuilt from the log at the start. */

import { type Entry, isVoid } from '@reel/bus/history.ts';
import { addressOf, type Place } from '@reel/contracts/address.ts';
import type { EventOf } from '@reel/contracts/story.ts';
import { linksOf, statusOf } from './run-state.ts';
import type { RunSummary } from './shapes.ts';

/** The newest runs that are listed; older ones can still be asked for by id. */
const LISTED = 50_000;

export type Listed = {
  readonly id: string;
  readonly shard: number;
  readonly workflow: string;
  readonly requestedBy: string;
  readonly requestedMs: number;
  readonly slots: Map<string, Entry>;
  /** What is held and not ruled on, by place. */
  readonly held: Map<string, Entry>;
};

export type Runs = {
  enter(entry: Entry): void;
  get(id: string): Listed | undefined;
  /** Newest first. */
  newest(): readonly Listed[];
  open(): readonly Listed[];
};

export const placeKey = ({ kind, id, n }: Place): string => `${kind}.${id}.${n}`;

export function openRuns(): Runs {
  const runs = new Map<string, Listed>();
  function enter(entry: Entry): void {
    const { at } = entry;
    if (at.kind === 'run' && at.slot === 'request') {
      if (isVoid(entry) || runs.has(at.run)) return;
      const { data, time } = entry as EventOf<'run.request.requested'>;
      runs.set(at.run, {
        id: at.run,
        shard: at.shard,
        workflow: data.workflow.name,
        requestedBy: data.requestedBy,
        requestedMs: time,
        slots: new Map(),
        held: new Map(),
      });
      if (runs.size > LISTED) runs.delete(runs.keys().next().value as string);
      return;
    }
    const run = runs.get(at.run);
    if (run === undefined) return;
    if (at.kind === 'run') run.slots.set(at.slot, entry);
    if (at.slot === 'verdict' && !isVoid(entry) && entry.type.endsWith('.held')) run.held.set(placeKey(at), entry);
    if (at.slot === 'ruling' || at.slot === 'outcome' || (at.slot === 'start' && !isVoid(entry) && entry.type.endsWith('.withdrawn')))
      run.held.delete(placeKey(at));
    if (at.kind === 'run' && at.slot === 'outcome') run.held.clear();
  }
  return {
    enter,
    get: (id) => runs.get(id),
    newest: () => [...runs.values()].sort((a, b) => b.requestedMs - a.requestedMs || (a.id < b.id ? 1 : -1)),
    open: () => [...runs.values()].filter(({ slots }) => !slots.has('outcome')),
  };
}

/** A run as a line of the list. */
export function summaryOf({ id, workflow, requestedBy, requestedMs, slots, held }: Listed): RunSummary {
  const outcome = slots.get('outcome');
  return {
    id,
    status: statusOf(slots.get('turn'), outcome, slots.get('verdict'), slots.get('ruling')),
    workflow,
    requestedBy,
    requestedAt: new Date(requestedMs).toISOString(),
    ...(outcome === undefined ? {} : { endedAt: new Date(outcome.time).toISOString() }),
    held: held.size,
    links: linksOf(id),
  };
}

/** The id of something held, as approvals have it: its address without `reel.` and the slot. */
export const approvalId = ({ at }: Entry): string => addressOf({ ...at, slot: 'verdict' }).slice('reel.'.length, -'.verdict'.length);
