/**
 * Attempts and undos with an unknown outcome in a closing run. People are asked about them, first those that the plan names and then its
 * operators, while everything else goes on. A late result answers the question too.
 */
import type { History } from '@reel/bus/history.ts';
import { askedAbout, type Place } from '@reel/contracts/address.ts';
import type { Event, Problem } from '@reel/contracts/envelope.ts';
import { approvedPlan, everPlanned } from '@reel/contracts/run/approved.ts';
import {
  type AttemptFacts,
  type Attempts,
  callOf,
  isSettled,
  nameOf,
  outputOf,
  placeKey,
  problemIn,
  type Slot,
} from '@reel/contracts/run/attempt-facts.ts';
import type { Call } from '@reel/contracts/step.ts';
import type { EventOf } from '@reel/contracts/story.ts';
import { undoRequested } from '@reel/contracts/undo.ts';
import { type Escalated, escalationForm, escalationId, levelsOf, type Question } from '@reel/contracts/workflow/attempt.ts';
import { factsUpTo } from './undo-call.ts';

type RunRequest = EventOf<'run.request.requested'>['data'];

/** How long people have after the turn, at least: the deadline of the run may have passed by then. */
const LEAST_MS = 3_600_000;

/** The code of what is let go because the run has turned. */
export const RUN_CLOSING = 'run-closing';

/** What is put to people: the attempt, the try at undoing it that is in doubt (unless it is the attempt itself), and whose turn it is. */
export type Doubt = {
  readonly attempt: AttemptFacts;
  readonly undo: AttemptFacts | undefined;
  readonly problem: Problem;
  readonly level: number | undefined;
};

/** A question to people: open until it is answered or expires. */
export type Asked = { readonly at: Place; readonly call: Call };

/** Until when people may be asked in a run that turned at `turnedMs`, in ms since the epoch. */
export const askableUntil = ({ deadlineMs }: RunRequest, turnedMs: number): number => Math.max(deadlineMs, turnedMs + LEAST_MS);

/** Who is asked about an attempt, one after the other: by the plan that it was asked for by, which nothing later changes. */
export function levelsFor(history: History, attempt: AttemptFacts): ReturnType<typeof levelsOf> {
  const plan = approvedPlan(factsUpTo(history, (attempt.slots.request as Event).seq));
  return plan === undefined ? [] : levelsOf(plan);
}

/**
 * The first who was not asked about the step of an attempt before the turn, or whose question the turn cut off. Undefined when a person
 * has ended the run because of it.
 */
export function firstLevel(history: History, steps: Attempts, attempt: AttemptFacts): number | undefined {
  const step = everPlanned(history, attempt.at.id)?.step;
  for (let level = 1; step !== undefined; level += 1) {
    const asked = steps.get(placeKey({ kind: 'person', id: escalationId(step.id, level), n: 1 }));
    if (asked === undefined || callOf(asked) === undefined) return level;
    const isCutOff = (slot: Slot): boolean => asked.slots[slot] !== undefined && problemIn(asked, slot).code === RUN_CLOSING;
    if (isCutOff('verdict') || isCutOff('ruling')) return level;
    if ((outputOf(asked)?.output as Escalated | undefined)?.action === 'end') return undefined;
  }
  return 1;
}

/**
 * Asks the next person about a doubt. @param n the number of the question about this attempt. @param time when it came to that.
 * @returns undefined when no person is left to ask, or no time.
 */
export function put(history: History, request: RunRequest, doubt: Doubt, n: number, leftMs: number): Asked | undefined {
  const { attempt, level } = doubt;
  const next = level === undefined ? undefined : levelsFor(history, attempt)[level - 1];
  const at = askedAbout(attempt.at, n);
  if (next === undefined || leftMs <= 0) return undefined;
  const asked = history.find(undoRequested, at)?.data.call;
  return { at, call: asked ?? question(request, history, doubt, next.to, Math.min(next.withinMs, leftMs)) };
}

function question(request: RunRequest, history: History, { attempt, undo, problem }: Doubt, uses: string, timeoutMs: number): Call {
  const subject = undo ?? attempt;
  const call = callOf(subject);
  const step = everPlanned(history, attempt.at.id)?.step;
  const about: Question = {
    step: step?.id ?? attempt.at.id,
    attempt: subject.at,
    uses: call?.uses ?? '',
    arguments: call?.arguments ?? {},
    problem,
    unknown: true,
  };
  const output = step?.output ?? (attempt.at.kind === 'tool' ? request.tools[call?.uses ?? '']?.output : undefined);
  return {
    uses,
    arguments: about as unknown as Call['arguments'],
    prompt: undo === undefined ? aboutAttempt(attempt, problem) : aboutUndo(attempt, call, problem),
    // Nothing reads what an undo gave.
    form: escalationForm(undo === undefined ? output : undefined),
    effect: 'read-only',
    timeoutMs,
  };
}

const aboutAttempt = ({ at }: AttemptFacts, { message }: Problem): string =>
  `Whether ${nameOf(at)} took effect is not known: ${message}. Its run is ending. Look, and supply its result if it did, so that it can be undone; choose retry if it did not (nothing is done again); or end, and it is listed as left behind.`;

const aboutUndo = ({ at }: AttemptFacts, call: Call | undefined, { message }: Problem): string =>
  `Whether ${nameOf(at)} was undone by "${call?.uses}" is not known: ${message}. Look, and supply the result of the undo if it was; choose retry if it was not, and it is tried again (with other arguments, if you like); or end, and it is listed as left behind.`;

/** What a person said to a question: `open` as long as they may still say it, `silent` when they will not. */
export function saidTo(undos: Attempts, { at }: Asked): 'open' | 'silent' | Escalated {
  const asked = undos.get(placeKey(at));
  if (asked?.slots.request === undefined || !isSettled(asked)) return 'open';
  return (outputOf(asked)?.output as Escalated | undefined) ?? 'silent';
}
