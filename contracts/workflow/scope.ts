/** What goes into an evaluation and what comes out of it: copies, measured on the way. */
import type { Json } from '../envelope.ts';
import { nextTurn } from '../event-loop.ts';
import { isFunction } from './function.ts';
import { type Sizes, SMALL } from './meter.ts';
import type { Sight } from './references.ts';

/** What an expression may name: `input`, `steps`, and where it applies `arguments` and `result`. */
export type Scope = { readonly [name: string]: unknown };

/** Characters of everything that one expression can see. */
const SEEN = 8_000_000;
/** Characters of what it gives: a fact carries no more. */
const GIVEN = 1_000_000;
/** Characters that are copied between two breaks. */
const SLICE = 250_000;

/**
 * A copy of what the expression can see. JSONata leaves marks on arrays it is given, and even adds to empty ones: facts may not change.
 * @param sizes gets the size of everything that is copied.
 */
export async function visible(scope: Scope, { names, steps, all, whole }: Sight, sizes: Sizes): Promise<{ [name: string]: unknown }> {
  let seen = 0;
  let since = 0;
  // Of what was copied last.
  let size = 0;
  let depth = 0;

  function copy(value: unknown): unknown {
    if (typeof value !== 'object' || value === null) {
      size = typeof value === 'string' ? value.length + 2 : 4;
      depth = 0;
      return value;
    }
    let total = 2;
    let deepest = 0;
    let twin: unknown[] | { [key: string]: unknown };
    if (Array.isArray(value)) {
      const copies: unknown[] = [];
      for (const element of value) {
        copies.push(copy(element));
        total += size + 1;
        if (depth > deepest) deepest = depth;
      }
      twin = copies;
    } else {
      twin = {};
      for (const key of Object.keys(value)) {
        put(twin, key, copy((value as { [key: string]: unknown })[key]));
        total += size + key.length + 4;
        if (depth > deepest) deepest = depth;
      }
    }
    size = total;
    depth = deepest + 1;
    if (size >= SMALL) sizes.set(twin, { size, depth });
    return twin;
  }

  /** What a result is copied for may be a hundred of them: each has a turn of its own. */
  async function one(value: unknown): Promise<unknown> {
    const twin = copy(value);
    seen += size;
    since += size;
    if (seen > SEEN) throw new Error(`it looks at more than ${SEEN} characters: name only the steps that it needs`);
    if (since > SLICE) {
      since = 0;
      await nextTurn();
    }
    return twin;
  }

  async function each(object: { readonly [name: string]: unknown }, wanted: readonly string[]): Promise<{ [name: string]: unknown }> {
    const some: { [name: string]: unknown } = {};
    let total = 2;
    for (const name of wanted) {
      if (!Object.hasOwn(object, name)) continue;
      const value = object[name];
      const nested = name === 'steps' && object === scope && typeof value === 'object' && value !== null && !Array.isArray(value);
      const before = seen;
      const named = all ? Object.keys(value as object) : steps;
      put(some, name, nested ? await each(value as { [id: string]: unknown }, named) : await one(value));
      total += seen - before + name.length + 4;
    }
    sizes.set(some, { size: total, depth: 1 });
    return some;
  }

  return await each(scope, whole ? Object.keys(scope) : names);
}

/** Plain assignment would take a `__proto__` in the data for the object's prototype. */
export function put(object: { [key: string]: unknown }, key: string, value: unknown): void {
  if (key === '__proto__') Object.defineProperty(object, key, { value, enumerable: true, writable: true, configurable: true });
  else object[key] = value;
}

/**
 * JSONata's results may be functions, numbers that JSON has no way to write, or arrays with properties of their own, and they may share
 * what is written out once for each time it stands there: none of that may reach a fact.
 */
export function plain(value: unknown): Json | undefined {
  let left = GIVEN;
  const spend = (characters: number): void => {
    left -= characters;
    if (left < 0) throw new Error(`it gives more than ${GIVEN} characters: store them elsewhere, and pass on a reference`);
  };
  function written(one: unknown): Json | undefined {
    if (isFunction(one)) throw new Error('it gives a function, where a value is needed');
    if (typeof one === 'number' && !Number.isFinite(one)) throw new Error(`it gives ${one}, which is not a number that JSON can carry`);
    spend(typeof one === 'string' ? one.length + 2 : 2);
    if (typeof one !== 'object' || one === null) return one as Json | undefined;
    if (Array.isArray(one)) return Array.from(one, (element) => written(element) ?? null);
    const object: { [key: string]: Json } = {};
    for (const key of Object.keys(one)) {
      spend(key.length + 3);
      const member = written((one as { [key: string]: unknown })[key]);
      if (member !== undefined) put(object, key, member);
    }
    return object;
  }
  return written(value);
}
