/** After the turn: stop what can be stopped, wait for the rest, undo what took effect, and say how it ended. */

import type { History } from '@reel/bus/history.ts';
import { type Answers, timer } from '@reel/bus/service.ts';
import { answerRevision, type Place, planRevision, theRun, undoOf } from '@reel/contracts/address.ts';
import { answerExpired, answerProposed, type Omitted } from '@reel/contracts/answer.ts';
import type { Draft, Json, Problem } from '@reel/contracts/envelope.ts';
import { planExpired } from '@reel/contracts/plan.ts';
import { isApproved } from '@reel/contracts/run/approved.ts';
import { type AttemptFacts, isBegun, isHeld, isReadOnly, nameOf, outputOf, placeKey } from '@reel/contracts/run/attempt-facts.ts';
import { answerOf } from '@reel/contracts/run/entry.ts';
import { runCancelled, runCompleted, runExhausted, runExpired, runFailed, runRequested, runStranded } from '@reel/contracts/run.ts';
import { type Call, stepExpired, stepResidue, stepWithdrawn } from '@reel/contracts/step.ts';
import { undoExpired, undoRequested } from '@reel/contracts/undo.ts';
import { GRACE_MS, lookAt, overdue } from './clock.ts';
import { RUN_CLOSING } from './doubt.ts';
import { type Closing, doubtAbout, isKnown, type Saga } from './effects.ts';
import { readSaga } from './saga.ts';

/** The name of a run's one alarm. */
export const CLOCK = 'clock';

/** A timer that finds nothing to do costs little; one that never fires costs the run. */
const SPARE_LOOK_MS = 60_000;

/** All facts to publish next in a closing run, independent of the fact just delivered. */
export async function wrapUp(history: History, time: number): Promise<Answers> {
  const saga = await readSaga(history);
  const deadlineMs = history.find(runRequested, theRun)?.data.deadlineMs ?? 0;
  const drafts = [...questions(history), ...stops(saga, time, deadlineMs), ...undoing(saga, time, deadlineMs), ...ending(history, saga)];
  const open = drafts.filter(({ at, slot }) => history.occupant(at, slot) === undefined);
  return independently(open, nextLook(saga, time, deadlineMs), time);
}

/**
 * If the first fact of an answer loses its slot, the others are not published. These do not depend on each other, so a timer, which
 * cannot lose, goes first.
 */
export function independently(drafts: readonly Draft[], lookMs: number, time: number): Answers {
  if (lookMs < Number.POSITIVE_INFINITY) return [timer(CLOCK, wholeSecond(lookMs)), ...drafts];
  return drafts.length > 1 ? [timer(CLOCK, wholeSecond(time + SPARE_LOOK_MS)), ...drafts] : drafts;
}

/** The broker's clock knows whole seconds; a timer that fires too early would only have to be set again. */
export const wholeSecond = (ms: number): number => Math.ceil(ms / 1000) * 1000;

const turned: Problem = { code: RUN_CLOSING, message: 'the run was closing before it was decided', retryable: false };

/** What a person is still being asked about the run, its plan and its answer. */
function questions(history: History): Draft[] {
  const asked = (at: Place): boolean =>
    answerOf(history.occupant(at, 'verdict')) === 'held' && history.occupant(at, 'ruling') === undefined;
  const drafts: Draft[] = asked(theRun) ? [runExpired(theRun, { problem: turned })] : [];
  for (const [revision, expired] of [
    [planRevision, planExpired],
    [answerRevision, answerExpired],
  ] as const) {
    for (let n = 1; history.occupant(revision(n), 'proposal') !== undefined; n += 1) {
      if (asked(revision(n))) drafts.push(expired(revision(n), { problem: turned }));
    }
  }
  return drafts;
}

/** Stops each step on which a service or person may still act, where possible. A faster performer is waited for. */
function stops(saga: Saga, time: number, deadlineMs: number): Draft[] {
  const drafts: Draft[] = [];
  for (const attempt of saga.steps.values()) {
    const draft = isHeld(attempt)
      ? stepExpired(attempt.at, { problem: turned })
      : saga.stage === 'stopping' && saga.unsettled.has(attempt)
        ? stop(attempt, time, deadlineMs)
        : undefined;
    if (draft !== undefined) drafts.push(draft);
  }
  return drafts;
}

function stop(attempt: AttemptFacts, time: number, deadlineMs: number): Draft | undefined {
  // A started call may take effect; a read-only call is given up by its performer.
  if (isBegun(attempt) || isReadOnly(attempt)) return overdue(attempt, time, deadlineMs);
  return stepWithdrawn(attempt.at, { problem: { ...turned, message: 'the run was closing before it was started' } });
}

/** The requests of the saga, made or due: the current undo, and questions to people. `answered`: no answer is needed any more. */
type Open = { readonly at: Place; readonly call: Call; readonly notBeforeMs: number; readonly answered: boolean };

function openIn(saga: Saga): Open[] {
  if (saga.stage === 'over') return [];
  const open: Open[] = saga.pending.flatMap(({ doubt, undoing: about, asked }) =>
    asked === undefined ? [] : [{ ...asked, notBeforeMs: 0, answered: isKnown(saga, doubt, about) }],
  );
  if (saga.undoing !== undefined) open.push({ ...saga.undoing, at: undoOf(saga.undoing.attempt.at, saga.undoing.n), answered: false });
  return open;
}

/** Requests each of these when it is due, and ends it when it is overdue. */
function undoing(saga: Saga, time: number, deadlineMs: number): Draft[] {
  return openIn(saga).flatMap(({ at, call, notBeforeMs, answered }) => {
    const undo = underWay(saga, at);
    if (undo === undefined) return time >= notBeforeMs ? [undoRequested(at, { call })] : [];
    if (answered && isHeld(undo)) return [undoExpired(at, { problem: settled })];
    return overdue(undo, time, deadlineMs) ?? [];
  });
}

const settled: Problem = { code: 'settled-otherwise', message: 'the outcome became known before a person answered', retryable: false };

/** The attempt at this place, if it has a request. An invalid entry at its place does not count. */
function underWay(saga: Saga, at: Place): AttemptFacts | undefined {
  const undo = saga.undos.get(placeKey(at));
  return undo?.slots.request === undefined ? undefined : undo;
}

/** At the end: the outcome, and the effects that it does not name. */
function ending(history: History, saga: Saga): Draft[] {
  const drafts: Draft[] = [...saga.residues].map((attempt) => stepResidue(attempt.at, { problem: residueOf(attempt) }));
  if (saga.stage === 'over' && saga.turn !== undefined) drafts.unshift(outcome(history, saga, saga.turn));
  return drafts;
}

function residueOf(attempt: AttemptFacts): Problem {
  if (outputOf(attempt) === undefined) return doubtAbout(attempt);
  return {
    code: 'unaccounted-effect',
    message: `${nameOf(attempt.at)} took effect, and neither the answer nor an undo accounts for it`,
    step: attempt.at.id,
  };
}

const endings = { failing: runFailed, cancelling: runCancelled, exhausted: runExhausted };

function outcome(history: History, { undone, stranded, remaining }: Saga, { to, problem }: Closing): Draft {
  if (to === 'completed') return runCompleted(theRun, answerIn(history));
  if (stranded.length > 0) return runStranded(theRun, { problem, undone, stranded, remaining });
  return endings[to](theRun, { problem, undone, remaining });
}

function answerIn(history: History): { answer: Json; omitted?: Omitted[] } {
  for (let n = 1; ; n += 1) {
    const proposal = history.find(answerProposed, answerRevision(n));
    if (proposal === undefined) return { answer: null };
    if (!isApproved(history, answerRevision(n))) continue;
    const { answer, omitted } = proposal.data;
    return { answer, ...(omitted === undefined ? {} : { omitted }) };
  }
}

function nextLook(saga: Saga, time: number, deadlineMs: number): number {
  const looks = saga.stage === 'stopping' ? [...saga.unsettled].map((attempt) => lookAt(attempt, time, deadlineMs)) : [];
  for (const { at, call, notBeforeMs } of openIn(saga)) {
    const undo = underWay(saga, at);
    if (undo !== undefined) looks.push(lookAt(undo, time, deadlineMs));
    else looks.push(notBeforeMs > time ? notBeforeMs : time + call.timeoutMs + GRACE_MS);
  }
  return Math.min(Number.POSITIVE_INFINITY, ...looks);
}
