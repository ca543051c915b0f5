/** Values against JSON Schemas, with errors that a person can read. Whoever checks a value checks it here, so that all agree. */
import { Ajv, type ErrorObject, type ValidateFunction } from 'ajv';
import { Ajv2019 } from 'ajv/dist/2019.js';
import { Ajv2020 } from 'ajv/dist/2020.js';
import addFormats from 'ajv-formats';
import type { Json, JsonSchema } from './envelope.ts';

/** The schema itself is wrong: not its value. */
export class SchemaError extends Error {}

/** @returns what is wrong with a value, or undefined when nothing is. */
export type Check = (value: unknown) => string | undefined;

const KEPT = 1_000;
/** A longer schema, in characters, is kept for as long as its object is, and not by its text. */
const LONGEST = 32_768;
const SHOWN = 5;
// By identity first: a schema within a run is the same object many times. By its text next: every run brings its own copy.
const byIdentity = new WeakMap<JsonSchema, Check>();
const byText = new Map<string, Check>();

/**
 * What is wrong with `value` by `schema`, e.g. `/price: must be number, is "abc"`, or undefined when nothing is.
 * @throws SchemaError as `compileSchema` does.
 */
export const checkAgainst = (schema: JsonSchema, value: unknown): string | undefined => compileSchema(schema)(value);

/**
 * The check that a schema makes; compiled once, whichever copy of the schema is given. Without `$schema` it is read as
 * draft 2020-12; drafts 2019-09, 7 and 6 are read when `$schema` says so. References reach within the schema only.
 * @throws SchemaError when it is no schema, or of another draft.
 */
export function compileSchema(schema: JsonSchema): Check {
  const known = byIdentity.get(schema);
  if (known !== undefined) return known;
  const text = JSON.stringify(schema);
  const check = byText.get(text) ?? checkOf(schema);
  byIdentity.set(schema, check);
  if (text.length > LONGEST) return check;
  // The least recently used one goes: a Map remembers the order in which its keys were set.
  byText.delete(text);
  byText.set(text, check);
  if (byText.size > KEPT) byText.delete(byText.keys().next().value as string);
  return check;
}

function checkOf(schema: JsonSchema): Check {
  // `$async` is Ajv's own; a schema that bore it would be true of everything.
  const { $schema, $async: _, ...rest } = schema;
  const compiler = compilerFor($schema, rest);
  let validate: ValidateFunction;
  try {
    validate = compiler.compile(rest);
  } catch (error) {
    throw new SchemaError(`not a usable JSON Schema: ${(error as Error).message}`);
  } finally {
    compiler.removeSchema(rest);
  }
  return (value) => (validate(value) ? undefined : describe(validate.errors ?? []));
}

const options = { strict: false, allErrors: true, verbose: true, logger: false } as const;
const drafts: readonly { pattern: RegExp; make: () => Ajv }[] = [
  { pattern: /\/draft\/2020-12\/schema/, make: () => new Ajv2020(options) },
  { pattern: /\/draft\/2019-09\/schema/, make: () => new Ajv2019(options) },
  { pattern: /\/draft-0[67]\/schema/, make: () => new Ajv(options) },
];
const compilers = new Map<RegExp, { ajv: Ajv; left: number }>();

function compilerFor(declared: Json | undefined, schema: JsonSchema): Ajv {
  const draft = declared === undefined ? drafts[0] : drafts.find(({ pattern }) => typeof declared === 'string' && pattern.test(declared));
  if (draft === undefined) {
    throw new SchemaError(`$schema: ${JSON.stringify(declared)} is not a draft that is understood: write it for 2020-12, 2019-09, 7 or 6`);
  }
  // A shared compiler would take two schemas of the same `$id` for a contradiction.
  if (JSON.stringify(schema).includes('"$id"')) return addFormats.default(draft.make());
  // A compiler is slow to make (20 ms) and remembers something of every schema: so it is shared, and replaced now and then.
  const shared = compilers.get(draft.pattern);
  if (shared !== undefined && shared.left-- > 0) return shared.ajv;
  const ajv = addFormats.default(draft.make());
  compilers.set(draft.pattern, { ajv, left: KEPT });
  return ajv;
}

function describe(errors: readonly ErrorObject[]): string {
  const lines = [...new Set(errors.map(line))];
  const shown = lines.slice(0, SHOWN).join('; ');
  return lines.length > SHOWN ? `${shown}; and ${lines.length - SHOWN} more` : shown;
}

function line({ instancePath, keyword, message, params, data }: ErrorObject): string {
  const where = instancePath === '' ? '/' : instancePath;
  if (keyword === 'additionalProperties') return `${where}: must not have the property ${quote(params['additionalProperty'])}`;
  if (keyword === 'unevaluatedProperties') return `${where}: must not have the property ${quote(params['unevaluatedProperty'])}`;
  if (keyword === 'required') return `${where}: must have the property ${quote(params['missingProperty'])}`;
  if (keyword === 'enum')
    return `${where}: must be one of ${(params['allowedValues'] as unknown[]).map(quote).join(', ')}, is ${quote(data)}`;
  if (keyword === 'const') return `${where}: must be ${quote(params['allowedValue'])}, is ${quote(data)}`;
  return `${where}: ${message ?? `must satisfy "${keyword}"`}, is ${quote(data)}`;
}

function quote(value: unknown): string {
  const text = JSON.stringify(value) ?? 'nothing';
  return text.length > 80 ? `${text.slice(0, 77)}...` : text;
}
