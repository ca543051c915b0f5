/** Where JSONata is counted: before and after each part of an expression, and wherever a part calls a function or matches a pattern. */
import { type Pattern, patternOf } from '../pattern.ts';
import { COST, LENGTH, type Meter, openMeter, type Sizes } from './meter.ts';
import { meteredFunction, type Native } from './natives.ts';
import type { Node } from './references.ts';
import type { Roles } from './roles.ts';

type Needed = ReadonlySet<Node> | undefined;

/** JSONata's frames: `base` is that of one evaluation. */
type Frame = {
  base: Frame & {
    timestamp: Date;
    lookup: (name: unknown) => unknown;
    RegexEngine: unknown;
    createSequence: unknown;
    meter?: Meter;
    needed?: Needed;
  };
};

/**
 * What JSONata calls before and after it evaluates a part of an expression.
 * @param begun what the evaluation that begins was given: sizes of what it looks at, and the names that have to be there.
 */
export function hooks(roles: Roles, begun: () => { readonly sizes: Sizes; readonly needed: Needed }) {
  function meterIn({ base }: Frame): Meter {
    if (base.meter !== undefined) return base.meter;
    const { sizes, needed } = begun();
    const meter = openMeter(sizes);
    base.meter = meter;
    base.needed = needed;
    // What a date leaves out is taken from here, and would be today's otherwise.
    base.timestamp = new Date(0);
    base.RegexEngine = engineFor(meter);
    base.createSequence = meter.sequence;
    const { lookup } = base;
    const natives = new Map<unknown, unknown>();
    base.lookup = (name) => {
      const found = natives.get(name) ?? lookup(name);
      if (natives.has(name) || typeof name !== 'string' || !isNative(found)) return found;
      const metered = meteredFunction(name, found, meter);
      natives.set(name, metered);
      return metered;
    };
    return meter;
  }

  function enter(node: Node, context: unknown, frame: Frame): Promise<void> | undefined {
    const meter = meterIn(frame);
    meter.spend(1);
    if (typeof context === 'object' && context !== null) {
      if (node.type === 'wildcard') meter.spend(copiesOf(context, meter) * COST.copied);
      else if (node.type === 'descendant' || (node.type === 'name' && Array.isArray(context))) {
        meter.spend(meter.sizeOf(context) * COST.compared);
      } else if (node.type === 'unary' && node.value === '{' && Array.isArray(context)) meter.spend(context.length ** 2 * COST.copied);
    }
    return meter.pause();
  }

  function leave(node: Node, context: unknown, frame: Frame, result: unknown): void {
    if (result === undefined && node.type === 'name' && frame.base.needed?.has(node)) missing(node, context);
    if (typeof result !== 'string' && (typeof result !== 'object' || result === null)) return;
    const meter = meterIn(frame);
    meter.admit(result);
    const role = roles.get(node);
    if (role === undefined) return;
    if (role.compared) meter.spend(meter.sizeOf(result) * COST.compared);
    if (role.copies !== undefined) meter.spend((Array.isArray(result) ? result.length : 1) * role.copies * COST.copied);
    if (role.key) meter.spend(meter.again(node, frame, result) * COST.copied);
    if (role.changes) meter.changing();
  }
  return { enter, leave };
}

const isNative = (value: unknown): value is Native =>
  typeof value === 'object' && value !== null && typeof (value as Native).implementation === 'function';

/** @throws unless there is nothing that it could be read of. */
function missing({ value }: Node, context: unknown): void {
  if (context === undefined || (Array.isArray(context) && context.length === 0)) return;
  throw new Error(`it reads "${String(value)}" of what has no such field: ask with $exists first whether it is there`);
}

/** `*` puts the lists in an object together one after the other, and copies what it has each time. */
function copiesOf(context: object, meter: Meter): number {
  if (Array.isArray(context)) return context.length;
  const values = Object.values(context);
  const lists = values.filter((value) => Array.isArray(value));
  return values.length + lists.length * lists.reduce((sum, list) => sum + Math.min(meter.sizeOf(list), LENGTH), values.length);
}

/** The engine that JSONata makes of each regular expression it comes by. */
function engineFor(meter: Meter) {
  return class {
    lastIndex = 0;
    readonly #pattern: Pattern;
    constructor({ source, flags }: RegExp) {
      this.#pattern = patternOf(source, flags.replace('g', ''));
    }
    exec(value: unknown): unknown {
      // As any function of JSONata's it may be given anything.
      const text = String(value);
      const from = Number(this.lastIndex) || 0;
      meter.spend(1 + this.#pattern.work(Math.max(0, text.length - from)) * COST.pattern);
      const found = this.#pattern.exec(text, from);
      this.lastIndex = found?.end ?? 0;
      return found === undefined ? null : Object.assign([found.text, ...found.groups], { index: found.index });
    }
  };
}
