/**
 * What is known of a value before it is there: the JSON Schemas that it will be checked against. Asked is only which fields it may have.
 * A schema that names properties is taken to name them all, unless it says otherwise (`additionalProperties`, `patternProperties`).
 */
import type { Json, JsonSchema } from '../envelope.ts';
import { patternOf } from '../pattern.ts';

/** A schema, and the whole that its references are resolved in. */
type Part = { readonly schema: Json; readonly root: Json };

/** `whole`: it satisfies all of these. `fields`: it is put together here, of members that are known. `either`: it is one of these. */
export type Shape =
  | Part
  | { readonly whole: readonly Shape[] }
  | { readonly either: readonly (Shape | undefined)[] }
  | { readonly fields: (name: string) => { readonly shape: Shape | undefined } | undefined };

export const shapeOf = (schema: JsonSchema | undefined): Shape | undefined =>
  schema === undefined ? undefined : { schema: schema as Json, root: schema as Json };

/**
 * What a field of a value is. `absent`: no value that fits has it, and these it has. `unknown`: it may or may not be there.
 * Of a list it is the field of its elements, as in JSONata.
 */
export type Field =
  | { readonly is: 'known'; readonly shape: Shape }
  | { readonly is: 'unknown' }
  | { readonly is: 'absent'; readonly there: readonly string[] };

/** @param spent is told how many schemas were looked at. */
export function fieldOf(shape: Shape, name: string, spent: (schemas: number) => void): Field {
  const look = looking(name);
  const { found, isOpen } = look.at(shape);
  spent(look.seen.size);
  if (isOpen) return { is: 'unknown' };
  if (found.length > 0) return { is: 'known', shape: found.length === 1 ? (found[0] as Shape) : { either: found } };
  return { is: 'absent', there: [...look.there].sort() };
}

/** `isOpen`: it may be something of which nothing is known. Neither open nor found: it is not there. */
type Sighting = { readonly found: readonly Shape[]; readonly isOpen: boolean };
const OPEN: Sighting = { found: [], isOpen: true };
const NONE: Sighting = { found: [], isOpen: false };

function looking(name: string) {
  const seen = new Set<unknown>();
  const there = new Set<string>();

  function at(shape: Shape | undefined): Sighting {
    if (shape === undefined) return OPEN;
    if ('either' in shape) return anyOf(shape.either.map(at));
    if ('whole' in shape) return allOf(shape.whole.map(at));
    if (!('fields' in shape)) return inSchema(shape);
    const field = shape.fields(name);
    if (field === undefined) return NONE;
    return field.shape === undefined ? OPEN : { found: [field.shape], isOpen: false };
  }

  function inSchema({ schema, root }: Part): Sighting {
    if (typeof schema !== 'object' || schema === null || Array.isArray(schema)) return schema === false ? NONE : OPEN;
    // What leads back to itself says nothing more the second time.
    if (seen.has(schema)) return NONE;
    seen.add(schema);
    const inside = (inner: Json): Sighting => inSchema({ schema: inner, root });
    const every = (list: unknown): Sighting[] => (Array.isArray(list) ? list.map(inside) : []);
    const parts = [own(schema, root), ...every(schema['allOf'])];
    for (const word of ['anyOf', 'oneOf']) if (Array.isArray(schema[word])) parts.push(anyOf(every(schema[word])));
    // What holds under a condition may hold.
    const maybe = [schema['then'], schema['else'], ...Object.values((schema['dependentSchemas'] ?? {}) as object)];
    for (const one of maybe) if (one !== undefined) parts.push({ found: inside(one as Json).found, isOpen: false });
    if (typeof schema['$ref'] === 'string') parts.push(inReference(schema['$ref'], root));
    if (schema['$dynamicRef'] !== undefined || schema['$recursiveRef'] !== undefined) return OPEN;
    return allOf(parts.filter((part) => part !== undefined));
  }

  /** What the schema's own words say; undefined when they say nothing about fields. */
  function own(schema: { readonly [word: string]: Json }, root: Json): Sighting | undefined {
    const part = (inner: Json | undefined): Shape => ({ schema: inner as Json, root });
    const types = schema['type'] === undefined ? undefined : [schema['type']].flat();
    const sightings: Sighting[] = [];
    const { properties, patternProperties, additionalProperties: more } = schema;
    const isObject = types?.includes('object') ?? (properties !== undefined || more !== undefined);
    if (isObject) {
      for (const key of Object.keys((properties ?? {}) as object)) there.add(key);
      const named = Object.hasOwn((properties ?? {}) as object, name) ? [part((properties as { [key: string]: Json })[name])] : [];
      const matched = Object.entries((patternProperties ?? {}) as { [pattern: string]: Json }).filter(([pattern]) => matches(pattern));
      const found = [...named, ...matched.map(([, inner]) => part(inner))];
      if (found.length > 0) sightings.push({ found: found.length === 1 ? found : [{ whole: found }], isOpen: false });
      else if (typeof more === 'object') sightings.push({ found: [part(more)], isOpen: false });
      else if (more === true || schema['unevaluatedProperties'] === true) return OPEN;
      else if (properties !== undefined || more === false) sightings.push(NONE);
      else return undefined;
    }
    const { items, prefixItems } = schema;
    if (types?.includes('array') ?? items !== undefined) {
      if (items === undefined && prefixItems === undefined) return undefined;
      const elements = [...(Array.isArray(prefixItems) ? prefixItems : []), ...(items === undefined ? [] : [items].flat())];
      sightings.push(anyOf(elements.map((inner) => inSchema({ schema: inner, root }))));
    }
    if (sightings.length > 0) return anyOf(sightings);
    // A number has no fields, whatever else is said of it.
    return types === undefined ? undefined : NONE;
  }

  function inReference(reference: string, root: Json): Sighting {
    let target: unknown = reference.startsWith('#') ? root : undefined;
    for (const key of reference.split('/').slice(1)) {
      const member = key.replaceAll('~1', '/').replaceAll('~0', '~');
      target = typeof target === 'object' && target !== null ? (target as { [key: string]: unknown })[decoded(member)] : undefined;
    }
    if (target === undefined || !/^#(\/|$)/.test(reference)) return OPEN;
    return inSchema({ schema: target as Json, root });
  }

  function matches(pattern: string): boolean {
    try {
      return patternOf(pattern).test(name);
    } catch {
      // What cannot be read may match.
      return true;
    }
  }
  return { at, seen, there };
}

/** All of it holds: what one part names is there, and what no part names is not, unless no part names anything. */
function allOf(sightings: readonly Sighting[]): Sighting {
  const found = sightings.flatMap((one) => one.found);
  if (found.length > 0) return { found: found.length === 1 ? found : [{ whole: found }], isOpen: false };
  return sightings.every(({ isOpen }) => isOpen) ? OPEN : NONE;
}

function anyOf(sightings: readonly Sighting[]): Sighting {
  return { found: sightings.flatMap((one) => one.found), isOpen: sightings.some(({ isOpen }) => isOpen) };
}

function decoded(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    return text;
  }
}
