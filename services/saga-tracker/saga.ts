/**
 * The story of a run, told again from its log: what is still open, what took effect, and, after the turn, how far the undoing is.
 *
 * Every step of it is taken at a position of the log and depends on nothing later, so whoever reads a longer log comes to the same
 * steps. That is what keeps undos one at a time: a late result cannot overtake an undo that was decided on before it, though the
 * undo's request may not have reached the log yet.
 */

import { type Entry, type History, isVoid } from '@reel/bus/history.ts';
import { aboutOf, type Place, theRun, undoOf } from '@reel/contracts/address.ts';
import { everPlanned } from '@reel/contracts/approved.ts';
import type { Json, Problem } from '@reel/contracts/envelope.ts';
import { type Remainder, runRequested } from '@reel/contracts/run.ts';
import type { Call } from '@reel/contracts/step.ts';
import type { EventOf } from '@reel/contracts/story.ts';
import { undoRequested } from '@reel/contracts/undo.ts';
import type { Escalated, Question } from '@reel/contracts/workflow/attempt.ts';
import {
  type Attempt,
  type Attempts,
  callOf,
  isDoubtful,
  isHarmless,
  isSettled,
  nameOf,
  outputOf,
  placeKey,
  problemIn,
  problemOf,
  record,
  word,
  wordOf,
} from './attempt.ts';
import { undoCall } from './undo-call.ts';
import { tried } from './undo-tries.ts';

const TURNS = ['completed', 'failing', 'cancelling', 'exhausted'] as const;
export type Turn = { readonly to: (typeof TURNS)[number]; readonly problem: Problem };

/** One effect in the world. Attempts at an idempotent call share theirs; every other attempt has its own. */
type Effect = { readonly attempts: [Attempt, ...Attempt[]]; taken: boolean };

/** The undo that is being tried, for the `n`th time, not asked for before `notBeforeMs` (ms since the epoch). */
export type Undoing = { readonly attempt: Attempt; readonly n: number; readonly notBeforeMs: number; readonly call: Call };

export type Saga = {
  turn: Turn | undefined;
  stage: 'going' | 'stopping' | 'undoing' | 'over';
  readonly steps: Attempts;
  readonly undos: Attempts;
  /** Steps on which somebody may still act. */
  readonly unsettled: Set<Attempt>;
  undoing: Undoing | undefined;
  readonly undone: Place[];
  readonly stranded: Remainder[];
  /** Attempts whose effect nobody will undo and no outcome of the run tells of. */
  readonly residues: Set<Attempt>;
};

type Told = Saga & { readonly effects: Effect[]; readonly byKey: Map<string, Effect> };
type RunRequest = EventOf<'run.request.requested'>['data'];

/** The saga as it stands at the end of this history. */
export async function readSaga(history: History): Promise<Saga> {
  const request = history.find(runRequested, theRun)?.data;
  const saga: Told = {
    turn: undefined,
    stage: 'going',
    steps: new Map(),
    undos: new Map(),
    unsettled: new Set(),
    undoing: undefined,
    undone: [],
    stranded: [],
    residues: new Set(),
    effects: [],
    byKey: new Map(),
  };
  for (const entry of history.entries()) {
    enter(saga, entry, history);
    if (request !== undefined && saga.stage !== 'going' && saga.stage !== 'over') await advance(saga, history, request);
  }
  return saga;
}

function enter(saga: Told, entry: Entry, history: History): void {
  const about = aboutOf(entry.at.kind);
  if (about === 'undo') record(saga.undos, entry);
  if (about === 'run' && entry.at.slot === 'turn') {
    saga.turn = turnOf(entry);
    saga.stage = 'stopping';
  }
  if (about !== 'step') return;
  const attempt = record(saga.steps, entry);
  if (attempt === undefined) return;
  if (isSettled(attempt)) saga.unsettled.delete(attempt);
  else saga.unsettled.add(attempt);
  const { slot } = entry.at;
  if ((slot === 'outcome' || slot === 'late') && wordOf(entry) === 'succeeded' && !isHarmless(attempt)) happened(saga, attempt);
  if (entry.at.kind === 'person' && slot === 'check' && wordOf(entry) === 'accepted') settle(saga, attempt, history);
}

/** A person has looked whether an attempt took effect, and has said what they found. */
function settle(saga: Told, asked: Attempt, history: History): void {
  if (everPlanned(history, asked.at.id)?.role !== 'escalation') return;
  const question = callOf(asked)?.arguments as Partial<Question> | undefined;
  const attempt = question?.attempt === undefined ? undefined : saga.steps.get(placeKey(question.attempt));
  const said = outputOf(asked)?.output as Escalated | undefined;
  if (attempt === undefined || said === undefined || !isDoubtful(attempt)) return;
  if (said.action === 'retry') attempt.settled = 'without effect';
  else if (said.result !== undefined) {
    attempt.settled = { output: said.result as Json };
    happened(saga, attempt);
  }
}

/** A turn that cannot be read is decided all the same, and never in favour. */
function turnOf(entry: Entry): Turn {
  const to = wordOf(entry) as Turn['to'];
  if (!isVoid(entry) && TURNS.includes(to)) {
    return { to, problem: problemOf(entry.data) ?? { code: to, message: `the run is ${to}` } };
  }
  const why = isVoid(entry) ? entry.void : `${entry.type} is not known`;
  return { to: 'failing', problem: { code: 'void-fact', message: `the turn of the run cannot be read: ${why}` } };
}

/** The key of the effect that an attempt has or would have. */
export function effectKey(attempt: Attempt): string {
  const { kind, id } = attempt.at;
  return callOf(attempt)?.effect === 'once' ? placeKey(attempt.at) : `${kind}.${id}`;
}

function happened(saga: Told, attempt: Attempt): void {
  const key = effectKey(attempt);
  const known = saga.byKey.get(key);
  // An effect whose undo has begun, or whose run is over, is not the one that this tells of; to be safe, a person looks at it.
  if (known?.taken === true || (saga.stage === 'over' && (known === undefined || saga.turn?.to !== 'completed')))
    saga.residues.add(attempt);
  else if (known !== undefined) known.attempts.push(attempt);
  else {
    const effect: Effect = { attempts: [attempt], taken: false };
    saga.byKey.set(key, effect);
    saga.effects.push(effect);
  }
}

/** Goes on as far as this position of the log allows. */
async function advance(saga: Told, history: History, request: RunRequest): Promise<void> {
  if (saga.stage === 'stopping') {
    if (saga.unsettled.size > 0) return;
    if (saga.turn?.to === 'completed') return complete(saga);
    saga.stage = 'undoing';
  }
  if (saga.undoing !== undefined && !isConcluded(saga, saga.undoing, request)) return;
  saga.undoing = undefined;
  for (let effect = saga.effects.pop(); effect !== undefined; effect = saga.effects.pop()) {
    effect.taken = true;
    const attempt = effect.attempts.find(isAccepted) ?? effect.attempts[0];
    // What has nothing to undo it was meant to stay, whatever becomes of the run.
    if (callOf(attempt)?.compensation === undefined) continue;
    const asked = history.find(undoRequested, undoOf(attempt.at, 1))?.data;
    const made = asked ?? (await undoCall(request, history, attempt));
    if ('problem' in made) {
      saga.stranded.push({ ...attempt.at, problem: made.problem });
      continue;
    }
    saga.undoing = { attempt, n: 1, notBeforeMs: 0, call: made.call };
    if (!isConcluded(saga, saga.undoing, request)) return;
    saga.undoing = undefined;
  }
  saga.stage = 'over';
  for (const attempt of doubts(saga)) saga.stranded.push({ ...attempt.at, problem: doubtAbout(attempt) });
}

/** Enters what became of the undo under way. @returns false while it is open, or will be tried again. */
function isConcluded(saga: Told, undoing: Undoing, request: RunRequest): boolean {
  const { attempt, n, call } = undoing;
  const result = tried(saga.undos, attempt, n, request.tools[call.uses]?.retry);
  if (result === 'open') return false;
  if (result === 'undone') saga.undone.push(attempt.at);
  else if (result.againMs === undefined) saga.stranded.push({ ...attempt.at, problem: result.problem });
  else return isConcluded(saga, (saga.undoing = { ...undoing, n: n + 1, notBeforeMs: result.againMs }), request);
  return true;
}

/** A run that completed undoes nothing; what took effect without its answer resting on it is for a person to look at. */
function complete(saga: Told): void {
  saga.stage = 'over';
  for (const { attempts } of saga.effects) if (!attempts.some(isAccepted)) saga.residues.add(attempts[0]);
  for (const attempt of doubts(saga)) saga.residues.add(attempt);
}

const isAccepted = (attempt: Attempt): boolean => word(attempt, 'check') === 'accepted' || attempt.settled !== undefined;

/** The newest attempt of each effect that may or may not have happened. One that is known to have happened accounts for them all. */
function doubts(saga: Told): Iterable<Attempt> {
  const doubtful = [...saga.steps.values()].filter((attempt) => isDoubtful(attempt) && !saga.byKey.has(effectKey(attempt)));
  return new Map(doubtful.map((attempt) => [effectKey(attempt), attempt])).values();
}

/** Why a person has to look whether an attempt took effect. */
export function doubtAbout(attempt: Attempt): Problem {
  const why = problemIn(attempt, 'outcome').message;
  return { code: 'unknown-effect', message: `whether ${nameOf(attempt.at)} took effect is not known: ${why}`, step: attempt.at.id };
}
