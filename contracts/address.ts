/** Where a fact lives. An address is a NATS subject and a slot: one question, which the broker lets be answered once. */

/** `reel.<shard>.<run>.<kind>.<id>.<n>.<slot>`, e.g. `reel.0.01JD….tool.book-hotel.1.outcome`. */
export type Address = string;

/** What a fact is about, within its run: which thing (`kind`, `id`) and which attempt or revision of it (`n`, from 1). */
export type Place = { readonly kind: string; readonly id: string; readonly n: number };

/** A place with the run it belongs to and the question asked about it. */
export type Parts = Place & { readonly shard: number; readonly run: string; readonly slot: string };

/** The families of facts. Every kind that is none of the others is a step's, named for who performs it. */
export type About = 'run' | 'plan' | 'answer' | 'vote' | 'fault' | 'claim' | 'step' | 'undo';

const TOKEN = /^[A-Za-z0-9_-]{1,64}$/;
/** True for what can be one part of a subject. */
export const isToken = (text: string): boolean => TOKEN.test(text);
const RESERVED = new Set<string>(['run', 'plan', 'answer', 'vote', 'fault', 'claim', 'step', 'undo']);

/** True for a name that performers may take as their kind: a token of at most 32 characters, not reserved, not `undo-…`. */
export const isStepKind = (kind: string): boolean =>
  /^[a-z][a-z0-9-]{0,31}$/.test(kind) && !RESERVED.has(kind) && !kind.startsWith('undo-');

/** The kind under which the steps of `kind` are undone. */
export const undoKind = (kind: string): string => `undo-${kind}`;

/** The family of facts that a kind belongs to. */
export function aboutOf(kind: string): About {
  if (kind.startsWith('undo-')) return 'undo';
  return RESERVED.has(kind) ? (kind as About) : 'step';
}

/** The subject of a slot. @throws when a token is not of the grammar: nothing of that name may reach the log. */
export function addressOf(parts: Parts): Address {
  const { shard, run, kind, id, n, slot } = parts;
  for (const token of [run, kind, id, slot]) {
    if (!isToken(token)) throw new Error(`"${token}" cannot be part of an address: 1 to 64 of A-Z a-z 0-9 _ - are`);
  }
  return `reel.${shard}.${run}.${kind}.${id}.${n}.${slot}`;
}

/** The parts of a subject, or undefined when it is not an address. */
export function parseAddress(subject: string): Parts | undefined {
  const [reel, shard, run, kind, id, n, slot, more] = subject.split('.');
  if (reel !== 'reel' || slot === undefined || more !== undefined) return undefined;
  if (!/^\d{1,4}$/.test(shard ?? '') || !/^[1-9]\d{0,14}$/.test(n ?? '')) return undefined;
  if (![run, kind, id, slot].every((token) => isToken(token ?? ''))) return undefined;
  return { shard: Number(shard), run: run as string, kind: kind as string, id: id as string, n: Number(n), slot };
}

/** The one place of everything that concerns the run as a whole. */
export const theRun: Place = { kind: 'run', id: 'run', n: 1 };

/** Revision `n` of the plan. */
export const planRevision = (n: number): Place => ({ kind: 'plan', id: 'plan', n });

/** Revision `n` of the answer. */
export const answerRevision = (n: number): Place => ({ kind: 'answer', id: 'answer', n });

/** Try `n` at undoing one attempt of a step: the attempt is part of the id, because each attempt that took effect is undone. */
export const undoOf = (step: Place, n: number): Place => ({ kind: undoKind(step.kind), id: `${step.id}-${step.n}`, n });

/** The attempt that an undo undoes: the inverse of `undoOf`. */
export function undoneBy(undo: Place): Place {
  const dash = undo.id.lastIndexOf('-');
  return { kind: undo.kind.slice('undo-'.length), id: undo.id.slice(0, dash), n: Number(undo.id.slice(dash + 1)) };
}

/**
 * The kind under which people are asked after the turn whether something took effect: the attempt, or the undoing of it. It is an undo
 * that a person performs, so that everything that holds for undos and for people holds for it.
 */
export const ASKED = undoKind('person');

/** Question `n` about an attempt and its undoing. */
export const askedAbout = (step: Place, n: number): Place => ({ kind: ASKED, id: `${step.id}-${step.n}`, n });

/** The idempotency key of a call: its address without the attempt, so that every attempt at one effect carries the same key. */
export const keyOf = (at: Parts): string => `${at.run}.${at.kind}.${at.id}`;
