/**
 * Numbers that compare as they look. Cedar has whole numbers (Long) and decimals, and neither compares with the other; JSON has just numbers.
 * So every number of a run, a tool or a model is given to Cedar in ten-thousandths, as a Long, and what policies compare it with is written
 * the same way: `context.arguments.total > 5000` holds of 5000.01 and not of 90.50. Policies are written, and told of, as they are.
 */
import type { PolicyJson } from '@cedar-policy/cedar-wasm/nodejs';
import { rawNumber } from '@reel/contracts/exact-json.ts';
import { withoutTrailing } from '@reel/contracts/trailing.ts';
import type { Known, Schema } from './schema.ts';
import { PolicyError } from './source.ts';

const PLACES = 4;
const UNIT = 10n ** BigInt(PLACES);
const LARGEST = 2n ** 63n - 1n;

/** The number in ten-thousandths; undefined when it has more places, or more digits than a Long. */
function scaled(digits: string): bigint | undefined {
  const [, sign, whole = '', fraction = ''] = /^(-?)(\d+)(?:\.(\d+))?$/.exec(digits) ?? [];
  if (sign === undefined || withoutTrailing(fraction, '0').length > PLACES) return undefined;
  const units = BigInt(whole + fraction.slice(0, PLACES).padEnd(PLACES, '0'));
  return units > LARGEST ? undefined : sign === '-' ? -units : units;
}

/** A number of a run as Cedar is given it: in ten-thousandths, or as a text where that cannot be. */
export function scaledValue(value: number): unknown {
  const units = scaled(String(value));
  return units === undefined ? String(value) : written(units);
}

const written = (units: bigint): unknown =>
  units >= Number.MIN_SAFE_INTEGER && units <= Number.MAX_SAFE_INTEGER ? Number(units) : rawNumber(String(units));

type Expression = { readonly [operator: string]: unknown };
type Sides = { readonly left: Expression; readonly right: Expression };

/**
 * An expression, written for scaled numbers, and what it is: a number by so many powers of the unit; a number as it stands in the policy; a
 * decimal that stands there; what comes from a run and may be anything; a set or a record, whose parts are rewritten when it is known what
 * they are compared with; or something else.
 */
type Part = { readonly of: Expression } & (
  | { readonly is: 'number'; readonly power: number }
  | { readonly is: 'literal'; readonly digits: string }
  | { readonly is: 'decimal'; readonly digits: string }
  | { readonly is: 'free' | 'other' }
  | { readonly is: 'several'; readonly parts: readonly Part[]; readonly build: (parts: readonly Expression[]) => Expression }
);

const COMPARED = new Set(['<', '<=', '>', '>=', '==', '!=']);
const METHODS: { readonly [method: string]: string } = { lessThan: '<', lessThanOrEqual: '<=', greaterThan: '>', greaterThanOrEqual: '>=' };
const SETS = new Set(['contains', 'containsAll', 'containsAny']);
/** What makes a Long of a time. */
const COUNTED = new Set(['toMilliseconds', 'toSeconds', 'toMinutes', 'toHours', 'toDays']);

/** The policy for scaled numbers. @throws PolicyError for a number that has more than four places or does not fit. */
export function scaledPolicy(json: PolicyJson, schema: Schema, at: string): PolicyJson {
  const rewriting = rewriterFor(schema, at);
  const conditions = json.conditions.map((one) => ({ ...one, body: rewriting(one.body as Expression) as never }));
  return { ...json, conditions };
}

function rewriterFor({ free, actions }: Schema, at: string): (expression: Expression) => Expression {
  const contexts = Object.values(actions).map(({ context }) => context);

  function rewrite(expression: Expression): Part {
    const [[operator, operands]] = Object.entries(expression) as [[string, unknown]];
    const two = operands as Sides;
    if (operator === 'Value') return valued(expression, operands);
    if (operator === '.') return access(expression);
    if (COMPARED.has(operator)) return { is: 'other', of: compared(operator, rewrite(two.left), rewrite(two.right)) };
    if (COUNTED.has(operator)) return { is: 'number', power: 0, of: { [operator]: inside(operands) } };
    if (Object.hasOwn(METHODS, operator)) return method(operator, operands as readonly Expression[]);
    if (operator === 'decimal') return decimal(expression, operands as readonly Expression[]);
    if (operator === '+' || operator === '-') return sum(operator, rewrite(two.left), rewrite(two.right));
    if (operator === '*') return product(rewrite(two.left), rewrite(two.right));
    if (operator === 'neg') return negated((operands as { arg: Expression }).arg);
    if (operator === 'Set') return several((operands as readonly Expression[]).map(rewrite), (parts) => ({ Set: parts }));
    if (operator === 'Record') {
      const members = Object.entries(operands as { [name: string]: Expression });
      return several(
        members.map(([, member]) => rewrite(member)),
        (parts) => ({ Record: Object.fromEntries(members.map(([name], n) => [name, parts[n]])) }),
      );
    }
    if (operator === 'if-then-else') return choice(operands as { if: Expression; then: Expression; else: Expression });
    if (SETS.has(operator)) {
      const sides = [rewrite(two.left), rewrite(two.right)] as const;
      const power = Math.max(...sides.map(powerOf));
      const [left, right] = power === 0 ? sides.map(asIs) : sides.map((side) => by(side, power));
      return { is: 'other', of: { [operator]: { left, right } } };
    }
    return { is: 'other', of: { [operator]: inside(operands) } };
  }

  const plain = (expression: Expression): Expression => asIs(rewrite(expression));

  /** The operands of an expression that does not compute with numbers. */
  function inside(operands: unknown): unknown {
    if (Array.isArray(operands)) return operands.map(inside);
    if (typeof operands !== 'object' || operands === null) return operands;
    const entries = Object.entries(operands);
    const [name = ''] = Object.keys(operands);
    if (entries.length === 1 && isOperator(name)) return plain(operands as Expression);
    return Object.fromEntries(entries.map(([key, value]) => [key, inside(value)]));
  }

  function access(expression: Expression): Part {
    const path = pathOf(expression);
    if (path === undefined) {
      const { left, attr } = expression['.'] as { left: Expression; attr: string };
      const member = (left['Record'] as { [name: string]: Expression } | undefined)?.[attr];
      if (member !== undefined) return { ...rewrite(member), of: { '.': { left: plain(left), attr } } };
      // The record is known only at evaluation, so a number in it is taken to be in the unit.
      const part = rewrite(left);
      return { is: part.is === 'other' ? 'other' : 'free', of: { '.': { left: by(part, 1), attr } } };
    }
    if (path[0] === 'context' && free.includes(path[1] as string)) return { is: 'free', of: expression };
    return isLong(path) ? { is: 'number', power: 0, of: expression } : { is: 'other', of: expression };
  }

  const isLong = ([variable, ...names]: readonly string[]): boolean =>
    variable === 'context' &&
    contexts.some((context) => names.reduce<Known | undefined>((one, name) => one?.members?.[name], context)?.isLong === true);

  function valued(expression: Expression, value: unknown): Part {
    return typeof value === 'number' ? { is: 'literal', digits: String(value), of: expression } : { is: 'other', of: expression };
  }

  function decimal(expression: Expression, [text]: readonly Expression[]): Part {
    const digits = text?.['Value'];
    return typeof digits === 'string'
      ? { is: 'decimal', digits, of: expression }
      : { is: 'other', of: { decimal: [plain(text as Expression)] } };
  }

  function method(name: string, [left, right]: readonly Expression[]): Part {
    const sides = [rewrite(left as Expression), rewrite(right as Expression)] as const;
    // Decimals made of texts stay decimals.
    if (sides.some(({ is }) => is === 'other') || !sides.some(({ is }) => is === 'free' || is === 'number'))
      return { is: 'other', of: { [name]: sides.map(asIs) } };
    return { is: 'other', of: compared(METHODS[name] as string, ...sides) };
  }

  function compared(operator: string, left: Part, right: Part): Expression {
    const power = Math.max(powerOf(left), powerOf(right));
    const same = left.is === 'other' || right.is === 'other' || power === 0;
    return { [operator]: same ? { left: asIs(left), right: asIs(right) } : { left: by(left, power), right: by(right, power) } };
  }

  function sum(operator: string, left: Part, right: Part): Part {
    const power = Math.max(powerOf(left), powerOf(right));
    return { is: 'number', power, of: { [operator]: { left: by(left, power), right: by(right, power) } } };
  }

  function product(left: Part, right: Part): Part {
    return { is: 'number', power: powerOf(left) + powerOf(right), of: { '*': { left: asIs(left), right: asIs(right) } } };
  }

  function negated(arg: Expression): Part {
    const part = rewrite(arg);
    if (part.is === 'literal')
      return { is: 'literal', digits: part.digits.startsWith('-') ? part.digits.slice(1) : `-${part.digits}`, of: { neg: { arg } } };
    return { is: 'number', power: powerOf(part), of: { neg: { arg: asIs(part) } } };
  }

  function choice({ if: condition, then, else: otherwise }: { if: Expression; then: Expression; else: Expression }): Part {
    const sides = [rewrite(then), rewrite(otherwise)] as const;
    const power = Math.max(powerOf(sides[0]), powerOf(sides[1]));
    const isNumber = sides.every(({ is }) => ['number', 'literal', 'decimal', 'free'].includes(is));
    const asked = plain(condition);
    // biome-ignore lint/suspicious/noThenProperty: as Cedar's JSON has it
    const build = ([one, other]: readonly unknown[]) => ({ 'if-then-else': { if: asked, then: one, else: other } }) as Expression;
    if (sides.every(({ is }) => is === 'free')) return { is: 'free', of: build(sides.map(asIs)) };
    return isNumber ? { is: 'number', power, of: build(sides.map((side) => by(side, power))) } : several(sides, build);
  }

  const several = (parts: readonly Part[], build: (parts: readonly Expression[]) => Expression): Part => ({
    is: 'several',
    parts,
    build,
    of: build(parts.map(asIs)),
  });

  /** The expression by this power of the unit, where it is a number that can be brought to it. */
  function by(part: Part, power: number): Expression {
    if (part.is === 'several') return part.build(part.parts.map((one) => by(one, power)));
    if (part.is === 'literal' || part.is === 'decimal') return literal(part.digits, power, part.of);
    const lacks = power - powerOf(part);
    if (part.is === 'other' || lacks === 0) return part.of;
    if (lacks < 0) throw new PolicyError(`${at}: a product is compared in a set or a record: compare it by itself`);
    return { '*': { left: part.of, right: { Value: written(UNIT ** BigInt(lacks)) } } };
  }

  function literal(digits: string, power: number, of: Expression): Expression {
    if (power === 0) return of;
    const units = scaled(digits);
    // As the numbers that it is compared with: too large for a Long, they are texts.
    if (units === undefined && power === 1 && /^-?\d+$/.test(digits)) return { Value: digits };
    if (units === undefined)
      throw new PolicyError(`${at}: ${digits} has more than ${PLACES} places: numbers are compared in ten-thousandths`);
    const whole = units * UNIT ** BigInt(power - 1);
    if (whole > LARGEST || whole < -LARGEST) throw new PolicyError(`${at}: ${digits} is too large to be compared here`);
    return { Value: written(whole) };
  }

  return (expression) => asIs(rewrite(expression));
}

/** Sets and records beside nothing that is scaled stay as they are. */
const asIs = (part: Part): Expression => part.of;

function powerOf(part: Part): number {
  if (part.is === 'free') return 1;
  if (part.is === 'several') return Math.max(0, ...part.parts.map(powerOf));
  return part.is === 'number' ? part.power : 0;
}

/** `context.arguments.total` as its names; undefined for what is reached otherwise. */
function pathOf(expression: Expression): readonly string[] | undefined {
  const { Var, '.': access } = expression as { Var?: string; '.'?: { left: Expression; attr: string } };
  if (Var !== undefined) return [Var];
  const before = access === undefined ? undefined : pathOf(access.left);
  return before === undefined ? undefined : [...before, access?.attr as string];
}

const OPERATORS = new Set([
  ...COMPARED,
  ...SETS,
  ...Object.keys(METHODS),
  ...'Value Var Slot . has like is in ! neg && || + - * isEmpty hasTag getTag if-then-else Set Record decimal ip datetime duration'.split(
    ' ',
  ),
]);
const isOperator = (name: string): boolean => OPERATORS.has(name);
