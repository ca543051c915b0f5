/** What must be true of every simulated run, under every fault: the rules of the log, and that nothing is left waiting. */
import assert from 'node:assert/strict';
import { type History, type Invalid, isInvalid } from '@reel/bus/history.ts';
import { hasResult, plansUpTo } from '@reel/bus/verifier/derived.ts';
import { findings } from '@reel/bus/verifier/protocol.ts';
import { aboutOf, theRun } from '@reel/contracts/address.ts';
import type { Event } from '@reel/contracts/envelope.ts';
import { faultsIn, isDoubt, isUndeliverable } from '../verify/doubts.ts';
import { type Played, RUN } from './story.ts';

/** @throws AssertionError */
export function keepsItsPromises({ simulation, history, entries, outcome, cast }: Played): void {
  assert.ok(history.occupant(theRun, 'outcome') !== undefined, 'the run has not ended');
  const found = findings(entries, { cast, now: simulation.now() });
  const spoilt = entries.filter(isInvalid);
  if (spoilt.length > 0) {
    spoiltThereOnly(found, spoilt);
    return;
  }
  assert.deepEqual(found, [], 'the protocol was not kept');
  assert.ok(outcome !== undefined);
  const faults = faultsIn(entries);
  for (const fault of faults) assert.ok(isDoubt(fault) || isUndeliverable(fault), `a fault was raised: ${JSON.stringify(fault.data)}`);
  // What a service has not survived it has not answered either: its run has ended all the same.
  if (faults.some(isUndeliverable)) return;
  const seqOf = new Map(entries.map(({ address, seq }) => [address, seq]));
  for (const event of entries as readonly Event[]) {
    isAnswered(event, history);
    if (event.type === 'step.request.requested') isInItsTime(event, simulation.history(RUN, seqOf.get(event.cause)));
  }
}

/** Rubbish breaks the protocol where it stands, and nowhere else. */
function spoiltThereOnly(found: readonly string[], spoilt: readonly Invalid[]): void {
  const elsewhere = found.filter((line) => !spoilt.some(({ address }) => line.includes(address)));
  assert.deepEqual(elsewhere, [], 'more is wrong than the rubbish');
}

/** What has to stand beside a fact about a step or an undo at the end: any of these slots will do. */
const NEXT: { readonly [type: string]: readonly string[] } = {
  'request.requested': ['verdict', 'start', 'outcome'],
  'verdict.held': ['ruling', 'start', 'outcome'],
  'verdict.approved': ['start', 'outcome'],
  'ruling.granted': ['start', 'outcome'],
  'start.started': ['outcome'],
  'outcome.succeeded': ['check'],
};

/** Every question has its answer. */
function isAnswered({ type, at, address }: Event, history: History): void {
  const about = aboutOf(at.kind);
  const slots = about === 'step' || about === 'undo' ? NEXT[type.slice(about.length + 1)] : undefined;
  if (slots === undefined || (about === 'undo' && at.slot === 'outcome')) return;
  const isThere = slots.some((slot) => history.occupant(at, slot) !== undefined);
  assert.ok(isThere, `${address}: ${type} was never followed by ${slots.join(' or ')}`);
}

/** The planner asks for nothing before what it depends on is over, nor in answer to what came after the turn. `then`: what it knew. */
function isInItsTime({ at, address }: Event, then: History): void {
  assert.ok(then.occupant(theRun, 'closing') === undefined, `${address} was asked for though the run had turned`);
  const [plan] = plansUpTo(then.entries(), Number.POSITIVE_INFINITY);
  if (plan === undefined) return;
  const step = plan.steps.find(({ id }) => id === at.id);
  for (const id of step?.dependsOn ?? []) {
    const before = plan.steps.find((one) => one.id === id);
    if (before === undefined || before.when !== undefined || before.optional === true) continue;
    const isOver = hasResult(then.entries(), before, Number.POSITIVE_INFINITY);
    assert.ok(isOver, `${address} was asked for before "${id}" was over`);
  }
}
