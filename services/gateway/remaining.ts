/** What a run has left in the world, told from its facts: which attempts, what they returned, and why it is still there. Pure. */
import { type Entry, type History, isInvalid } from '@reel/bus/history.ts';
import { type Place, theRun, undoOf } from '@reel/contracts/address.ts';
import type { Event, Json, Problem } from '@reel/contracts/envelope.ts';
import type { Remainder } from '@reel/contracts/run.ts';
import type { Call } from '@reel/contracts/step.ts';
import type { Question } from '@reel/contracts/workflow/attempt.ts';
import type { Remaining } from './shapes.ts';

/** A longer result is not shown in the list: the fact that is named has it. */
const SHOWN_BYTES = 2000;

const word = (entry: Entry | undefined): string | undefined =>
  entry === undefined ? undefined : isInvalid(entry) ? 'invalid' : entry.type.split('.')[2];
// biome-ignore lint/suspicious/noExplicitAny: facts of every type pass here, and each was parsed when it was read
const dataOf = (entry: Entry | undefined): { [field: string]: any } =>
  entry === undefined || isInvalid(entry) ? {} : (entry.data as object);

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
  const call = dataOf(history.occupant(at, 'request'))['call'] as Call | undefined;
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
  const own = ['outcome', 'late'].map((slot) => history.occupant(at, slot)).find((entry) => word(entry) === 'succeeded');
  return (own ?? history.entries().findLast((entry) => isAnswerAbout(history, entry, at))) as Event | undefined;
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
  const outcome = word(last.outcome);
  if (outcome === undefined) return 'undo-denied';
  return outcome === 'failed' ? 'undo-failed' : 'undo-in-doubt';
}

type Try = { readonly outcome: Entry | undefined; readonly late: Entry | undefined };

const isDone = ({ outcome, late }: Try): boolean => [outcome, late].some((entry) => word(entry) === 'succeeded');

/** Every try at undoing an attempt. */
function triesAt(history: History, step: Place): Try[] {
  const tries: Try[] = [];
  for (let at = undoOf(step, 1); history.occupant(at, 'request') !== undefined; at = { ...at, n: at.n + 1 })
    tries.push({ outcome: history.occupant(at, 'outcome'), late: history.occupant(at, 'late') });
  return tries;
}
