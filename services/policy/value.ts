/**
 * JSON as Cedar knows it. Cedar has neither fractions nor null: numbers of runs, tools and models become Longs of ten-thousandths where four
 * places are enough and strings where they are not (see scale.ts); members that are null are left out; lists become sets.
 */
import type { CedarValueJson } from '@cedar-policy/cedar-wasm/nodejs';
import type { Json } from '@reel/contracts/envelope.ts';
import type { Look } from './look.ts';
import { scaledValue } from './scale.ts';

const reference = Symbol('reference');

/** A reference to an entity; it cannot come out of JSON. */
export type Reference = { readonly [reference]: true; readonly type: string; readonly id: string };

const open = Symbol('unknown');

/** A value not known yet. A question about it can only be whether something holds for every value. JSON cannot contain one. */
export type Unknown = { readonly [open]: string };

/** What a question may contain. */
export type Value = Json | Reference | Unknown | undefined | { readonly [name: string]: Value };

export const referTo = (type: string, id: string): Reference => ({ [reference]: true, type, id });

/** @param name by which Cedar tells it from others that are unknown. */
export const unknown = (name: string): Unknown => ({ [open]: name });

/** Beyond this depth a value is given as its JSON text: Cedar's own limit is 128. */
const DEEPEST = 32;
// Cedar reads records with these members as something else; in the arguments of a call they are plain names.
const ESCAPES = ['__entity', '__extn', '__expr'];

/**
 * The part of a value that is looked at, as Cedar reads it; undefined when there is nothing of it.
 * @param free the members that come from runs, tools and models; `true` for what is within them.
 */
export function cedarValue(value: Value, look: Look, free: readonly string[] | true, depth = 0): CedarValueJson | undefined {
  if (value === null || value === undefined) return undefined;
  if (typeof value === 'number') return free === true ? (scaledValue(value) as CedarValueJson) : value;
  if (typeof value !== 'object') return value;
  if (reference in value) return { __entity: { type: value.type, id: value.id } };
  if (open in value) return { __extn: { fn: 'unknown', arg: value[open] } };
  if (depth === DEEPEST || ESCAPES.some((name) => Object.hasOwn(value, name))) return JSON.stringify(value);
  if (Array.isArray(value)) return value.map((one) => cedarValue(one, look, free, depth + 1)).filter((one) => one !== undefined);
  return cedarRecord(value, look, free, depth);
}

function cedarRecord(
  record: { readonly [name: string]: Value },
  look: Look,
  free: readonly string[] | true,
  depth: number,
): CedarValueJson {
  const members: [string, CedarValueJson][] = [];
  for (const name of look.whole ? Object.keys(record) : look.members.keys()) {
    if (!Object.hasOwn(record, name)) continue;
    const inside = free === true || free.includes(name) ? true : [];
    const member = cedarValue(record[name], look.whole ? look : (look.members.get(name) as Look), inside, depth + 1);
    if (member !== undefined) members.push([name, member]);
  }
  return Object.fromEntries(members);
}
