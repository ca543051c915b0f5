/** JSONata's own functions, each paying for what it is about to do before it does it; two that take too long are done otherwise. */
import { isDigits, parseJson } from '../exact-json.ts';
import { isFunction } from './function.ts';
import type { Meter } from './meter.ts';

export type Native = { readonly implementation: (...args: unknown[]) => unknown; readonly signature?: unknown };

type Own = (this: { createSequence(): unknown[] }, meter: Meter, args: readonly unknown[], given: Native['implementation']) => unknown;

/** Characters of a picture, and of a text that is read by one: more are no date and no number. */
const PICTURE = 256;
const PICTURED = 128;

/** What a function of JSONata does, as the meter sees it. `name` is that by which the expression calls it. */
export function meteredFunction(name: string, native: Native, meter: Meter): Native {
  const { implementation } = native;
  function metered(this: never, ...args: unknown[]): unknown {
    meter.spend(1);
    charge(name, args, meter);
    const run = (): unknown => {
      const own = OWN[name];
      return own === undefined ? implementation.apply(this, args) : own.call(this, meter, args, implementation);
    };
    const pause = meter.pause();
    return pause === undefined ? run() : pause.then(run);
  }
  // JSONata reads off a function how many arguments it takes, and from its text what they are called.
  Object.defineProperty(metered, 'length', { value: implementation.length });
  Object.defineProperty(metered, 'toString', { value: () => implementation.toString() });
  return { ...native, implementation: metered };
}

/** Those that look no further than at the elements of a list; all others are taken to go through everything. */
const SHALLOW: ReadonlySet<string> = new Set(
  'count sum max min average append reverse zip map filter single reduce sift each sort exists type join'.split(' '),
);
/** Those that take a text apart into its characters. */
const SPLITTING: ReadonlySet<string> = new Set(['substring', 'length', 'pad', 'split', 'trim', 'encodeUrl', 'encodeUrlComponent']);
const PICTURES: ReadonlySet<string> = new Set(['formatNumber', 'formatInteger', 'parseInteger', 'fromMillis', 'toMillis']);
const READING: ReadonlySet<string> = new Set(['parseInteger', 'toMillis']);

function charge(name: string, args: readonly unknown[], meter: Meter): void {
  for (const value of args) {
    if (typeof value === 'string') meter.spend(value.length / (SPLITTING.has(name) ? 48 : 256));
    else if (typeof value !== 'object' || value === null || isFunction(value)) continue;
    else if (!SHALLOW.has(name) && !(name === 'lookup' && !Array.isArray(value))) meter.spend(meter.sizeOf(value) / 16);
    else if (Array.isArray(value)) meter.spend(value.length / 8);
  }
  if (PICTURES.has(name)) checkPicture(name, args, meter);
  BEFORE[name]?.(args, meter);
}

function checkPicture(name: string, args: readonly unknown[], meter: Meter): void {
  const [first, ...others] = args;
  const tooLong = others.find((value) => meter.sizeOf(value) > PICTURE);
  if (tooLong !== undefined) throw new Error(`$${name} takes a picture of at most ${PICTURE} characters: shorten it`);
  if (!READING.has(name) || typeof first !== 'string') return;
  if (first.length > PICTURED) throw new Error(`$${name} reads at most ${PICTURED} characters: cut the text first`);
  const [picture] = others;
  if (typeof picture === 'string' && ambiguities(picture) > 3) {
    throw new Error(`$${name} cannot tell where one part of this picture ends and the next begins: put separators between them`);
  }
}

/** Parts of a picture that may be matched in many ways: written in letters, or with digits between them. */
function ambiguities(picture: string): number {
  const parts = picture.match(/\[[^\]]{0,40}\]|[^[]/g) ?? [];
  const letters = parts.filter((part) => part.startsWith('[') && /^\[\s*[A-Za-z]\s*[A-Za-z]/.test(part));
  return letters.length + parts.filter((part) => /^\d/.test(part)).length;
}

const lengthOf = (value: unknown): number => (typeof value === 'string' || Array.isArray(value) ? value.length : 1);

/** What is not told by the size of the arguments. @throws when the result would be larger than a value may be. */
const BEFORE: { readonly [name: string]: (args: readonly unknown[], meter: Meter) => void } = {
  pad: ([text, width], meter) => {
    meter.fits(Math.max(lengthOf(text), Math.abs(Number(width))));
  },
  join: ([list, separator], meter) => {
    if (!Array.isArray(list)) return;
    meter.fits(list.reduce((sum: number, one) => sum + lengthOf(one), 0) + lengthOf(separator ?? '') * list.length);
  },
  replace: ([text, pattern, replacement, limit], meter) => {
    if (typeof text !== 'string' || typeof replacement !== 'string') return;
    const most = typeof limit === 'number' ? Math.min(limit, text.length + 1) : text.length + 1;
    if (typeof pattern === 'string') {
      const times = pattern === '' ? 0 : Math.min(most, text.split(pattern).length - 1);
      meter.fits(text.length + times * (replacement.length - pattern.length));
    } else meter.spend((replacement.length / (replacement.includes('$') ? 32 : 512)) * most);
  },
  spread: ([value], meter) => {
    if (Array.isArray(value)) meter.spend(value.length ** 2 / 1_024);
  },
  append: (args, meter) => meter.spend(args.reduce((sum: number, one) => sum + lengthOf(one), 0) / 64),
};

/** What JSONata's `&` makes of a value that is no text. No expression can name it. */
export const TEXT = ' text';

/**
 * A value as text. JSONata writes fifteen digits of a double, and so another number: here it is the shortest that reads back to the same.
 * What JSONata cannot write it says itself, by its codes.
 */
export function textOf(value: unknown, isPretty = false): string | undefined {
  if (value === undefined || typeof value === 'string') return value;
  if (isFunction(value)) return '';
  if (typeof value === 'number' && !Number.isFinite(value)) throw unwritable('D3001', value);
  const whole = Array.isArray(value) && (value as { outerWrapper?: boolean }).outerWrapper === true ? (value as unknown[])[0] : value;
  const plain = (_: string, one: unknown): unknown => {
    if (typeof one === 'number' && !Number.isFinite(one)) throw unwritable('D1001', one);
    return isFunction(one) ? '' : one;
  };
  return JSON.stringify(whole, plain, isPretty ? 2 : 0);
}

/** JSONata has the words for its codes. */
const unwritable = (code: string, value: number): Error => Object.assign(new Error(code), { code, value });

/** Without comparing everything with everything, or copying the rest of a list for each element. */
const OWN: { readonly [name: string]: Own } = {
  string: (_, [value, isPretty]) => textOf(value, isPretty === true),
  // What is transformed is copied before, by being written and read.
  clone: (_, [value]) => (value === undefined ? undefined : parseJson(textOf(value) as string)),
  number(_, [value], given) {
    const result = given.call(this as never, value);
    if (isDigits(value) || (/^0[xXoObB]/.test(String(value)) && !Number.isSafeInteger(result))) throw inexact('number', value);
    return result;
  },
  parseInteger(_, args, given) {
    const result = given.apply(this as never, [...args]);
    if (typeof result === 'number' && !Number.isSafeInteger(result)) throw inexact('parseInteger', args[0]);
    return result;
  },
  distinct(meter, [list], given) {
    if (!Array.isArray(list) || list.length <= 1) return given.call(this as never, list);
    const result = (list as unknown as { sequence?: boolean }).sequence === true ? this.createSequence() : [];
    const seen = new Set<unknown>();
    for (const value of list) {
      const key =
        typeof value === 'object' && value !== null ? `=${canonical(value, meter)}` : typeof value === 'string' ? ` ${value}` : value;
      if (seen.has(key)) continue;
      seen.add(key);
      result.push(value);
    }
    return result;
  },
  async sort(meter, [list, comparator], given) {
    if (!Array.isArray(list) || list.length <= 1) return list;
    if (typeof comparator !== 'function') {
      // It sorts two elements, and says what cannot be sorted.
      for (const type of ['number', 'string']) if (list.every((value) => typeof value === type)) return [...list].sort(ascending);
      return await given.call(this as never, list, comparator);
    }
    const after = comparator as (a: unknown, b: unknown) => Promise<unknown>;
    return await merged(list, after, meter);
  },
};

const inexact = (name: string, value: unknown): Error =>
  new Error(`$${name} would change "${String(value).slice(0, 80)}", which cannot be computed with exactly: keep it as a text`);

const ascending = (a: string | number, b: string | number): number => (a > b ? 1 : a < b ? -1 : 0);

/** Merge sort: the comparisons that JSONata makes, in its order. */
async function merged(list: readonly unknown[], after: (a: unknown, b: unknown) => Promise<unknown>, meter: Meter): Promise<unknown[]> {
  if (list.length <= 1) return [...list];
  const middle = Math.floor(list.length / 2);
  const left = await merged(list.slice(0, middle), after, meter);
  const right = await merged(list.slice(middle), after, meter);
  const result: unknown[] = [];
  let [l, r] = [0, 0];
  while (l < left.length && r < right.length) {
    meter.spend(1);
    await meter.pause();
    if (await after(left[l], right[r])) result.push(right[r++]);
    else result.push(left[l++]);
  }
  meter.spend(result.length / 16);
  return [...result, ...left.slice(l), ...right.slice(r)];
}

/** The value as text, the same for what JSONata calls equal. */
function canonical(value: unknown, meter: Meter): string {
  meter.spend(1);
  if (isFunction(value)) return identityOf(value as object);
  if (typeof value !== 'object' || value === null) return JSON.stringify(value) ?? 'undefined';
  if (Array.isArray(value)) return `[${value.map((element) => canonical(element, meter)).join(',')}]`;
  const members = Object.entries(value).sort(([a], [b]) => (a < b ? -1 : 1));
  return `{${members.map(([name, member]) => `${JSON.stringify(name)}:${canonical(member, meter)}`).join(',')}}`;
}

const identities = new WeakMap<object, string>();
let functions = 0;

/** Functions are equal to themselves only. */
function identityOf(func: object): string {
  const known = identities.get(func) ?? `function ${(functions += 1)}`;
  identities.set(func, known);
  return known;
}
