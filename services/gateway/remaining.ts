/** What a run left in the world, derived from its facts: which attempts, their results, and why the effect remains. Pure. */
import { type Entry, type History, isInvalid } from '@reel/bus/history.ts';
import { type Place, theRun, undoOf } from '@reel/contracts/address.ts';
import type { Event, Json, Problem } from '@reel/contracts/envelope.ts';
import { type AttemptFacts, answerIn, attemptAt, callOf, resultFactOf } from '@reel/contracts/run/attempt-facts.ts';
import { dataOf } from '@reel/contracts/run/entry.ts';
import type { Remainder } from '@reel/contracts/run.ts';
import type { Question } from '@reel/contracts/workflow/attempt.ts';
import type { Remaining } from './shapes.ts';

/** A longer result is not shown in the list: the fact that is named has it. */
const SHOWN_BYTES = 2000;

/**
 * In the order in which its outcome lists them, and then what came later. Nothing while it is not over: until then it may be undone. What a
 * completed run did is meant to be there, and is not listed unless its answer does not rest on it.
 */
export function remainingIn(history: History): Remaining[] {
  const outcome = history.occupant(theRun, 'outcome');
  if (outcome === undefined) return [];
  const { remaining = [], stranded = [] } = dataOf(outcome) as { [list in 'remaining' | 'stranded']?: Remainder[] };
  const residues = history.entries().filter((entry) => entry.at.slot === 'residue' && !isInvalid(entry)) as Event<{ problem: Problem }>[];
  const found = [...remaining, ...stranded, ...residues.map(({ at: { kind, id, n }, data }) => ({ kind, id, n, problem: data.problem }))];
  const byPlace = new Map(found.map((one) => [`${one.kind}.${one.id}.${one.n}`, one]));
  return [...byPlace.values()].filter((at) => !triesAt(history, at).some(isDone)).map((one) => described(history, one));
}

function described(history: History, { problem, kind, id, n }: Remainder): Remaining {
  const at = { kind, id, n };
  const fact = toldBy(history, at);
  const rejected = dataOf(history.occupant(at, 'check'))['problem'] as Problem | undefined;
  const call = callOf(attemptAt(history, at));
  const result = fact === undefined ? undefined : resultIn(fact);
  const isShown = result !== undefined && Buffer.byteLength(JSON.stringify(result)) <= SHOWN_BYTES;
  return {
    ...at,
    uses: call?.uses ?? '',
    why: whyOf(history, at, fact, problem, rejected),
    problem,
    ...(rejected === undefined ? {} : { rejected }),
    ...(isShown ? { result } : {}),
    ...(fact === undefined ? {} : { fact: fact.address }),
  };
}

/** The fact that tells of the effect: its outcome, its late result, or what a person said who was asked. */
function toldBy(history: History, at: Place): Event | undefined {
  return (resultFactOf(attemptAt(history, at)) ?? history.entries().findLast((entry) => isAnswerAbout(history, entry, at))) as
    | Event
    | undefined;
}

function isAnswerAbout(history: History, entry: Entry, { kind, id, n }: Place): boolean {
  if (entry.at.slot !== 'outcome' || !entry.at.kind.endsWith('person') || !('result' in ((dataOf(entry)['output'] as object | null) ?? {})))
    return false;
  const about = dataOf(history.occupant(entry.at, 'request'))['call']?.arguments as Partial<Question> | undefined;
  return about?.attempt?.kind === kind && about.attempt.id === id && about.attempt.n === n;
}

function resultIn(fact: Event): Json {
  const output = dataOf(fact)['output'] as Json;
  return fact.at.kind.endsWith('person') ? ((output as { result: Json }).result ?? null) : output;
}

function whyOf(history: History, at: Place, fact: Event | undefined, problem: Problem, rejected: Problem | undefined): Remaining['why'] {
  if (fact === undefined) return 'in-doubt';
  if (history.occupant(at, 'residue') !== undefined)
    return rejected === undefined || history.occupant(at, 'late') !== undefined ? 'late' : 'result-rejected';
  if (problem.code === 'no-compensation') return 'no-compensation';
  const last = triesAt(history, at).at(-1);
  if (last === undefined) return 'undo-failed';
  const outcome = answerIn(last, 'outcome');
  if (outcome === undefined) return 'undo-denied';
  return outcome === 'failed' ? 'undo-failed' : 'undo-in-doubt';
}

const isDone = (attempt: AttemptFacts): boolean => resultFactOf(attempt) !== undefined;

/** Every try at undoing an attempt. */
function triesAt(history: History, step: Place): AttemptFacts[] {
  const tries: AttemptFacts[] = [];
  for (let at = undoOf(step, 1); history.occupant(at, 'request') !== undefined; at = { ...at, n: at.n + 1 })
    tries.push(attemptAt(history, at));
  return tries;
}
