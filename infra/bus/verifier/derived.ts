/**
 * What follows from a run's facts: which plans were approved, which steps have a result, which attempts were no tries. The services have
 * functions of their own for it (contracts/), and those are not used here: a rule that shares code with the service it judges finds nothing.
 */
import type { Place } from '@reel/contracts/address.ts';
import type { Workflow, WorkflowStep } from '@reel/contracts/workflow/format.ts';
import { type Entry, isInvalid } from '../history.ts';

const word = (entry: Entry | undefined): string => (entry === undefined || isInvalid(entry) ? '' : (entry.type.split('.')[2] ?? ''));
// biome-ignore lint/suspicious/noExplicitAny: facts of every type pass here, and each was parsed when it was read
const dataOf = (entry: Entry | undefined): any => (entry === undefined || isInvalid(entry) ? {} : entry.data);

/** The plans that were approved, or granted by a person, up to a position: the newest first. */
export function plansUpTo(entries: readonly Entry[], seq: number): Workflow[] {
  const proposals = new Map<number, Workflow>();
  const approved = new Set<number>();
  for (const entry of entries) {
    if (entry.at.kind !== 'plan' || entry.seq > seq) continue;
    if (entry.at.slot === 'proposal' && word(entry) === 'proposed') proposals.set(entry.at.n, dataOf(entry).plan);
    if (entry.at.slot === 'verdict' && word(entry) === 'approved') approved.add(entry.at.n);
    if (entry.at.slot === 'ruling' && word(entry) === 'granted') approved.add(entry.at.n);
  }
  return [...proposals]
    .filter(([n]) => approved.has(n))
    .sort(([a], [b]) => b - a)
    .map(([, plan]) => plan);
}

/** True when a step has a result that was accepted, up to a position: its own, or of what is done in its place. */
export function hasResult(entries: readonly Entry[], { id, kind, fallback }: WorkflowStep, seq: number): boolean {
  const slots = new Map<string, Entry>();
  for (const entry of entries) if (entry.seq <= seq && entry.at.id.startsWith(id)) slots.set(placeOf(entry.at) + entry.at.slot, entry);
  return [...slots.values()].some((check) => {
    if (check.at.slot !== 'check' || word(check) !== 'accepted') return false;
    const own = placeOf(check.at);
    const done = [slots.get(`${own}outcome`), slots.get(`${own}late`)].find((entry) => word(entry) === 'succeeded');
    if (done === undefined) return false;
    const rest = check.at.id.slice(id.length);
    if (rest === '' || /^-retry-\d+$/.test(rest)) return check.at.kind === kind;
    if (rest === '-fallback') return check.at.kind === fallback?.kind;
    return /^-escalation-\d+$/.test(rest) && dataOf(done).output?.action === 'supply';
  });
}

const placeOf = ({ kind, id, n }: Place): string => `${kind}.${id}.${n}.`;

/** An attempt that failed for these reasons met a server or a tool that was not there, and counts as no try. */
const UNAVAILABLE: readonly unknown[] = ['circuit-open', 'tool-gone'];

/** Which try an attempt is. */
export function tryOf(entries: readonly Entry[], { kind, id, n }: Place): number {
  const before = ({ at, ...entry }: Entry): boolean =>
    at.kind === kind && at.id === id && at.n < n && at.slot === 'outcome' && 'type' in entry;
  const met = entries.filter((entry) => before(entry) && word(entry) === 'failed' && UNAVAILABLE.includes(dataOf(entry).problem?.code));
  return n - met.length;
}
