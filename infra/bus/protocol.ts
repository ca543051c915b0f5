/** The protocol of a run, checked afterwards: what must be true of any log that services which keep the rules have written. Pure. */
import { aboutOf, type Place, theRun, undoneBy, undoOf } from '@reel/contracts/address.ts';
import { answerAccepted, answerProposed } from '@reel/contracts/answer.ts';
import { isApproved } from '@reel/contracts/approved.ts';
import type { Event } from '@reel/contracts/envelope.ts';
import { runRequested, runStranded } from '@reel/contracts/run.ts';
import { type Call, stepApproved } from '@reel/contracts/step.ts';
import { digestOf } from './digest.ts';
import { type Entry, type History, historyOf, isVoid, type RunLog } from './history.ts';

/** What breaks the protocol in one run's log, each naming its fact; none when it was kept. The log may be of a run that is still open. */
export function findings(entries: readonly Entry[]): string[] {
  const first = entries[0];
  if (first === undefined) return [];
  const log: RunLog = {
    shard: first.at.shard,
    run: first.at.run,
    entries: [...entries],
    byAddress: new Map(entries.map((entry) => [entry.address, entry])),
  };
  const whole = historyOf(log);
  const found: string[] = [];
  for (const entry of entries) {
    if (isVoid(entry)) found.push(`${entry.address} is void: ${entry.void}`);
    else found.push(...ofCause(entry, log), ...ofQuestion(entry, whole), ...ofTime(entry, whole));
  }
  return [...found, ...ofEnd(entries, whole)];
}

/** Every fact answers one that came before it; only the first of a run answers itself. */
function ofCause(event: Event, log: RunLog): string[] {
  if (event.cause === event.address)
    return event.type === runRequested.type || event.at.kind === 'vote' || event.at.slot === 'control'
      ? []
      : [`${event.address} is its own cause`];
  const cause = log.byAddress.get(event.cause);
  if (cause === undefined) return [`${event.address} answers ${event.cause}, which is not there`];
  return cause.seq < event.seq ? [] : [`${event.address} answers ${event.cause}, which came later`];
}

/** Nothing is performed but what was judged, and no answer given but one that was checked. */
function ofQuestion(event: Event, whole: History): string[] {
  const { at, type, address } = event;
  const about = aboutOf(at.kind);
  if ((about === 'step' || about === 'undo') && at.slot === 'outcome' && !type.endsWith('.timed-out')) {
    const verdict = occupantData(whole, at, 'verdict');
    const request = occupantData(whole, at, 'request');
    const allowed = isApproved(whole, at);
    if (!allowed) return [`${address}: it was performed without having been approved`];
    return verdict?.['question'] === digestOf(request) || type.endsWith('.failed')
      ? []
      : [`${address}: what was approved is not what was requested`];
  }
  if (type === 'run.turn.completed') {
    const answered = whole
      .entries()
      .some(
        (entry) =>
          !isVoid(entry) &&
          entry.type === answerProposed.type &&
          isApproved(whole, entry.at) &&
          whole.find(answerAccepted, entry.at) !== undefined,
      );
    return answered ? [] : [`${address}: no answer was checked and approved`];
  }
  return [];
}

const occupantData = (history: History, at: Place, slot: string): { [field: string]: unknown } | undefined => {
  const entry = history.occupant(at, slot);
  return entry === undefined || isVoid(entry) ? undefined : (entry.data as { [field: string]: unknown });
};

/** After the turn nothing begins but undos; after the end nothing is done any more. */
function ofTime(event: Event, whole: History): string[] {
  const { address, at, seq, type } = event;
  const turn = whole.occupant(theRun, 'turn');
  const outcome = whole.occupant(theRun, 'outcome');
  if (turn === undefined && type.startsWith('run.outcome.')) return [`${address}: an end without a turn`];
  if (outcome !== undefined && seq > outcome.seq) {
    // Words that were on their way when the run ended do no harm; deeds do.
    const deed =
      type.endsWith('.start.started') || aboutOf(at.kind) === 'undo' || (type === 'step.outcome.succeeded' && !readOnly(whole, at));
    return deed ? [`${address}: ${type} after the run had ended`] : [];
  }
  if (turn === undefined || seq <= turn.seq || aboutOf(at.kind) !== 'step') return [];
  if (type === 'step.start.started')
    return startedOnOldNews(whole, at, turn.seq) ? [] : [`${address}: it was begun after the run had turned`];
  if (type === stepApproved.type && (whole.occupant(at, 'request')?.seq ?? 0) > turn.seq)
    return [`${address}: it was approved after the run had turned`];
  return [];
}

const callAt = (whole: History, at: Place): Call | undefined => (occupantData(whole, at, 'request') as { call?: Call } | undefined)?.call;
const readOnly = (whole: History, at: Place): boolean => callAt(whole, at)?.effect === 'read-only';

/** A start may reach the log right after the turn, when it was on its way: as long as nobody had withdrawn it. */
const startedOnOldNews = (whole: History, at: Place, turnSeq: number): boolean =>
  (whole.occupant(at, 'request')?.seq ?? Number.POSITIVE_INFINITY) < turnSeq;

/** A run that did not complete has undone its effects, the last first, or says which it left; one that completed has undone nothing. */
function ofEnd(entries: readonly Entry[], whole: History): string[] {
  const end = whole.occupant(theRun, 'outcome');
  if (end === undefined || isVoid(end)) return [];
  const undos = entries.filter((entry): entry is Event => !isVoid(entry) && entry.type === 'undo.request.requested');
  if (end.type === 'run.outcome.completed') return undos.map(({ address }) => `${address}: a completed run undoes nothing`);
  const stranded = new Set((whole.find(runStranded, theRun)?.data.stranded ?? []).map(({ kind, id, n }) => `${kind}.${id}.${n}`));
  const found: string[] = [];
  let previous = Number.POSITIVE_INFINITY;
  for (const { at, address } of undos) {
    if (at.n > 1) continue;
    const effect = effectSeq(whole, undoneBy(at));
    if (effect === undefined) found.push(`${address}: there is nothing that it could undo`);
    else if (effect > previous && whole.occupant(undoneBy(at), 'late') === undefined) found.push(`${address}: undone out of order`);
    previous = effect ?? previous;
  }
  for (const entry of entries) {
    if (isVoid(entry) || entry.type !== 'step.outcome.succeeded' || entry.seq > end.seq) continue;
    const call = callAt(whole, entry.at);
    if (call?.compensation === undefined || call.effect === 'read-only') continue;
    const { kind, id, n } = entry.at;
    if (!isUndone(whole, entry.at) && !stranded.has(`${kind}.${id}.${n}`) && !sharedEffect(whole, entry.at, call))
      found.push(`${entry.address}: neither undone nor listed as left behind`);
  }
  return found;
}

function effectSeq(whole: History, at: Place): number | undefined {
  for (const slot of ['outcome', 'late']) {
    const entry = whole.occupant(at, slot);
    if (entry !== undefined && !isVoid(entry) && entry.type.endsWith('.succeeded')) return entry.seq;
  }
  return undefined;
}

function isUndone(whole: History, at: Place): boolean {
  for (let n = 1; whole.occupant(undoOf(at, n), 'request') !== undefined; n += 1)
    if (effectSeq(whole, undoOf(at, n)) !== undefined) return true;
  return false;
}

/** Attempts under one key of an idempotent tool are one effect: undoing any of them undoes it. */
function sharedEffect(whole: History, at: Place, { effect }: Call): boolean {
  if (effect !== 'idempotent') return false;
  for (let n = 1; whole.occupant({ ...at, n }, 'request') !== undefined; n += 1) if (isUndone(whole, { ...at, n })) return true;
  return false;
}
