/** What the saga tracker answers to the facts it hears and to the clock. It only computes. */

import { type History, isInvalid } from '@reel/bus/history.ts';
import { type Answers, SWEEP, type TimerFired, timer } from '@reel/bus/service.ts';
import { theRun } from '@reel/contracts/address.ts';
import type { Draft } from '@reel/contracts/envelope.ts';
import type { AttemptFacts } from '@reel/contracts/run/attempt-facts.ts';
import { runRequested } from '@reel/contracts/run.ts';
import { stepDue, stepPostponed } from '@reel/contracts/step.ts';
import type { EventOf } from '@reel/contracts/story.ts';
import { isAbandoned, nextLook, overdue, timedOut } from './clock.ts';
import { exhausted, rubbish } from './closing.ts';
import type { Saga } from './effects.ts';
import { readSaga } from './saga.ts';
import { independently, wholeSecond, wrapUp } from './wrap-up.ts';

type RunRequest = EventOf<'run.request.requested'>['data'];

const isClosing = (history: History): boolean => history.occupant(theRun, 'closing') !== undefined;

/** Something that decides the run: it turns, unless it has. */
export async function conclude(turn: Draft, history: History, time: number): Promise<Answers> {
  return isClosing(history) ? await wrapUp(history, time) : [turn];
}

/** Something that may be what the end of the run waits for. Every step of every healthy run is heard here, so nothing is read for it. */
export async function settle(history: History, time: number): Promise<Answers> {
  return isClosing(history) ? await wrapUp(history, time) : [];
}

/** Something after which other things are due than before. */
export async function rearm(history: History, time: number): Promise<Answers> {
  if (isClosing(history)) return await wrapUp(history, time);
  const request = history.find(runRequested, theRun)?.data;
  return request === undefined ? [] : await goOver(history, request, time);
}

/** Everything that is overdue, with the clock set for what will be next: setting it replaces the ring that was to bring this about. */
async function goOver(history: History, request: RunRequest, time: number): Promise<Answers> {
  const saga = await readSaga(history);
  const drafts = [...saga.steps.values()].flatMap((attempt) => due(attempt, saga, time, request.deadlineMs));
  return independently(drafts, nextLook(saga, history, request, time), time);
}

/** It will not be begun. Before the turn that was for want of time; after it, it may have been what was waited for. */
export async function withdraw(event: EventOf<'step.start.withdrawn'>, history: History): Promise<Answers> {
  if (isClosing(history)) return await wrapUp(history, event.time);
  const { steps } = await readSaga(history);
  return [...steps.values()].filter((attempt) => attempt.slots.start?.seq === event.seq && isAbandoned(attempt)).map(timedOut);
}

/** A step waits for its next attempt: the position in the log names the alarm, since a place may be too long for it. */
export function postpone(event: EventOf<'step.retry.postponed'>, history: History): Answers {
  if (isClosing(history)) return [];
  const { at, seq, time, data } = event;
  return data.untilMs <= time ? [stepDue(at, {})] : [timer(`wake-${seq}`, wholeSecond(data.untilMs))];
}

/** A timer fired: look for everything that is due. */
export async function look(ring: TimerFired, history: History): Promise<Answers> {
  const { time } = ring;
  const request = history.find(runRequested, theRun)?.data;
  if (request === undefined || history.occupant(theRun, 'outcome') !== undefined) return [];
  if (isClosing(history)) return unasked(ring, await wrapUp(history, time));
  const turn = rubbish(history) ?? (time >= request.deadlineMs ? exhausted(request.deadlineMs) : undefined);
  if (turn !== undefined) return [turn];
  return unasked(ring, await goOver(history, request, time));
}

function due(attempt: AttemptFacts, saga: Saga, time: number, deadlineMs: number): readonly Draft[] {
  const { at, slots } = attempt;
  const drafts: Draft[] = [];
  const untilMs = untilOf(attempt);
  if (untilMs !== undefined && untilMs <= time && slots.wake === undefined) drafts.push(stepDue(at, {}));
  const late = saga.unsettled.has(attempt) ? overdue(attempt, time, deadlineMs) : isAbandoned(attempt) ? timedOut(attempt) : undefined;
  if (late !== undefined) drafts.push(late);
  return drafts;
}

function untilOf({ slots: { retry } }: AttemptFacts): number | undefined {
  return retry !== undefined && !isInvalid(retry) && retry.type === stepPostponed.type
    ? (retry.data as { untilMs: number }).untilMs
    : undefined;
}

/**
 * The sweep comes of itself. It sets the clock where there was something to say, and where the clock has to ring before the next sweep:
 * what was set before may be lost.
 */
function unasked({ name, time }: TimerFired, said: Answers): Answers {
  if (name !== SWEEP.name || said.some((one) => !('timer' in one))) return said;
  return said.filter((one) => 'timer' in one && one.atMs < time + SWEEP.everyMs);
}
