/** A run as its facts say it stands: status, steps, what it waits for and who owes it. Pure. */

import { type Entry, type History, isInvalid } from '@reel/bus/history.ts';
import { ASKED, aboutOf, addressOf, type Parts, type Place, theRun, undoneBy } from '@reel/contracts/address.ts';
import type { Event, Problem } from '@reel/contracts/envelope.ts';
import { approvedPlan, everPlanned } from '@reel/contracts/run/approved.ts';
import { cancelRequested, runRequested } from '@reel/contracts/run.ts';
import { remainingIn } from './remaining.ts';
import type { Run, RunStatus, StepState, StepStatus, Waiting } from './shapes.ts';
import { usageIn, usageOf } from './usage.ts';

/** The last moment that a date can tell. */
const LAST_MS = 8.64e15;
/** A moment as it is told, though it may have been said by somebody who knew no end. */
export const iso = (ms: number): string => new Date(Math.max(-LAST_MS, Math.min(ms, LAST_MS))).toISOString();
const answerOf = (entry: Entry): string => (isInvalid(entry) ? 'invalid' : (entry.type.split('.')[2] ?? 'invalid'));
// biome-ignore lint/suspicious/noExplicitAny: facts of every type pass here, and each was parsed when it was read
const dataOf = (entry: Entry | undefined): { [field: string]: any } =>
  entry === undefined || isInvalid(entry) ? {} : (entry.data as object);

/** Where the run is, told from the facts about the run as a whole. */
export function statusOf(
  turn: Entry | undefined,
  outcome: Entry | undefined,
  verdict: Entry | undefined,
  ruling: Entry | undefined,
): RunStatus {
  if (outcome !== undefined) return isInvalid(outcome) ? 'stranded' : (answerOf(outcome) as RunStatus);
  if (turn !== undefined)
    return (
      ({ completed: 'completing', cancelling: 'cancelling', exhausted: 'exhausting' } as const)[answerOf(turn) as 'completed'] ?? 'failing'
    );
  if (verdict === undefined) return 'requested';
  if (answerOf(verdict) === 'held') return ruling === undefined ? 'held' : 'running';
  return 'running';
}

export const linksOf = (id: string): Run['links'] => ({
  self: `/v1/runs/${id}`,
  events: `/v1/runs/${id}/events`,
  cancel: `/v1/runs/${id}/cancel`,
});

type Attempt = { at: Parts; slots: Map<string, Entry> };

/** The whole of a run. @returns undefined when nobody requested it. */
export function runState(history: History): Run | undefined {
  const request = history.find(runRequested, theRun);
  if (request === undefined) return undefined;
  const slot = (name: string): Entry | undefined => history.occupant(theRun, name);
  const [turn, outcome] = [slot('closing'), slot('outcome')];
  const attempts = attemptsOf(history.entries());
  const end = dataOf(outcome);
  const cancel = history.find(cancelRequested, theRun);
  const problem = (end['problem'] ?? dataOf(turn)['problem']) as Problem | undefined;
  const steps = stepsOf(history, attempts);
  const waitsFor = outcome === undefined ? waitingFor(history, attempts) : [];
  return {
    id: history.run,
    shard: history.shard,
    status: statusOf(turn, outcome, slot('verdict'), slot('ruling')),
    workflow: request.data.workflow.name,
    requestedBy: request.data.requestedBy,
    requestedAt: iso(request.time),
    deadlineAt: iso(request.data.deadlineMs),
    ...(outcome === undefined ? {} : { endedAt: iso(outcome.time) }),
    ...(turn === undefined ? {} : { closingAt: iso(turn.time) }),
    held: waitsFor.filter(({ owedBy }) => owedBy === 'a person').length,
    links: linksOf(history.run),
    ...(request.data.goal === undefined ? {} : { goal: request.data.goal.text }),
    input: request.data.input,
    ...('answer' in end ? { answer: end['answer'] } : {}),
    ...('omitted' in end ? { omitted: end['omitted'] } : {}),
    ...(problem === undefined ? {} : { problem }),
    ...(cancel === undefined ? {} : { cancel: { who: cancel.data.who, why: cancel.data.why, at: iso(cancel.time) } }),
    undone: end['undone'] ?? [],
    stranded: end['stranded'] ?? [],
    remaining: remainingIn(history),
    steps,
    waitsFor,
    usage: usageOf(history.entries()),
    faults: history
      .entries()
      .flatMap((entry) =>
        !isInvalid(entry) && entry.type === 'fault.fault.raised'
          ? [{ service: entry.at.id, ...(entry.data as { event: string; problem: Problem }) }]
          : [],
      ),
  };
}

/** Everything that was said about steps, undos, plans and answers, by place. */
function attemptsOf(entries: readonly Entry[]): Map<string, Attempt> {
  const attempts = new Map<string, Attempt>();
  for (const entry of entries) {
    const { kind, id, n, slot } = entry.at;
    if (['run', 'vote', 'fault', 'claim'].includes(aboutOf(kind))) continue;
    const key = `${kind}.${id}.${n}`;
    const attempt = attempts.get(key) ?? { at: entry.at, slots: new Map<string, Entry>() };
    attempt.slots.set(slot, entry);
    attempts.set(key, attempt);
  }
  return attempts;
}

const ORDER = ['request', 'verdict', 'ruling', 'start', 'outcome', 'check'];
/** What it waits for before it is tried again, as long as the run may try anything again. */
const WAIT = ['retry', 'wake'];
const newest = ({ slots }: Attempt, over: boolean): StepStatus =>
  ((over ? ORDER : [...ORDER, ...WAIT])
    .map((slot) => slots.get(slot))
    .filter((entry) => entry !== undefined)
    .map(answerOf)
    .at(-1) ?? 'pending') as StepStatus;
const problemIn = ({ slots }: Attempt): Problem | undefined =>
  [...slots.values()].map((entry) => dataOf(entry)['problem'] as Problem | undefined).findLast((problem) => problem !== undefined);

function stepsOf(history: History, attempts: ReadonlyMap<string, Attempt>): StepState[] {
  const plan = approvedPlan(history);
  const asked = [...attempts.values()].filter(({ at }) => aboutOf(at.kind) === 'step');
  const latest = new Map<string, Attempt>();
  for (const attempt of asked) if ((latest.get(attempt.at.id)?.at.n ?? 0) < attempt.at.n) latest.set(attempt.at.id, attempt);
  const planned = plan?.steps ?? [];
  const before = [...latest.keys()].filter((id) => everPlanned(history, id)?.role === 'step');
  const ids = [
    ...new Set([...before.filter((id) => !planned.some((step) => step.id === id)), ...planned.map(({ id }) => id), ...latest.keys()]),
  ];
  return ids.map((id): StepState => {
    const attempt = latest.get(id);
    const { step, role } = everPlanned(history, id) ?? {};
    const standsFor = role === 'step' ? undefined : step?.id;
    const undos = [...attempts.values()].filter(({ at }) => aboutOf(at.kind) === 'undo' && undoneBy(at).id === id);
    const common = { id, dependsOn: step?.dependsOn ?? [], ...(standsFor === undefined ? {} : { standsFor }) };
    if (attempt === undefined)
      return { ...common, kind: step?.kind ?? 'tool', uses: step?.uses ?? '', status: 'pending', attempt: 0, undos: [] };
    const { slots, at } = attempt;
    const call = dataOf(slots.get('request'))['call'];
    const outcome = slots.get('outcome');
    const late = slots.get('late');
    const status = newest(attempt, history.occupant(theRun, 'closing') !== undefined);
    // A late result that was accepted settles whatever had gone wrong.
    const problem = status === 'accepted' ? undefined : problemIn(attempt);
    const told = [outcome, late].find((entry) => 'output' in dataOf(entry));
    const usage = usageIn(outcome);
    const { warnings } = dataOf(slots.get('check'));
    const time = (slot: string, name: string): object => (slots.has(slot) ? { [name]: iso((slots.get(slot) as Entry).time) } : {});
    return {
      ...common,
      kind: at.kind,
      uses: call?.uses ?? step?.uses ?? '',
      status,
      attempt: at.n,
      ...time('request', 'requestedAt'),
      ...time('start', 'startedAt'),
      ...time('outcome', 'endedAt'),
      ...(call === undefined ? {} : { arguments: call.arguments }),
      ...(told === undefined ? {} : { result: dataOf(told)['output'] }),
      ...(problem === undefined ? {} : { problem }),
      ...(warnings === undefined ? {} : { warnings }),
      ...(usage === undefined ? {} : { usage }),
      ...(late === undefined ? {} : { late: late.address }),
      ...(slots.has('residue') ? { residue: dataOf(slots.get('residue'))['problem'] } : {}),
      undos: undos.map((undo) => {
        const wrong = problemIn(undo);
        return {
          attempt: undoneBy(undo.at).n,
          try: undo.at.n,
          uses: dataOf(undo.slots.get('request'))['call']?.uses ?? '',
          status: newest(undo, false),
          ...(undo.at.kind === ASKED ? { asks: true as const } : {}),
          ...(wrong === undefined ? {} : { problem: wrong }),
        };
      }),
    };
  });
}

const PERFORMERS: { [kind: string]: string } = { tool: 'tool-executor', model: 'model-executor', person: 'human-executor' };

/** The questions that are open, the oldest first. */
function waitingFor(history: History, attempts: ReadonlyMap<string, Attempt>): Waiting[] {
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
  const turn = run('closing');
  for (const { at, slots } of attempts.values()) {
    const about = aboutOf(at.kind);
    const asked = slots.get('request') ?? slots.get('proposal');
    const judged = slots.get('verdict');
    if (
      asked === undefined ||
      answerOf(asked) === 'skipped' ||
      answerOf(asked) === 'abandoned' ||
      (slots.has('start') && answerOf(slots.get('start') as Entry) === 'withdrawn')
    )
      continue;
    if (about === 'answer' && !slots.has('check')) owe(at, 'check', 'validator', asked);
    else if (judged === undefined) {
      if (!slots.has('outcome')) owe(at, 'verdict', 'policy', asked);
    } else if (answerOf(judged) === 'held' && !slots.has('ruling')) owe(at, 'ruling', 'a person', judged);
    else if (about === 'step' || about === 'undo') {
      const allowed = answerOf(judged) === 'approved' || (slots.has('ruling') && answerOf(slots.get('ruling') as Entry) === 'granted');
      const outcome = slots.get('outcome');
      const kind = about === 'undo' ? at.kind.slice('undo-'.length) : at.kind;
      if (allowed && outcome === undefined)
        owe(at, 'outcome', PERFORMERS[kind] ?? kind, slots.get('start') ?? slots.get('ruling') ?? judged);
      else if (about === 'step' && outcome !== undefined && answerOf(outcome) === 'succeeded' && !slots.has('check'))
        owe(at, 'check', 'validator', outcome);
      else if (slots.has('retry') && !slots.has('wake')) owe(at, 'wake', 'saga-tracker', slots.get('retry') as Entry);
    }
  }
  if (open.length > 0) return open;
  const last = history.entries().at(-1) as Event;
  if (turn !== undefined) owe(theRun, 'outcome', 'saga-tracker', turn);
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
