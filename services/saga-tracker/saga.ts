/**
 * The state of a run, folded from its log: open attempts, effects, and, after the closing, the progress of the undos.
 *
 * Every step of it is taken at a position of the log and depends on nothing later, so a reader of a longer log comes to the same
 * steps. That is what keeps undos one at a time: a late result cannot overtake an undo that was decided on before it, though the
 * undo's request may not have reached the log yet.
 */

import { type Entry, type History, isInvalid } from '@reel/bus/history.ts';
import { aboutOf, theRun } from '@reel/contracts/address.ts';
import { everPlanned } from '@reel/contracts/run/approved.ts';
import {
  type AttemptFacts,
  callOf,
  isDoubtful,
  isHarmless,
  isSettled,
  outputOf,
  placeKey,
  problemOf,
  record,
} from '@reel/contracts/run/attempt-facts.ts';
import { answerOf } from '@reel/contracts/run/entry.ts';
import { runRequested } from '@reel/contracts/run.ts';
import type { Escalated, Question } from '@reel/contracts/workflow/attempt.ts';
import { type Closing, happened, hear, type Saga, type Told } from './effects.ts';
import { advance } from './undoing.ts';

const TURNS = ['completed', 'failing', 'cancelling', 'exhausted'] as const;

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
    pending: [],
    undone: [],
    stranded: [],
    remaining: [],
    residues: new Set(),
    effects: [],
    byKey: new Map(),
    again: [],
    asked: new Map(),
  };
  for (const entry of history.entries()) {
    enter(saga, entry, history);
    if (request !== undefined && saga.stage !== 'going' && saga.stage !== 'over')
      await advance(saga, { history, request, time: entry.time });
  }
  return saga;
}

function enter(saga: Told, entry: Entry, history: History): void {
  const about = aboutOf(entry.at.kind);
  if (about === 'undo') record(saga.undos, entry);
  if (about === 'run' && entry.at.slot === 'closing') {
    saga.turn = turnOf(entry);
    saga.stage = 'stopping';
  }
  // The outcome ends the run, even if another version published it.
  if (about === 'run' && entry.at.slot === 'outcome') saga.stage = 'over';
  if (about !== 'step') return;
  const attempt = record(saga.steps, entry);
  if (attempt === undefined) return;
  if (isSettled(attempt)) saga.unsettled.delete(attempt);
  else saga.unsettled.add(attempt);
  const { slot } = entry.at;
  if ((slot === 'outcome' || slot === 'late') && answerOf(entry) === 'succeeded' && !isHarmless(attempt)) happened(saga, attempt);
  if (entry.at.kind === 'person' && slot === 'check' && answerOf(entry) === 'accepted') settle(saga, attempt, history);
}

/** A person has looked whether an attempt took effect, and has said what they found. */
function settle(saga: Told, asked: AttemptFacts, history: History): void {
  if (everPlanned(history, asked.at.id)?.role !== 'escalation') return;
  const question = callOf(asked)?.arguments as Partial<Question> | undefined;
  const attempt = question?.attempt === undefined ? undefined : saga.steps.get(placeKey(question.attempt));
  const said = outputOf(asked)?.output as Escalated | undefined;
  if (attempt === undefined || said === undefined || !isDoubtful(attempt)) return;
  hear(saga, attempt, said);
}

/** A closing that cannot be read is decided all the same, and never in favour. */
function turnOf(entry: Entry): Closing {
  const to = answerOf(entry) as Closing['to'];
  if (!isInvalid(entry) && TURNS.includes(to)) {
    return { to, problem: problemOf(entry.data) ?? { code: to, message: `the run is ${to}` } };
  }
  const why = isInvalid(entry) ? entry.invalid : `${entry.type} is not known`;
  return { to: 'failing', problem: { code: 'invalid-fact', message: `the closing of the run cannot be read: ${why}` } };
}
