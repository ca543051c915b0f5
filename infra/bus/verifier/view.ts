/** A run as the rules look at it: its facts in order, what was said at each place, and a few words for what they mean. Pure. */
import { type About, ASKED, aboutOf, type Parts, type Place, theRun } from '@reel/contracts/address.ts';
import type { Event } from '@reel/contracts/envelope.ts';
import { runRequested } from '@reel/contracts/run.ts';
import type { Call } from '@reel/contracts/step.ts';
import type { EventOf } from '@reel/contracts/story.ts';
import type { Escalated, Question } from '@reel/contracts/workflow/attempt.ts';
import type { Workflow } from '@reel/contracts/workflow/format.ts';
import { type Entry, type History, historyOf, isInvalid, type RunLog } from '../history.ts';
import { plansUpTo } from './derived.ts';
import type { Publishers } from './publishers.ts';

/** Never reached: the position of what is not in the log. */
export const NEVER = Number.POSITIVE_INFINITY;

/** Everything that was said at one place, by slot. */
export type AttemptFacts = {
  readonly at: Parts;
  readonly about: About;
  readonly slots: Map<string, Entry>;
  /** The finding of a person about an attempt in doubt: whether it took effect. */
  settled?: { readonly by: Event; readonly effect: boolean };
};

/** What the rules are told beside the log. */
export type Circumstances = {
  /** What time it is, ms since the epoch: without it nothing is found to be overdue. */
  readonly now?: number;
  /** How long what is due may take to be said, in ms. */
  readonly graceMs?: number;
  /** Who may say what: without it anybody may. */
  readonly cast?: Publishers;
};

export type View = Circumstances & {
  readonly graceMs: number;
  readonly entries: readonly Entry[];
  /** Those that can be read. */
  readonly facts: readonly Event[];
  readonly byAddress: ReadonlyMap<string, Entry>;
  readonly whole: History;
  /** The run up to and including a position: what a handler of the fact there had to decide on. */
  upTo(seq: number): History;
  readonly request: EventOf<'run.request.requested'> | undefined;
  readonly turn: Entry | undefined;
  readonly end: Entry | undefined;
  /** By place, in the order in which they were first heard of. */
  readonly spots: readonly AttemptFacts[];
  spot(at: Place): AttemptFacts | undefined;
  /** The newest plan that was approved up to a position. */
  planAt(seq: number): Workflow | undefined;
  /** Every plan that was, the newest first. */
  plansAt(seq: number): readonly Workflow[];
};

/** The sweep looks at open runs every 30 seconds. */
const GRACE_MS = 60_000;

export const attemptKey = ({ kind, id, n }: Place): string => `${kind}.${id}.${n}`;

export function viewOf(entries: readonly Entry[], circumstances: Circumstances = {}): View {
  const first = entries[0]?.at ?? { shard: 0, run: '' };
  const byAddress = new Map<string, Entry>();
  const spots = new Map<string, AttemptFacts>();
  for (const entry of entries) {
    if (byAddress.has(entry.address)) continue;
    byAddress.set(entry.address, entry);
    const key = attemptKey(entry.at);
    let spot = spots.get(key);
    if (spot === undefined) spots.set(key, (spot = { at: entry.at, about: aboutOf(entry.at.kind), slots: new Map() }));
    spot.slots.set(entry.at.slot, entry);
  }
  for (const spot of spots.values()) settle(spot, spots);
  const log: RunLog = { shard: first.shard, run: first.run, entries: [...entries], byAddress };
  const whole = historyOf(log);
  const upTo = (seq: number): History => historyOf(log, seq);
  const plans = planMemory(entries);
  return {
    graceMs: GRACE_MS,
    ...circumstances,
    entries,
    facts: entries.filter((entry): entry is Event => !isInvalid(entry)),
    byAddress,
    whole,
    upTo,
    request: whole.find(runRequested, theRun),
    turn: whole.occupant(theRun, 'closing'),
    end: whole.occupant(theRun, 'outcome'),
    spots: [...spots.values()],
    spot: (at) => spots.get(attemptKey(at)),
    planAt: (seq) => plans(seq)[0],
    plansAt: plans,
  };
}

/** Enters what a person has found out about an attempt that they were asked about, before the turn or after it. */
function settle({ at, slots }: AttemptFacts, spots: ReadonlyMap<string, AttemptFacts>): void {
  const before = at.kind === 'person' && /-escalation-\d+$/.test(at.id) && answerOf(slots.get('check')) === 'accepted';
  const after = at.kind === ASKED && answerOf(slots.get('outcome')) === 'succeeded';
  const by = before ? slots.get('check') : after ? slots.get('outcome') : undefined;
  if (by === undefined) return;
  const { attempt } = ((said(slots.get('request'))['call'] as Call | undefined)?.arguments ?? {}) as Partial<Question>;
  const found = said(slots.get('outcome'))['output'] as Escalated | undefined;
  const spot = attempt === undefined ? undefined : spots.get(attemptKey(attempt));
  if (spot === undefined || found === undefined || !isInDoubt(spot)) return;
  // What was never begun has had no effect: what is supplied then is a result, and tells of nothing in the world. An undo may yet begin.
  const start = answerOf(spot.slots.get('start'));
  if (spot.about === 'step' && (start === undefined || start === 'withdrawn')) return;
  if (found.action === 'retry' || found.result !== undefined) spot.settled = { by: by as Event, effect: found.action !== 'retry' };
}

/** The approved plans change only where something is said about a plan: between two such positions they are looked up once. */
function planMemory(entries: readonly Entry[]): (seq: number) => readonly Workflow[] {
  const changes = entries.filter(({ at }) => at.kind === 'plan').map(({ seq }) => seq);
  const known = new Map<number, readonly Workflow[]>();
  return (seq) => {
    const since = changes.findLast((change) => change <= seq) ?? 0;
    let plans = known.get(since);
    if (plans === undefined) {
      plans = plansUpTo(entries, since);
      known.set(since, plans);
    }
    return plans;
  };
}

/** The word that stands in a slot, `void` for what cannot be read, undefined for an empty one. */
export function answerOf(entry: Entry | undefined): string | undefined {
  if (entry === undefined) return undefined;
  return isInvalid(entry) ? 'invalid' : (entry.type.split('.')[2] ?? 'invalid');
}

/** What a fact says, as it was parsed; nothing for what cannot be read. */
export function said(entry: Entry | undefined): { readonly [field: string]: unknown } {
  return entry === undefined || isInvalid(entry) ? {} : (entry.data as { [field: string]: unknown });
}

export const seqOf = (entry: Entry | undefined): number => entry?.seq ?? NEVER;

/** The call that was asked for at a step or an undo. */
export const callOf = ({ slots }: AttemptFacts): Call | undefined => said(slots.get('request'))['call'] as Call | undefined;

export const isReadOnly = (spot: AttemptFacts): boolean => callOf(spot)?.effect === 'read-only';

/** True when nothing of it remains in the world. */
export const isHarmless = (spot: AttemptFacts): boolean => isReadOnly(spot) || callOf(spot)?.effect === 'metered';

/** True for what people are asked after the turn; everything else that is about undoing undoes something. */
export const isQuestion = ({ at }: Pick<AttemptFacts, 'at'>): boolean => at.kind === ASKED;

/** True when it cannot be told from its outcome whether it took effect. */
export const isInDoubt = ({ slots }: AttemptFacts): boolean =>
  ['unknown', 'timed-out', 'invalid'].includes(answerOf(slots.get('outcome')) ?? '');

/** How a place is named to people. */
export const nameOf = ({ kind, id, n }: Place): string => (n === 1 ? `${kind} "${id}"` : `attempt ${n} at ${kind} "${id}"`);

/** The position from which no service can act on it. */
export function settledAt(spot: AttemptFacts): number {
  const { slots } = spot;
  if (callOf(spot) === undefined) return seqOf(slots.get('request'));
  const unless = (slot: string, words: readonly string[]): number => {
    const entry = slots.get(slot);
    return entry === undefined || words.includes(answerOf(entry) as string) ? NEVER : entry.seq;
  };
  const start = slots.get('start');
  return Math.min(
    seqOf(slots.get('outcome')),
    answerOf(start) === 'withdrawn' ? seqOf(start) : NEVER,
    unless('verdict', ['approved', 'held']),
    unless('ruling', ['granted']),
  );
}

/** Where it is told that it took effect: in time, by a person who looked, or late. */
export const effectAt = (spot: AttemptFacts): number => effectFact(spot)?.seq ?? NEVER;

/** The fact that tells so. */
export function effectFact({ slots, settled }: AttemptFacts): Event | undefined {
  const told = ['outcome', 'late'].map((slot) => slots.get(slot)).filter((entry) => answerOf(entry) === 'succeeded');
  if (settled?.effect) told.push(settled.by);
  return told.sort((a, b) => seqOf(a) - seqOf(b))[0] as Event | undefined;
}

/** Attempts under one key are one effect, unless the call is one that is never repeated. */
export function effectKey(spot: AttemptFacts): string {
  const { kind, id, n } = spot.at;
  return callOf(spot)?.effect === 'once' ? `${kind}.${id}.${n}` : `${kind}.${id}`;
}

/** Whether an attempt came to nothing up to a position: not done, not allowed, in doubt, or not what was promised. */
export function setBackBefore({ slots }: AttemptFacts, seq: number): boolean {
  const before = (slot: string, words: readonly string[]): boolean => {
    const entry = slots.get(slot);
    return entry !== undefined && entry.seq < seq && words.includes(answerOf(entry) as string);
  };
  return (
    before('request', ['invalid']) ||
    before('outcome', ['failed', 'unknown', 'timed-out', 'invalid']) ||
    before('check', ['rejected', 'invalid']) ||
    before('verdict', ['denied', 'invalid']) ||
    before('ruling', ['refused', 'expired', 'invalid']) ||
    before('start', ['withdrawn'])
  );
}
