/** Values against JSON Schemas, with errors that a person can read. Whoever checks a value checks it here, so that all agree. */
import { Ajv, type ErrorObject, type ValidateFunction } from 'ajv';
import { Ajv2019 } from 'ajv/dist/2019.js';
import { Ajv2020 } from 'ajv/dist/2020.js';
import { brief } from './brief.ts';
import type { Json, JsonSchema } from './envelope.ts';
import { isDigits, rawNumber } from './exact-json.ts';
import { bounded, code, metered, TooMuchWork } from './schema-work.ts';

/** The schema itself is wrong: not its value. */
export class SchemaError extends Error {}

/** @returns what is wrong with a value, or undefined when nothing is. */
export type Check = ((value: unknown) => string | undefined) & {
  /** Where digits stand that have to be numbers, as JSON pointers. */
  readonly numbers: (value: unknown) => readonly string[];
};

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
  checkSize(schema);
  const text = JSON.stringify(schema);
  if (text.length > MOST.characters) {
    throw new SchemaError(`it has ${text.length} characters, and may have ${MOST.characters}: describe less of the value`);
  }
  const check = byText.get(text) ?? checkOf(schema);
  byIdentity.set(schema, check);
  if (text.length > LONGEST) return check;
  // The least recently used one goes: a Map remembers the order in which its keys were set.
  byText.delete(text);
  byText.set(text, check);
  if (byText.size > KEPT) byText.delete(byText.keys().next().value as string);
  return check;
}

/** What a schema may have: parts (lists, objects, and what else makes code), levels, and characters. */
const MOST = { parts: 1_000, levels: 64, characters: 262_144 };

/** What a name stands for beyond what it holds: patterns have to be compiled too, and lists of values are only looked at. */
const WEIGHT: { readonly [name: string]: number } = { pattern: 3, patternProperties: 3, enum: 1 / 64, required: 1 / 64, examples: 1 / 64 };

/** @throws SchemaError for a schema that would take too long to compile. */
function checkSize(schema: JsonSchema): void {
  let parts = 0;
  const waiting: { value: unknown; name: string; level: number }[] = [{ value: schema, name: '', level: 1 }];
  for (let next = waiting.pop(); next !== undefined; next = waiting.pop()) {
    const { value, name, level } = next;
    if (name === 'pattern') parts += WEIGHT[name] as number;
    if (typeof value !== 'object' || value === null) continue;
    if (level > MOST.levels) throw new SchemaError(`it is nested deeper than ${MOST.levels} levels: name parts of it in $defs`);
    const members = Object.entries(value);
    const weight = WEIGHT[name];
    parts += 1 + members.length * (Array.isArray(value) || name === 'patternProperties' ? (weight ?? 1) : 1 / 4);
    if (parts > MOST.parts) {
      throw new SchemaError(`it has more than ${MOST.parts} parts: describe less of the value, and check the rest in assertions`);
    }
    for (const [key, inside] of members) {
      if (typeof inside === 'object' || key === 'pattern') waiting.push({ value: inside, name: key, level: level + 1 });
    }
  }
}

function checkOf(schema: JsonSchema): Check {
  // `$async` is Ajv's own; a schema that bore it would be true of everything.
  const { $schema, $async: _, ...rest } = withLimits(schema, nearest);
  const compiler = compilerFor($schema, rest);
  let validate: ValidateFunction;
  try {
    validate = bounded(() => compiler.compile(rest));
  } catch (error) {
    throw new SchemaError(`not a usable JSON Schema: ${(error as Error).message}`);
  } finally {
    compiler.removeSchema(rest);
  }
  const fit = (value: unknown): Fit => {
    try {
      return bounded(() => fitting(validate, value));
    } catch (error) {
      throw error instanceof TooMuchWork ? new SchemaError(error.message) : error;
    }
  };
  return Object.assign((value: unknown) => fit(value).wrong, { numbers: (value: unknown) => fit(value).numbers });
}

type Fit = { readonly wrong: string | undefined; readonly numbers: readonly string[] };

/** Places at which digits are taken for a number show one after the other, where schemas are alternatives. */
const ROUNDS = 4;

/** Digits that no double carries are numbers too. `numbers`: the places at which they have to be, as JSON pointers. */
function fitting(validate: ValidateFunction, value: unknown): Fit {
  let looked = value;
  let numbers: string[] = [];
  let wrong: string | undefined;
  for (let round = 0; round < ROUNDS; round += 1) {
    if (validate(looked)) return { wrong: undefined, numbers };
    const errors = validate.errors ?? [];
    wrong = describe(errors);
    const more = errors.filter(isNumberMissed).map(({ instancePath }) => instancePath);
    if (more.length === 0) break;
    numbers = [...new Set([...numbers, ...more])];
    looked = replaced(value, numbers, (digits) => nearest(digits));
  }
  return { wrong, numbers: [] };
}

const isNumberMissed = ({ keyword, params, data }: ErrorObject): boolean =>
  keyword === 'type' && isDigits(data) && [params['type']].flat().some((type) => type === 'number' || type === 'integer');

/** A double that stands for the digits: as large, and whole where they are. */
function nearest(digits: string): number {
  const double = Number(digits);
  if (!Number.isFinite(double)) return Math.sign(double) * Number.MAX_VALUE;
  return Number.isInteger(double) && /\./.test(digits) && !/\.0*$/.test(digits) ? double + 0.5 : double;
}

const LIMITS = new Set(['maximum', 'minimum', 'exclusiveMaximum', 'exclusiveMinimum', 'multipleOf']);
const NAMED = new Set(['properties', 'patternProperties', 'dependentSchemas', '$defs', 'definitions']);
const VALUES = new Set(['const', 'default', 'examples', 'example']);

/** A schema whose limits are numbers again: those of 64 bits are not carried by a double. What it names by value may be either. */
function withLimits<T>(schema: T, by: (digits: string) => unknown): T {
  if (typeof schema !== 'object' || schema === null) return schema;
  if (Array.isArray(schema)) return schema.map((one) => withLimits(one, by)) as T;
  const members = Object.entries(schema).map(([key, value]): [string, unknown] => {
    if (LIMITS.has(key) && isDigits(value)) return [key, by(value)];
    // Under these a name is a property's, or a definition's, whatever it is.
    if (NAMED.has(key) && typeof value === 'object' && value !== null && !Array.isArray(value))
      return [key, Object.fromEntries(Object.entries(value).map(([name, one]) => [name, withLimits(one, by)]))];
    if (key === 'enum' && Array.isArray(value)) return [key, value.flatMap((one) => (isDigits(one) ? [one, by(one)] : [one]))];
    if (key === 'const' && isDigits(value)) return ['enum', [value, by(value)]];
    if (VALUES.has(key)) return [key, isOfNumbers(schema) ? numbersIn(value, by) : value];
    return [key, withLimits(value, by)];
  });
  return Object.fromEntries(members) as T;
}

const isOfNumbers = (schema: object): boolean =>
  [(schema as JsonSchema)['type']].flat().some((type) => type === 'number' || type === 'integer');

/** A value that stands for a number, or a list of such. */
const numbersIn = (value: unknown, by: (digits: string) => unknown): unknown =>
  Array.isArray(value) ? value.map((one) => numbersIn(one, by)) : isDigits(value) ? by(value) : value;

/** The schema for those who are sent it, through `JSON.stringify`: its limits are numbers. */
export const limitsAgain = (schema: JsonSchema): JsonSchema => withLimits(schema, rawNumber);

/** The value, written with numbers where `schema` wants them and it has their digits: for whoever is sent it, through `JSON.stringify`. */
export function numbersAgain<T>(schema: JsonSchema, value: T): T {
  const numbers = compileSchema(schema).numbers(value);
  return numbers.length === 0 ? value : (replaced(value, numbers, rawNumber) as T);
}

/** A copy in which what stands at these places is replaced. */
function replaced(value: unknown, places: readonly string[], by: (digits: string) => unknown): unknown {
  const at = new Set(places);
  const copy = (one: unknown, path: string): unknown => {
    if (typeof one === 'string') return at.has(path) ? by(one) : one;
    if (typeof one !== 'object' || one === null) return one;
    if (Array.isArray(one)) return one.map((inside, index) => copy(inside, `${path}/${index}`));
    return Object.fromEntries(Object.entries(one).map(([key, inside]) => [key, copy(inside, `${path}/${pointed(key)}`)]));
  };
  return copy(value, '');
}

const pointed = (key: string): string => key.replaceAll('~', '~0').replaceAll('/', '~1');

// References are called, not copied: what is referred to twice would be compiled twice, and what does so in turn four times.
const options = { strict: false, allErrors: true, verbose: true, logger: false, inlineRefs: false, code } as const;
const drafts: readonly { pattern: RegExp; make: () => Ajv }[] = [
  { pattern: /\/draft\/2020-12\/schema/, make: () => new Ajv2020(options) },
  { pattern: /\/draft\/2019-09\/schema/, make: () => new Ajv2019(options) },
  { pattern: /\/draft-0[67]\/schema/, make: () => new Ajv(options) },
];
const compilers = new Map<RegExp, { ajv: Ajv; left: number }>();

function compilerFor(declared: Json | undefined, schema: JsonSchema): Ajv {
  const draft = declared === undefined ? drafts[0] : drafts.find(({ pattern }) => typeof declared === 'string' && pattern.test(declared));
  if (draft === undefined) {
    throw new SchemaError(`$schema: ${quote(declared)} is not a draft that is understood: write it for 2020-12, 2019-09, 7 or 6`);
  }
  // A shared compiler would take two schemas of the same `$id` for a contradiction.
  if (JSON.stringify(schema).includes('"$id"')) return metered(draft.make());
  // A compiler is slow to make (20 ms) and remembers something of every schema: so it is shared, and replaced now and then.
  const shared = compilers.get(draft.pattern);
  if (shared !== undefined && shared.left-- > 0) return shared.ajv;
  const ajv = metered(draft.make());
  compilers.set(draft.pattern, { ajv, left: KEPT });
  return ajv;
}

/** Of more errors than this only their number is told. */
const LOOKED_AT = 200;

function describe(errors: readonly ErrorObject[]): string {
  const lines = new Set<string>();
  for (const error of errors.slice(0, LOOKED_AT)) if (lines.size < SHOWN || errors.length <= LOOKED_AT) lines.add(line(error));
  const all = errors.length > LOOKED_AT ? errors.length : lines.size;
  const shown = [...lines].slice(0, SHOWN).join('; ');
  return all > SHOWN ? `${shown}; and ${all - SHOWN} more` : shown;
}

function line({ instancePath, keyword, message, params, schema, data }: ErrorObject): string {
  const place = instancePath === '' ? '/' : instancePath;
  const where = place.length > 200 ? `${place.slice(0, 199)}…` : place;
  if (keyword === 'additionalProperties') return `${where}: must not have the property ${quote(params['additionalProperty'])}`;
  if (keyword === 'unevaluatedProperties') return `${where}: must not have the property ${quote(params['unevaluatedProperty'])}`;
  if (keyword === 'required') return `${where}: must have the property ${quote(params['missingProperty'])}`;
  if (keyword === 'enum') return `${where}: must be one of ${oneOf(schema as readonly unknown[])}, is ${quote(data)}`;
  if (keyword === 'const') return `${where}: must be ${quote(schema)}, is ${quote(data)}`;
  return `${where}: ${message ?? `must satisfy "${keyword}"`}, is ${quote(data)}`;
}

function oneOf(values: readonly unknown[]): string {
  const some = values.slice(0, 50).map(quote).join(', ');
  return values.length > 50 ? `${some} and ${values.length - 50} more` : some;
}

function quote(value: unknown): string {
  const text = brief(value, 81);
  return text.length > 80 ? `${text.slice(0, 77)}...` : text;
}
