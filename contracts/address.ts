/** The address of a fact. An address is a NATS subject and a slot: the broker stores one fact in it, and refuses any further one. */

/** `reel.<shard>.<run>.<kind>.<id>.<n>.<slot>`, e.g. `reel.0.01JD….tool.book-hotel.1.outcome`. */
export type Address = string;

/** The subject of a fact within its run: the thing (`kind`, `id`) and its attempt or revision (`n`, from 1). */
export type Place = { readonly kind: string; readonly id: string; readonly n: number };

/** A place with its run and the slot. */
export type Parts = Place & { readonly shard: number; readonly run: string; readonly slot: string };

/** The families of facts. Every kind outside the others is a step's, and names its performer. */
export type About = 'run' | 'plan' | 'answer' | 'vote' | 'fault' | 'claim' | 'step' | 'undo';

const TOKEN = /^[A-Za-z0-9_-]{1,64}$/;
/** True for a valid token of a subject. */
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

/** The subject of a slot. @throws when a token breaks the grammar, so that no such name reaches the log. */
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

/** The place of the facts that concern the run as a whole. */
export const theRun: Place = { kind: 'run', id: 'run', n: 1 };

/** Revision `n` of the plan. */
export const planRevision = (n: number): Place => ({ kind: 'plan', id: 'plan', n });

/** Revision `n` of the answer. */
export const answerRevision = (n: number): Place => ({ kind: 'answer', id: 'answer', n });

/** Try `n` of the undo of one attempt. The attempt is part of the id, because each attempt that took effect is undone. */
export const undoOf = (step: Place, n: number): Place => ({ kind: undoKind(step.kind), id: `${step.id}-${step.n}`, n });

/** The attempt that an undo undoes: the inverse of `undoOf`. */
export function undoneBy(undo: Place): Place {
  const dash = undo.id.lastIndexOf('-');
  return { kind: undo.kind.slice('undo-'.length), id: undo.id.slice(0, dash), n: Number(undo.id.slice(dash + 1)) };
}

/**
 * The kind of a question to people, after the closing, whether an attempt or its undo took effect. It is an undo that a person performs,
 * so the rules for undos and for people apply to it.
 */
export const ASKED = undoKind('person');

/** Question `n` about an attempt and its undo. */
export const askedAbout = (step: Place, n: number): Place => ({ kind: ASKED, id: `${step.id}-${step.n}`, n });

/** The idempotency key of a call: its address without the attempt, so that every attempt at one effect carries the same key. */
export const keyOf = (at: Parts): string => `${at.run}.${at.kind}.${at.id}`;
