/** What follows from the turn, position by position: effects are taken back one by one, and doubts are put to people meanwhile. */

import { theRun, undoOf } from '@reel/contracts/address.ts';
import type { Json } from '@reel/contracts/envelope.ts';
import { type AttemptFacts, callOf, problemIn } from '@reel/contracts/run/attempt-facts.ts';
import type { Call } from '@reel/contracts/step.ts';
import { undoRequested } from '@reel/contracts/undo.ts';
import { type Asked, askableUntil, type Doubt, firstLevel, put, saidTo } from './doubt.ts';
import {
  doubtAbout,
  doubts,
  hear,
  isAccepted,
  isKnown,
  isUndone,
  type Pending,
  type RunContext,
  staying,
  type Told,
  triesOf,
  type Undoing,
} from './effects.ts';
import { undoCall } from './undo-call.ts';
import { isInDoubt, tried } from './undo-tries.ts';

/** Goes on as far as this position of the log allows. */
export async function advance(saga: Told, scene: RunContext): Promise<void> {
  if (saga.stage === 'stopping') {
    if (saga.unsettled.size > 0) return;
    if (saga.turn?.to === 'completed') return complete(saga);
    saga.stage = 'undoing';
    for (const attempt of doubts(saga)) {
      const level = firstLevel(scene.history, saga.steps, attempt);
      putToPeople(saga, scene, { attempt, undo: undefined, problem: problemIn(attempt, 'outcome'), level });
    }
  }
  for (const pending of saga.pending) heed(saga, scene, pending);
  if (saga.undoing !== undefined && !isConcluded(saga, scene, saga.undoing)) return;
  saga.undoing = undefined;
  for (let next = await nextUndo(saga, scene); next !== undefined; next = await nextUndo(saga, scene)) {
    saga.undoing = next;
    if (!isConcluded(saga, scene, saga.undoing)) return;
    saga.undoing = undefined;
  }
  if (saga.pending.some(({ asked }) => asked !== undefined)) return;
  saga.stage = 'over';
  for (const { doubt, undoing } of saga.pending) {
    const { attempt, problem } = doubt;
    if (undoing !== undefined && isUndone(saga, undoing)) noteUndone(saga, attempt);
    else if (!isKnown(saga, doubt, undoing))
      saga.stranded.push({ ...attempt.at, problem: undoing === undefined ? doubtAbout(attempt) : problem });
  }
}

/** What is to be undone next: what a person wants tried again, or the last effect that was told of. */
async function nextUndo(saga: Told, { history, request }: RunContext): Promise<Undoing | undefined> {
  const again = saga.again.pop();
  if (again !== undefined) return again;
  for (let effect = saga.effects.pop(); effect !== undefined; effect = saga.effects.pop()) {
    effect.taken = true;
    const attempt = effect.attempts.find(isAccepted) ?? effect.attempts[0];
    if (callOf(attempt)?.compensation === undefined) {
      saga.remaining.push({ ...attempt.at, problem: staying(attempt) });
      continue;
    }
    const asked = history.find(undoRequested, undoOf(attempt.at, 1))?.data;
    const made = asked ?? (await undoCall(request, history, attempt));
    if ('call' in made) return { attempt, n: 1, notBeforeMs: 0, call: made.call, level: 1 };
    saga.stranded.push({ ...attempt.at, problem: made.problem });
  }
  return undefined;
}

/** Enters what became of the undo under way. @returns false while it is open, or will be tried again. */
function isConcluded(saga: Told, scene: RunContext, undoing: Undoing): boolean {
  const { attempt, n, call } = undoing;
  const result = tried(saga.undos, attempt, n, scene.request.tools[call.uses]?.retry);
  if (result === 'open') return false;
  if (result === 'undone') noteUndone(saga, attempt);
  else if (result.againMs !== undefined)
    return isConcluded(saga, scene, (saga.undoing = { ...undoing, n: n + 1, notBeforeMs: result.againMs }));
  else if (result.doubt === undefined) saga.stranded.push({ ...attempt.at, problem: result.problem });
  else
    putToPeople(saga, scene, { attempt, undo: result.doubt, problem: problemIn(result.doubt, 'outcome'), level: undoing.level }, undoing);
  return true;
}

/** Puts a doubt to people, while the rest goes on. */
function putToPeople(saga: Told, scene: RunContext, doubt: Doubt, undoing?: Undoing): void {
  saga.pending.push({ doubt, undoing, asked: ask(saga, scene, doubt) });
}

function ask(saga: Told, { history, request, time }: RunContext, doubt: Doubt): Asked | undefined {
  const { id, n } = doubt.attempt.at;
  const number = (saga.asked.get(`${id}-${n}`) ?? 0) + 1;
  const turnedMs = history.occupant(theRun, 'closing')?.time ?? time;
  const asked = put(history, request, doubt, number, askableUntil(request, turnedMs) - time);
  if (asked !== undefined) saga.asked.set(`${id}-${n}`, number);
  return asked;
}

/** Applies a person's answer about a doubt, unless a late result came first. Without an answer, the next person is asked. */
function heed(saga: Told, scene: RunContext, pending: Pending): void {
  const { doubt, undoing, asked } = pending;
  const said = asked === undefined ? 'open' : saidTo(saga.undos, asked);
  if (said === 'open') return;
  pending.asked = undefined;
  if (isKnown(saga, doubt, undoing)) {
    if (undoing !== undefined) noteUndone(saga, doubt.attempt);
  } else if (said === 'silent') {
    pending.doubt = { ...doubt, level: (doubt.level ?? 0) + 1 };
    pending.asked = ask(saga, scene, pending.doubt);
  } else if (undoing === undefined) hear(saga, doubt.attempt, said);
  else if (said.action === 'retry') {
    const call = said.with === undefined ? undoing.call : { ...undoing.call, arguments: said.with as Call['arguments'] };
    for (const undo of triesOf(saga, undoing)) if (isInDoubt(undo)) undo.settled = 'without effect';
    saga.again.push({ ...undoing, n: undoing.n + 1, notBeforeMs: 0, call, level: (doubt.level ?? 0) + 1 });
  } else if (said.result !== undefined && doubt.undo !== undefined) {
    doubt.undo.settled = { output: said.result as Json };
    noteUndone(saga, doubt.attempt);
  }
}

function noteUndone(saga: Told, { at }: AttemptFacts): void {
  if (!saga.undone.includes(at)) saga.undone.push(at);
}

/** A run that completed undoes nothing; what took effect without its answer resting on it is for a person to look at. */
function complete(saga: Told): void {
  saga.stage = 'over';
  for (const { attempts } of saga.effects) if (!attempts.some(isAccepted)) saga.residues.add(attempts[0]);
  for (const attempt of doubts(saga)) saga.residues.add(attempt);
}
