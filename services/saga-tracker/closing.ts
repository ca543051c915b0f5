/** The turn: what ends a run's forward way. The first to be stored is the one; the others find its slot taken. */

import { type History, type Invalid, isInvalid } from '@reel/bus/history.ts';
import { aboutOf, theRun } from '@reel/contracts/address.ts';
import type { Draft, Event } from '@reel/contracts/envelope.ts';
import { problemOf } from '@reel/contracts/run/attempt-facts.ts';
import { answerOf } from '@reel/contracts/run/entry.ts';
import { closingCancelling, closingCompleted, closingExhausted, closingFailing } from '@reel/contracts/run.ts';
import type { EventOf } from '@reel/contracts/story.ts';

/** Slots in which an invalid entry fails the run: their question cannot be answered again. */
const DECIDING = new Set(['request', 'proposal', 'verdict', 'ruling', 'outcome', 'check', 'retry', 'wake', 'control']);
const JUDGED = new Set(['run', 'plan', 'answer', 'step']);

/** The answer stands. */
export const completed = (): Draft => closingCompleted(theRun, {});

/** Something was denied, refused, rejected, abandoned or not decided in time: the run fails for that reason. */
export function failed(event: Event): Draft {
  const about = event.at.kind === 'run' ? 'the run' : `the ${event.at.kind}`;
  const problem = problemOf(event.data) ?? { code: answerOf(event) as string, message: `${about} was ${answerOf(event)}` };
  return closingFailing(theRun, { problem });
}

/** A service could not handle a fact: its answer will never be published. */
export function faulted({ source, data }: EventOf<'fault.fault.raised'>): Draft {
  const message = `${source} could not handle ${data.event}: ${data.problem.message}`;
  return closingFailing(theRun, { problem: { code: 'fault', message } });
}

export function cancelled({ data: { who, why } }: EventOf<'run.control.cancel-requested'>): Draft {
  return closingCancelling(theRun, { problem: { code: 'cancelled', message: `${who} cancelled it: ${why}` } });
}

export function exhausted(deadlineMs: number): Draft {
  const message = `it was not done by its deadline, ${new Date(deadlineMs).toISOString()}`;
  return closingExhausted(theRun, { problem: { code: 'deadline-passed', message } });
}

/** An invalid entry in a slot that a service waits for. Handlers never see it, so the timer looks for it. */
export function rubbish(history: History): Draft | undefined {
  const found = history
    .entries()
    .find((entry): entry is Invalid => isInvalid(entry) && DECIDING.has(entry.at.slot) && JUDGED.has(aboutOf(entry.at.kind)));
  if (found === undefined) return undefined;
  return closingFailing(theRun, { problem: { code: 'invalid-fact', message: `${found.address} cannot be read: ${found.invalid}` } });
}
