/** What an open run waits for: the next fact of each attempt, and which service or person owes it. Pure. */
import type { Entry, History } from '@reel/bus/history.ts';
import { aboutOf, addressOf, type Place, theRun } from '@reel/contracts/address.ts';
import type { Event } from '@reel/contracts/envelope.ts';
import { type AttemptFacts, type Attempts, isAllowed, isHeld, isWithdrawn, type Slot } from '@reel/contracts/run/attempt-facts.ts';
import { answerOf } from '@reel/contracts/run/entry.ts';
import type { Waiting } from './shapes.ts';
import { iso } from './time.ts';

const PERFORMERS: { [kind: string]: string } = { tool: 'tool-executor', model: 'model-executor', person: 'human-executor' };

/** What an open run waits for, the oldest first. */
export function waitingFor(history: History, attempts: Attempts): Waiting[] {
  const open: Waiting[] = [];
  const owe = (at: Place, slot: string, owedBy: string, since: Entry): void => {
    open.push({
      address: addressOf({ shard: history.shard, run: history.run, ...at, slot }),
      waitsFor: slot,
      owedBy,
      since: iso(since.time),
    });
  };
  const run = (slot: string): Entry | undefined => history.occupant(theRun, slot);
  const verdict = run('verdict');
  const closing = run('closing');
  for (const attempt of attempts.values()) {
    const owed = owedBy(attempt);
    if (owed !== undefined) owe(attempt.at, owed.slot, owed.by, owed.since);
  }
  if (open.length > 0) return open;
  const last = history.entries().at(-1) as Event;
  if (closing !== undefined) owe(theRun, 'outcome', 'saga-tracker', closing);
  else if (verdict === undefined) owe(theRun, 'verdict', 'policy', run('request') as Entry);
  else if (answerOf(verdict) === 'held' && run('ruling') === undefined) owe(theRun, 'ruling', 'a person', verdict);
  else
    owe(
      theRun,
      'closing',
      ['answer', 'plan'].includes(last.at.kind) && last.at.slot !== 'proposal' && answerOf(last) !== 'approved'
        ? 'saga-tracker'
        : last.at.kind === 'answer'
          ? 'saga-tracker'
          : 'planner',
      last,
    );
  return open;
}

type Owed = { readonly slot: Slot; readonly by: string; readonly since: Entry };

/** The next fact that an attempt waits for; undefined when it waits for none. */
function owedBy(attempt: AttemptFacts): Owed | undefined {
  const { at, slots } = attempt;
  const about = aboutOf(at.kind);
  const asked = slots.request ?? slots.proposal;
  if (asked === undefined || ['skipped', 'abandoned'].includes(answerOf(asked) ?? '') || isWithdrawn(attempt)) return undefined;
  if (about === 'answer' && slots.check === undefined) return { slot: 'check', by: 'validator', since: asked };
  if (slots.verdict === undefined) return slots.outcome === undefined ? { slot: 'verdict', by: 'policy', since: asked } : undefined;
  if (isHeld(attempt)) return { slot: 'ruling', by: 'a person', since: slots.verdict };
  if (about !== 'step' && about !== 'undo') return undefined;
  const kind = about === 'undo' ? at.kind.slice('undo-'.length) : at.kind;
  if (isAllowed(attempt) && slots.outcome === undefined)
    return { slot: 'outcome', by: PERFORMERS[kind] ?? kind, since: slots.start ?? slots.ruling ?? slots.verdict };
  if (about === 'step' && answerOf(slots.outcome) === 'succeeded' && slots.check === undefined)
    return { slot: 'check', by: 'validator', since: slots.outcome as Entry };
  return slots.retry !== undefined && slots.wake === undefined ? { slot: 'wake', by: 'saga-tracker', since: slots.retry } : undefined;
}
