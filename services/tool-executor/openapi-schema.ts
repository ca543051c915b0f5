/** The schemas of an OpenAPI document as JSON Schemas that stand alone: what they refer to comes along, and 3.0's own words are translated. */
import type { Json, JsonSchema } from '@reel/contracts/envelope.ts';
import { isDigits } from '@reel/contracts/exact-json.ts';

/** The document is not what it should be; the message names the place, what is expected there, and what is found. */
export class DocumentError extends Error {}

/** Which way a value goes: what is `readOnly` is not sent, and what is `writeOnly` does not come back. */
export type Direction = 'request' | 'response';

type Fields = { readonly [name: string]: unknown };

const ONE = ['items', 'additionalProperties', 'not', 'if', 'then', 'else', 'contains', 'propertyNames'];
const ALSO_ONE = ['unevaluatedItems', 'unevaluatedProperties', 'contentSchema'];
const LIST = ['allOf', 'anyOf', 'oneOf', 'prefixItems'];
const NAMED = ['properties', 'patternProperties', 'dependentSchemas', '$defs'];
/** Says nothing about a value, or nothing that JSON Schema can say. */
const LEFT_OUT = /^(example|examples|xml|externalDocs|discriminator|nullable|\$schema|\$id|\$comment|x-.*)$/;

export const isFields = (value: unknown): value is Fields => typeof value === 'object' && value !== null && !Array.isArray(value);

/** What stands at `pointer` (`#/components/…`) in `document`. @throws DocumentError when nothing does, or it points elsewhere. */
export function at(document: unknown, pointer: string): unknown {
  const found = pointer.startsWith('#/')
    ? pointer.slice(2).split('/').map(unescaped).reduce<unknown>(step, document)
    : pointer === '#'
      ? document
      : undefined;
  if (found === undefined) throw new DocumentError(`$ref ${JSON.stringify(pointer)}: there is nothing there`);
  return found;
}

const step = (within: unknown, key: string): unknown =>
  typeof within === 'object' && within !== null && Object.hasOwn(within, key) ? (within as Fields)[key] : undefined;

function unescaped(part: string): string {
  try {
    return decodeURIComponent(part).replaceAll('~1', '/').replaceAll('~0', '~');
  } catch {
    return part;
  }
}

/** Follows a reference to what it refers to, and that one's. @throws DocumentError when it leads nowhere, or in a circle. */
export function followed(document: unknown, value: unknown): unknown {
  let now = value;
  for (let hops = 0; isFields(now) && typeof now['$ref'] === 'string'; hops += 1) {
    if (hops > 32) throw new DocumentError(`$ref ${JSON.stringify(now['$ref'])}: it leads in a circle`);
    now = at(document, now['$ref']);
  }
  return now;
}

/** A schema put together by `build`, with all that it refers to under `$defs`. `old`: the document is of version 3.0. */
export function standalone(
  document: unknown,
  { direction, old }: { direction: Direction; old: boolean },
  build: (convert: (schema: unknown) => Json) => JsonSchema,
): JsonSchema {
  const names = new Map<string, string>();
  const defs: Record<string, Json> = {};

  function refer(pointer: string): string {
    const known = names.get(pointer);
    if (known !== undefined) return known;
    const last = unescaped(pointer.split('/').at(-1) ?? '').replaceAll(/[^A-Za-z0-9_.-]/g, '_') || 'schema';
    let name = last;
    for (let n = 2; Object.hasOwn(defs, name); n += 1) name = `${last}_${n}`;
    names.set(pointer, name);
    // Named before it is looked into: it may refer to itself.
    defs[name] = true;
    defs[name] = convert(at(document, pointer));
    return name;
  }

  function convert(schema: unknown): Json {
    if (typeof schema === 'boolean') return schema;
    if (!isFields(schema)) throw new DocumentError(`expected a schema, is ${JSON.stringify(schema)}`);
    const { $ref } = schema;
    if (typeof $ref !== 'string') return fields(schema);
    const reference = { $ref: `#/$defs/${refer($ref)}` };
    // Beside a reference 3.0 knows nothing.
    return old ? reference : { ...(fields({ ...schema, $ref: undefined }) as JsonSchema), ...reference };
  }

  function fields(schema: Fields): Json {
    const out: Record<string, Json> = {};
    for (const [key, value] of Object.entries(schema)) {
      if (value === undefined || LEFT_OUT.test(key)) continue;
      if (ONE.includes(key) || ALSO_ONE.includes(key)) out[key] = Array.isArray(value) ? value.map(convert) : convert(value);
      else if (LIST.includes(key) && Array.isArray(value)) out[key] = value.map(convert);
      else if (NAMED.includes(key) && isFields(value)) out[key] = named(key === 'properties' ? travelling(value) : value);
      else out[key] = value as Json;
    }
    if (isFields(schema['properties']) && Array.isArray(schema['required'])) {
      const stays = travelling(schema['properties']);
      const gone = Object.keys(schema['properties']).filter((name) => !Object.hasOwn(stays, name));
      out['required'] = (schema['required'] as string[]).filter((name) => !gone.includes(name));
    }
    return old ? modern(out, schema['nullable'] === true) : out;
  }

  const named = (schemas: Fields): JsonSchema => Object.fromEntries(Object.entries(schemas).map(([name, one]) => [name, convert(one)]));
  const stays = direction === 'request' ? 'readOnly' : 'writeOnly';
  const travelling = (properties: Fields): Fields =>
    Object.fromEntries(
      Object.entries(properties).filter(([, one]) => {
        const said = followed(document, one);
        return !(isFields(said) && said[stays] === true);
      }),
    );

  const schema = build(convert);
  return Object.keys(defs).length === 0 ? schema : { ...schema, $defs: defs };
}

/** What 3.0 says in words of its own. */
function modern(schema: Record<string, Json>, nullable: boolean): JsonSchema {
  const { exclusiveMinimum, exclusiveMaximum, ...rest } = schema;
  const out: Record<string, Json> = rest;
  if (isLimit(exclusiveMinimum)) out['exclusiveMinimum'] = exclusiveMinimum;
  if (isLimit(exclusiveMaximum)) out['exclusiveMaximum'] = exclusiveMaximum;
  if (exclusiveMinimum === true) rename(out, 'minimum', 'exclusiveMinimum');
  if (exclusiveMaximum === true) rename(out, 'maximum', 'exclusiveMaximum');
  if (!nullable) return out;
  if (typeof out['type'] !== 'string') return { anyOf: [out, { type: 'null' }] };
  const { enum: values } = out;
  const withNull = Array.isArray(values) && !values.includes(null) ? { enum: [...values, null] } : {};
  return { ...out, ...withNull, type: [out['type'], 'null'] };
}

const isLimit = (value: Json | undefined): value is number | string => typeof value === 'number' || isDigits(value);

function rename(schema: Record<string, Json>, from: string, to: string): void {
  const value = schema[from];
  delete schema[from];
  if (value !== undefined) schema[to] = value;
}
