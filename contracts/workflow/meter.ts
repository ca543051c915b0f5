/**
 * What one evaluation may cost: steps, and how large values are when they are written out. Counted and not timed, so that a replay on a
 * slower machine gives up at the same place; and with a break now and then for whatever else there is.
 */
import { nextTurn } from '../event-loop.ts';
import { isFunction } from './function.ts';
import type { Node } from './references.ts';

/** A step is about a microsecond. */
export const STEPS = 200_000;
/** Steps between two breaks. */
const SLICE = 10_000;
/** Characters that a value may have when it is written out, unless it came from outside. */
export const LARGEST = 2_000_000;
/** Characters that a text may have. */
const TEXT = 1_000_000;
/** A value of fewer characters is measured again rather than remembered. */
export const SMALL = 256;
/** Elements that a list may have that is put together. */
export const LENGTH = 100_000;
/** Levels that a value may have. */
const DEEPEST = 500;

/** What things count for, in steps. */
export const COST = {
  element: 1 / 64,
  copied: 1 / 1_024,
  compared: 1 / 16,
  written: 1 / 64,
  passed: 1 / 1_024,
  row: 30,
  measured: 1 / 8,
  pattern: 1 / 12,
};

type Measure = { readonly size: number; readonly depth: number };
/** How large lists and objects are when they are written out. */
export type Sizes = WeakMap<object, Measure>;

export type Meter = {
  spend(steps: number): void;
  /** A break, when it is time for one. */
  pause(): Promise<void> | undefined;
  /** Characters that a value has when it is written out. @throws when they are too many. */
  sizeOf(value: unknown): number;
  /** Pays for a text before it is made. @throws when it would be longer than a value may be. */
  fits(characters: number): void;
  /** @throws when a text or a list is longer than it may be. */
  admit(value: unknown): void;
  /** A list that JSONata adds to. */
  sequence(...elements: unknown[]): unknown[];
  /** How often the same key was made in the same place. */
  again(node: Node, frame: object, key: unknown): number;
  changing(): void;
};

/** Of all evaluations together: many small ones, one after the other, must not keep others waiting either. */
let since = 0;

/** @param known sizes of what came from outside: it may be larger than what is made of it. */
export function openMeter(known: Sizes): Meter {
  let left = STEPS;
  let sizes: Sizes = new WeakMap();
  let isKept = true;
  const keys = new WeakMap<Node, WeakMap<object, Map<unknown, number>>>();

  function spend(steps: number): void {
    left -= steps;
    since += steps;
    if (left < 0) throw new Error(`it was given up after ${STEPS} steps: look at less at once, or leave it to a tool`);
  }

  function measure(value: unknown, above: number): Measure {
    if (typeof value === 'string') return { size: value.length + 2, depth: 0 };
    if (typeof value !== 'object' || value === null || isFunction(value)) return { size: 4, depth: 0 };
    const before = known.get(value) ?? sizes.get(value);
    if (before !== undefined) return before;
    if (above > DEEPEST) throw new Error(`it makes a value of more than ${DEEPEST} levels: flatten it`);
    let size = 2;
    let depth = 0;
    let members = 1;
    for (const key in value) {
      const inside = measure((value as { [key: string]: unknown })[key], above + 1);
      size += inside.size + (Array.isArray(value) ? 1 : key.length + 4);
      if (inside.depth > depth) depth = inside.depth;
      members += 1;
    }
    spend(members * COST.measured);
    const measured = { size, depth: depth + 1 };
    if (measured.depth > DEEPEST) throw new Error(`it makes a value of more than ${DEEPEST} levels: flatten it`);
    if (size > LARGEST) throw tooLong(`value of more than ${LARGEST} characters`);
    if (isKept && size >= SMALL) sizes.set(value, measured);
    return measured;
  }

  function fits(characters: number): void {
    if (characters > TEXT) throw tooLong(`text of more than ${TEXT} characters`);
    spend(characters * COST.written);
  }

  return {
    spend,
    pause: () => {
      if (since < SLICE) return undefined;
      since = 0;
      return nextTurn();
    },
    sizeOf: (value) => measure(value, 0).size,
    fits,
    admit: (value) => {
      if (typeof value === 'string') {
        if (value.length > TEXT) throw tooLong(`text of more than ${TEXT} characters`);
        spend(value.length * COST.passed);
      } else if (typeof value === 'object' && value !== null) {
        if (Array.isArray(value)) {
          spend(value.length * COST.element);
          if (value.length > LENGTH && !known.has(value)) throw tooLong(`list of more than ${LENGTH} elements`);
        }
        measure(value, 0);
      }
    },
    sequence(...elements) {
      const list = [] as unknown[] & { sequence?: boolean; tupleStream?: boolean };
      list.push = (...more) => {
        if (list.length + more.length > LENGTH) throw tooLong(`list of more than ${LENGTH} elements`);
        if (list.tupleStream === true) spend(COST.row * more.length);
        return Array.prototype.push.apply(list, more);
      };
      list.sequence = true;
      if (elements.length === 1) list.push(elements[0]);
      return list;
    },
    again: (node, frame, key) => {
      const frames = keys.get(node) ?? new WeakMap<object, Map<unknown, number>>();
      const counts = frames.get(frame) ?? new Map<unknown, number>();
      const count = (counts.get(key) ?? 0) + 1;
      keys.set(node, frames.set(frame, counts.set(key, count)));
      return count;
    },
    changing: () => {
      // A copy that is being changed has been measured already, and so has what it stands in.
      isKept = false;
      sizes = new WeakMap();
    },
  };
}

const tooLong = (what: string): Error => new Error(`it makes a ${what}: look at less at once`);

/** Sizes of everything that an evaluation is given. */
export const measuredOutside = (): Sizes => new WeakMap();
