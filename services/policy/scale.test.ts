/** Amounts compare as the author of a policy expects, whole or not. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { judgeBy } from './cedar.ts';

const RUN = { id: 'R', workflow: 'w' };
/** Whether the condition holds; undefined when it cannot be evaluated. */
function holds(condition: string, args: object, more: object = {}): boolean | undefined {
  const text = `permit (principal, action == Action::"step", resource);\nforbid (principal, action == Action::"step", resource) when { ${condition} };`;
  const context = { run: RUN, step: { id: 's', kind: 'tool', attempt: 2, effect: 'once' }, arguments: args, ...more };
  const opinion = judgeBy([{ path: 'p/a.cedar', name: 'a.cedar', text }]).ask({
    who: 'ann',
    action: 'step',
    resource: { type: 'Tool', id: 'pay', attributes: { kind: 'tool', effect: 'once' } },
    context: context as never,
    findings: () => [],
  });
  if (opinion.allowed) return false;
  return opinion.problem.code === 'forbidden' ? true : undefined;
}

const total = (condition: string, value: unknown): boolean | undefined => holds(`context.arguments.total ${condition}`, { total: value });

test('90.50 is not more than 5000, and 5000.01 is', () => {
  for (const [value, expected] of [
    [90, false],
    [90.5, false],
    [5000, false],
    [5000.01, true],
    [5000.0001, true],
    [4999.9999, false],
    [6000, true],
    [-1, false],
  ] as const)
    assert.equal(total('> 5000', value), expected, String(value));
  assert.equal(total('>= 5000', 5000), true);
  assert.equal(total('< 5000', 90.5), true);
  assert.equal(total('== 90', 90.0), true);
  assert.equal(total('!= 90', 90.5), true);
});

test('comparing with a decimal is the same', () => {
  assert.equal(total('.greaterThan(decimal("90.49"))'.replace(' ', ''), 90.5), true);
  for (const value of [90.5, 91, 90]) {
    assert.equal(holds('context.arguments.total.greaterThan(decimal("90.25"))', { total: value }), value > 90.25);
    assert.equal(holds('context.arguments.total.lessThanOrEqual(decimal("90.5"))', { total: value }), value <= 90.5);
    assert.equal(holds('context.arguments.total == decimal("91.0")', { total: value }), value === 91);
    assert.equal(holds('decimal("90.25").lessThan(context.arguments.total)', { total: value }), value > 90.25);
  }
});

test('sums, products and negatives keep their size, and what a run says compares with what Reel counts', () => {
  assert.equal(holds('context.arguments.a + context.arguments.b > 100', { a: 50.5, b: 49.6 }), true);
  assert.equal(holds('context.arguments.a + 10 > 100', { a: 90 }), false);
  assert.equal(holds('context.arguments.a * context.arguments.b > 100', { a: 2.5, b: 41 }), true);
  assert.equal(holds('context.arguments.a * context.arguments.b > 100', { a: 2.5, b: 40 }), false);
  assert.equal(holds('context.arguments.a * 2 > 100', { a: 50.5 }), true);
  assert.equal(holds('context.arguments.a - context.arguments.b == -3', { a: 1, b: 4 }), true);
  assert.equal(holds('-context.arguments.a < -5', { a: 5.5 }), true);
  assert.equal(holds('context.arguments.a < context.step.attempt', { a: 1.5 }), true);
  assert.equal(holds('context.arguments.a == context.step.attempt', { a: 2 }), true);
  assert.equal(holds('context.step.attempt > 1', {}), true);
  assert.equal(holds('(if context.arguments has cap then context.arguments.cap else 100) < context.arguments.a', { a: 100.5 }), true);
  assert.equal(
    holds('(if context.arguments has cap then context.arguments.cap else 100) < context.arguments.a', { a: 100.5, cap: 200 }),
    false,
  );
});

test('sets and records compare as they look', () => {
  assert.equal(holds('[1, 2].contains(context.arguments.a)', { a: 2 }), true);
  assert.equal(holds('[1, 2].contains(context.arguments.a)', { a: 2.5 }), false);
  assert.equal(holds('context.arguments.list.contains(5)', { list: [4, 5] }), true);
  assert.equal(holds('context.arguments.list.containsAll([4, 5])', { list: [4, 5, 6.5] }), true);
  assert.equal(holds('context.arguments.list == [4, 5]', { list: [5, 4] }), true);
  assert.equal(holds('context.arguments.deep == {n: 1, m: [2]}', { deep: { n: 1, m: [2] } }), true);
  assert.equal(holds('context.arguments.name == "5" && context.arguments.name != 5', { name: '5' }), true);
});

test('numbers are brought to the same size wherever they meet', () => {
  const hour = 'duration("1h").toMilliseconds()';
  for (const [condition, args, expected] of [
    [`context.arguments.ms < ${hour}`, { ms: 3_599_999.5 }, true],
    [`context.arguments.ms < ${hour}`, { ms: 3_600_000 }, false],
    [`${hour} * 2 > context.arguments.ms`, { ms: 7_200_001 }, false],
    [`${hour} + 5 > context.arguments.ms`, { ms: 3_600_004.5 }, true],
    [`[${hour}].contains(context.arguments.ms)`, { ms: 3_600_000 }, true],
    [`(if true then ${hour} else 5) == context.arguments.ms`, { ms: 3_600_000 }, true],
    ['[context.step.attempt, context.arguments.a].contains(2)', { a: 7 }, true],
    ['[context.step.attempt].containsAny([context.arguments.a])', { a: 2 }, true],
    ['(if context.arguments has x then [1] else [5]).contains(context.arguments.a)', { a: 5 }, true],
    ['(if context.arguments has x then context.arguments.x else [5]).contains(context.arguments.a)', { a: 5 }, true],
    ['(if context.arguments has x then context.arguments.x else [5]).contains(context.arguments.a)', { a: 5, x: [6] }, false],
    ['(if context.arguments has x then {a: 1} else {a: 5}).a == context.arguments.a', { a: 5 }, true],
    ['[context.arguments.a * context.arguments.b].contains(100)', { a: 50, b: 2 }, true],
    ['[100].contains(context.arguments.a * context.arguments.b)', { a: 2.5, b: 40 }, true],
    ['[[5]].contains([context.arguments.a])', { a: 5 }, true],
    ['{a: context.arguments.a * 2} == {a: 100}', { a: 50 }, true],
    ['!(context.arguments.a <= 5000)', { a: 5000.01 }, true],
    ['context.arguments.deep.list.contains({a: 5})', { deep: { list: [{ a: 5 }] } }, true],
  ] as const)
    assert.equal(holds(condition, args), expected, condition);
  assert.throws(
    () => holds('(if context.arguments has x then {a: context.arguments.a * context.arguments.a} else {a: 5}).a == 5', { a: 5 }),
    /a product is compared in a set or a record: compare it by itself/,
  );
});

test('a fraction in a policy is written as Cedar has it, and the error says how', () => {
  const hint = /a fraction is compared by a method, as in context\.arguments\.total\.greaterThan\(decimal\("0\.5"\)\)/;
  for (const condition of ['> 5000.5', '> decimal("5000.5")', '== 5000.5']) assert.throws(() => total(condition, 1), hint, condition);
});

test('what does not fit ten-thousandths is a text, and a policy that compares it as a number denies', () => {
  assert.equal(total('> 5', 0.123456), undefined);
  assert.equal(total('== "0.123456"', 0.123456), true);
  assert.equal(total('== 9007199254740991', Number.MAX_SAFE_INTEGER), true);
  assert.equal(total('> 922337203685477', 922_337_203_685_477), false);
  assert.equal(total('> 1700000000000', 1_700_000_000_001), true);
});

test('every two numbers of four places compare as they do in JSON', () => {
  const amount = fc
    .tuple(fc.integer({ min: -10_000_000, max: 10_000_000 }), fc.integer({ min: 0, max: 4 }))
    .map(([n, places]) => Number((n / 10 ** places).toFixed(4)));
  fc.assert(
    fc.property(amount, amount, fc.constantFrom('<', '<=', '>', '>=', '==', '!='), (a, b, operator) => {
      const expected = { '<': a < b, '<=': a <= b, '>': a > b, '>=': a >= b, '==': a === b, '!=': a !== b }[operator];
      assert.equal(holds(`context.arguments.a ${operator} context.arguments.b`, { a, b }), expected);
      if (Number.isInteger(b)) assert.equal(holds(`context.arguments.a ${operator} ${b}`, { a }), expected);
      if (Number.isInteger(a)) assert.equal(holds(`${a} ${operator} context.arguments.b`, { b }), expected);
    }),
    { numRuns: 100 },
  );
});
