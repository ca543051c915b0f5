/** The state of a run, derived from its facts: status, steps, and what it waits for. Pure. */

import { type Entry, type History, isInvalid } from '@reel/bus/history.ts';
import { ASKED, aboutOf, theRun, undoneBy } from '@reel/contracts/address.ts';
import type { Problem } from '@reel/contracts/envelope.ts';
import { approvedPlan, everPlanned } from '@reel/contracts/run/approved.ts';
import { type AttemptFacts, type Attempts, callOf, record } from '@reel/contracts/run/attempt-facts.ts';
import { answerOf, dataOf } from '@reel/contracts/run/entry.ts';
import { cancelRequested, runRequested } from '@reel/contracts/run.ts';
import { remainingIn } from './remaining.ts';
import type { Run, RunStatus, StepState, StepStatus } from './shapes.ts';
import { iso } from './time.ts';
import { usageIn, usageOf } from './usage.ts';
import { waitingFor } from './waiting.ts';

/** The status of a run, by the facts about the run as a whole. */
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

/** @returns undefined for a run that was not requested. */
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

/** The attempts at steps, undos, plans and answers, by place. */
function attemptsOf(entries: readonly Entry[]): Attempts {
  const attempts: Attempts = new Map();
  for (const entry of entries) if (!['run', 'vote', 'fault', 'claim'].includes(aboutOf(entry.at.kind))) record(attempts, entry);
  return attempts;
}

const ORDER = ['request', 'verdict', 'ruling', 'start', 'outcome', 'check'] as const;
/** The slots of waiting for another try. They count while the run may still try anything. */
const WAIT = ['retry', 'wake'] as const;

/** The status of an attempt: the answer in the last of its slots that is filled. */
const statusIn = ({ slots }: AttemptFacts, isOver: boolean): StepStatus =>
  ((isOver ? ORDER : [...ORDER, ...WAIT])
    .map((slot) => answerOf(slots[slot]))
    .filter((answer) => answer !== undefined)
    .at(-1) ?? 'pending') as StepStatus;

/** The newest problem that a fact of the attempt carries. */
const lastProblemIn = ({ slots }: AttemptFacts): Problem | undefined =>
  Object.values(slots)
    .sort((a, b) => a.seq - b.seq)
    .map((entry) => dataOf(entry)['problem'] as Problem | undefined)
    .findLast((problem) => problem !== undefined);

function stepsOf(history: History, attempts: Attempts): StepState[] {
  const plan = approvedPlan(history);
  const asked = [...attempts.values()].filter(({ at }) => aboutOf(at.kind) === 'step');
  const latest = new Map<string, AttemptFacts>();
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
    const call = callOf(attempt);
    const outcome = slots.outcome;
    const late = slots.late;
    const status = statusIn(attempt, history.occupant(theRun, 'closing') !== undefined);
    // A late result that was accepted settles every earlier problem.
    const problem = status === 'accepted' ? undefined : lastProblemIn(attempt);
    const result = [outcome, late].find((entry) => 'output' in dataOf(entry));
    const usage = usageIn(outcome);
    const { warnings } = dataOf(slots.check);
    const time = (entry: Entry | undefined, name: string): object => (entry === undefined ? {} : { [name]: iso(entry.time) });
    return {
      ...common,
      kind: at.kind,
      uses: call?.uses ?? step?.uses ?? '',
      status,
      attempt: at.n,
      ...time(slots.request, 'requestedAt'),
      ...time(slots.start, 'startedAt'),
      ...time(slots.outcome, 'endedAt'),
      ...(call === undefined ? {} : { arguments: call.arguments }),
      ...(result === undefined ? {} : { result: dataOf(result)['output'] }),
      ...(problem === undefined ? {} : { problem }),
      ...(warnings === undefined ? {} : { warnings }),
      ...(usage === undefined ? {} : { usage }),
      ...(late === undefined ? {} : { late: late.address }),
      ...(slots.residue !== undefined ? { residue: dataOf(slots.residue)['problem'] } : {}),
      undos: undos.map((undo) => {
        const wrong = lastProblemIn(undo);
        return {
          attempt: undoneBy(undo.at).n,
          try: undo.at.n,
          uses: callOf(undo)?.uses ?? '',
          status: statusIn(undo, false),
          ...(undo.at.kind === ASKED ? { asks: true as const } : {}),
          ...(wrong === undefined ? {} : { problem: wrong }),
        };
      }),
    };
  });
}
