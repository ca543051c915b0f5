/**
 * What checking a value by a schema costs, counted. Schemas come from requests, tools and models, and a few lines of one can make Ajv work
 * for hours: references that double, comparisons of everything with everything, patterns. Here each of these is counted or made linear.
 */
import type { Ajv, CodeOptions, FormatDefinition, FuncKeywordDefinition } from 'ajv';
import addFormats from 'ajv-formats';
import { patternOf } from './pattern.ts';

/** A check that would take too long; the message says what to do. */
export class TooMuchWork extends Error {}

/** A step is about a quarter of a microsecond. Steps are counted, not timed, so that every machine gives up at the same place. */
const MOST = 400_000;
/** What things count for, in steps. */
const COST = {
  call: 2,
  iteration: 0.2,
  code: 1 / 4_096,
  error: 8,
  joined: 1 / 32,
  character: 1 / 4,
  compared: 8,
  member: 1,
  pattern: 1 / 8,
};
/** Characters of a property's name that a place shows. */
const NAME = 100;

let left = 0;

/** Everything in `check` together may cost so much. @throws TooMuchWork */
export function bounded<T>(check: () => T): T {
  left = MOST;
  counts = new WeakMap();
  try {
    return check();
  } catch (error) {
    // Whoever recurses without end is stopped by the stack before the count is reached.
    if (error instanceof RangeError) throw new TooMuchWork('it leads back to itself without end: let its references end somewhere');
    throw error;
  }
}

function spend(units: number): void {
  left -= units;
  if (left < 0) {
    throw new TooMuchWork(`checking it takes more than ${MOST} steps: ask for less at once, with fewer alternatives and references`);
  }
}

/** What generated code calls; Ajv hands itself to it as `self`. */
const meter = {
  spend,
  /** Lists of errors are put together again and again. */
  joined: <T>(some: readonly T[], more: readonly T[]): T[] => {
    spend(1 + (some.length + more.length) * COST.joined);
    return some.concat(more);
  },
  failed: <T>(some: T[], error: T): void => {
    spend(COST.error);
    some.push(error);
  },
};

const overText = (text: string): void => spend(1 + text.length * COST.character);

export const code: CodeOptions = {
  // What it saves at run time is less than it costs where a schema is compiled for a few values.
  optimize: false,
  regExp: Object.assign(
    (source: string) => {
      const pattern = patternOf(source);
      return {
        toString: () => source,
        test: (text: string) => {
          spend(1 + pattern.work(text.length) * COST.pattern);
          return pattern.test(text);
        },
      };
    },
    { code: 'patternOf' },
  ),
  process: counted,
};

/** A text, the beginning of a function, a loop, a brace, where errors are put together, and where a name is made part of a place. */
const PARTS = /"[^"\\]*(?:\\.[^"\\]*)*(?:"|$)|let vErrors = null;|for\([^{}"]*\)\{|[{}]|vErrors\.(?:concat|push)\(|\.replace\(\/~\/g/g;

const INSTEAD: { readonly [part: string]: string } = {
  'vErrors.concat(': 'self.meter.joined(vErrors,',
  'vErrors.push(': 'self.meter.failed(vErrors,',
  '.replace(/~/g': `.slice(0, ${NAME}).replace(/~/g`,
};

/** What a call to the meter stands for, and how many characters of code belong to it and not to one within. */
type Block = { readonly piece: number; readonly base: number; characters: number };

/** Generated code that says, whenever a function or a loop of it begins anew, how much there is to do in it. */
function counted(source: string): string {
  const pieces: string[] = [];
  const open: (Block | undefined)[] = [];
  let end = 0;
  const begin = (base: number): Block => ({ piece: pieces.push('') - 1, base, characters: 0 });
  const add = (text: string): void => {
    pieces.push(text);
    const block = open.findLast((one) => one !== undefined);
    if (block !== undefined) block.characters += text.length;
  };
  const close = (block: Block | undefined): void => {
    if (block !== undefined) pieces[block.piece] = `self.meter.spend(${(block.base + block.characters * COST.code).toFixed(3)});`;
  };
  for (const { 0: part, index } of source.matchAll(PARTS)) {
    add(source.slice(end, index));
    end = index + part.length;
    add(INSTEAD[part] ?? part);
    if (part === '}') close(open.pop());
    else if (part === '{') open.push(undefined);
    else if (part.startsWith('for(')) open.push(begin(COST.iteration));
    else if (part.startsWith('let')) open[open.length - 1] = begin(COST.call);
  }
  add(source.slice(end));
  for (const block of open) close(block);
  return pieces.join('');
}

/** The value as text, the same for equal values whatever the order of their members. */
function canonical(value: unknown): string {
  if (typeof value === 'string') overText(value);
  spend(typeof value === 'object' ? COST.compared : 1);
  if (typeof value !== 'object' || value === null) return JSON.stringify(value) ?? 'null';
  if (Array.isArray(value)) return `[${value.map(canonical).join(',')}]`;
  const members = Object.entries(value).sort(([a], [b]) => (a < b ? -1 : 1));
  return `{${members.map(([name, member]) => `${JSON.stringify(name)}:${canonical(member)}`).join(',')}}`;
}

/** Values as they are compared: what is plain as it is, and a list or an object as its text, which no plain text can be taken for. */
class Values {
  readonly #plain = new Set<unknown>();
  readonly #composed = new Set<unknown>();
  /** @returns false when it was there already. */
  add(value: unknown): boolean {
    spend(1);
    const [set, key] = this.#of(value);
    return set.size !== set.add(key).size;
  }
  has(value: unknown): boolean {
    spend(1);
    if (typeof value === 'object' && value !== null && this.#composed.size === 0) return false;
    const [set, key] = this.#of(value);
    return set.has(key);
  }
  #of(value: unknown): [Set<unknown>, unknown] {
    return typeof value === 'object' && value !== null ? [this.#composed, canonical(value)] : [this.#plain, value];
  }
}

const sets = new WeakMap<readonly unknown[], Values>();

function isAmong(values: readonly unknown[], value: unknown): boolean {
  let known = sets.get(values);
  if (known === undefined) {
    known = new Values();
    for (const one of values) known.add(one);
    sets.set(values, known);
  }
  return known.has(value);
}

function hasTwins(list: readonly unknown[]): boolean {
  const seen = new Values();
  return list.some((element) => !seen.add(element));
}

/** Counted only where the units that a text is stored in do not say enough: a character has one or two. */
function hasAtLeast(least: number, text: string): boolean {
  if (text.length < least || text.length >= 2 * least) return text.length >= least;
  overText(text);
  let pairs = 0;
  for (let place = 1; place < text.length; place += 1) {
    if ((text.charCodeAt(place) & 0xfc00) === 0xdc00 && (text.charCodeAt(place - 1) & 0xfc00) === 0xd800) pairs += 1;
  }
  return text.length - pairs >= least;
}

let counts = new WeakMap<object, number>();

/** Keys take longer to list than to look at, and several keywords may count the same ones. */
function members(object: object): number {
  spend(1);
  const known = counts.get(object);
  if (known !== undefined) return known;
  const count = Object.keys(object).length;
  spend(count * COST.member);
  counts.set(object, count);
  return count;
}

type Judge = Pick<FuncKeywordDefinition, 'type' | 'schemaType'> & {
  readonly holds: (schema: never, data: never) => boolean;
  /** As Ajv words it; `#` is what the schema says. */
  readonly message: string;
};

/** The keywords that look at a whole text, list or object at once, which Ajv's own do without being counted. */
const KEYWORDS: { readonly [keyword: string]: Judge } = {
  minLength: {
    type: 'string',
    schemaType: 'number',
    holds: (least: number, text: string) => hasAtLeast(least, text),
    message: 'must NOT have fewer than # characters',
  },
  maxLength: {
    type: 'string',
    schemaType: 'number',
    holds: (most: number, text: string) => !hasAtLeast(most + 1, text),
    message: 'must NOT have more than # characters',
  },
  minProperties: {
    type: 'object',
    schemaType: 'number',
    holds: (least: number, object: object) => members(object) >= least,
    message: 'must NOT have fewer than # properties',
  },
  maxProperties: {
    type: 'object',
    schemaType: 'number',
    holds: (most: number, object: object) => members(object) <= most,
    message: 'must NOT have more than # properties',
  },
  uniqueItems: {
    type: 'array',
    schemaType: 'boolean',
    holds: (wanted: boolean, list: readonly unknown[]) => !wanted || !hasTwins(list),
    message: 'must NOT have duplicate items',
  },
  enum: { schemaType: 'array', holds: isAmong, message: 'must be equal to one of the allowed values' },
  const: {
    holds: (wanted: unknown, value: unknown) => wanted === value || (typeof value === 'object' && canonical(wanted) === canonical(value)),
    message: 'must be equal to constant',
  },
};

type Format = {
  readonly validate: (value: never) => boolean;
  readonly compare?: (a: string, b: string) => number | undefined;
  readonly type?: 'string' | 'number';
};

/** Characters that a text may have for a format whose expression only `RegExp` can read: none of them is longer. */
const LONGEST_FORMAT = 256;

/** A format whose work is counted, and whose expression is matched in linear time. */
function measured({ validate, compare, type = 'string' }: Format): FormatDefinition<string> | FormatDefinition<number> {
  const over = (value: unknown): unknown => (typeof value === 'string' ? overText(value) : spend(1));
  return {
    type,
    validate: (value: never) => {
      over(value);
      return validate(value);
    },
    ...(compare === undefined
      ? {}
      : {
          compare: (a: string, b: string) => {
            over(a);
            return compare(a, b);
          },
        }),
  } as FormatDefinition<string>;
}

function testing(expression: RegExp): Format['validate'] {
  try {
    const { test, work } = patternOf(expression.source, expression.flags);
    return (text: string) => {
      spend(1 + work(text.length) * COST.pattern);
      return test(text);
    };
  } catch {
    return (text: string) => text.length <= LONGEST_FORMAT && expression.test(text);
  }
}

/** Has a compiler count all that its checks do. */
export function metered<Compiler extends Ajv>(ajv: Compiler): Compiler {
  Object.assign(ajv, { meter });
  for (const [keyword, { holds, message, ...applies }] of Object.entries(KEYWORDS)) {
    ajv.removeKeyword(keyword);
    const error = { message: ({ schema }: { schema: unknown }) => message.replace('#', String(schema)) };
    ajv.addKeyword({ ...applies, keyword, validate: holds as never, errors: false, error });
  }
  addFormats.default(ajv);
  for (const [name, format] of Object.entries(ajv.formats)) {
    if (format instanceof RegExp) ajv.addFormat(name, measured({ validate: testing(format) }));
    else if (typeof format === 'function') ajv.addFormat(name, measured({ validate: format }));
    else if (typeof format === 'object') {
      const { validate, ...rest } = format as { validate: RegExp | Format['validate'] };
      ajv.addFormat(name, measured({ ...rest, validate: validate instanceof RegExp ? testing(validate) : validate }));
    }
  }
  return ajv;
}
