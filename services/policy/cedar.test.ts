import assert from 'node:assert/strict';
import { test } from 'node:test';
import { type Judge, judgeBy, type Opinion, type Question } from './cedar.ts';
import { parsePolicies } from './policies.ts';
import type { Value } from './value.ts';

const by = (text: string): Judge => judgeBy([{ path: 'p/a.cedar', name: 'a.cedar', text }]);

const question = (context: { [name: string]: Value }): Question => ({
  who: 'ann',
  action: 'step',
  resource: { type: 'Tool', id: 'pay' },
  context,
  findings: () => [],
});

/** The answer to a condition, given a context. */
const when = (condition: string, context: { [name: string]: Value }): Opinion =>
  by(`permit (principal, action, resource) when { ${condition} };`).ask(question(context));

const holds = (condition: string, context: { [name: string]: Value }): void => {
  const opinion = when(condition, context);
  assert.ok(opinion.allowed, `${condition}: ${opinion.allowed ? '' : opinion.problem.message}`);
};

test('numbers are compared in ten-thousandths, and what has more places or digits is a string', () => {
  holds('context.arguments.n == 500', { arguments: { n: 500 } });
  holds('context.arguments.n == -3', { arguments: { n: -3.0 } });
  holds('context.arguments.n.greaterThan(decimal("499.9999"))', { arguments: { n: 500.5 } });
  holds('context.arguments.n == decimal("-0.0125")', { arguments: { n: -0.0125 } });
  holds('context.arguments.n == "0.12345"', { arguments: { n: 0.12345 } });
  holds('context.arguments.n == "1e-7"', { arguments: { n: 1e-7 } });
  holds('context.arguments.n == 9007199254740991', { arguments: { n: 9_007_199_254_740_991 } });
  holds('context.arguments.n == "9007199254740992"', { arguments: { n: 9_007_199_254_740_992 } });
  holds('context.arguments.n == "1e+21"', { arguments: { n: 1e21 } });
});

test('members that are null are left out, lists are sets, records nest', () => {
  holds('!(context.arguments has gone) && context.arguments.a.b == true', { arguments: { gone: null, a: { b: true, c: null } } });
  holds('context.input.tags.contains("x") && context.input.tags == ["y", "x"]', { input: { tags: ['x', 'y', null, 'x'] } });
  holds('context.input == {tags: ["x"], deep: {n: 1}}', { input: { tags: ['x'], deep: { n: 1 } } });
});

test('names that mean something to Cedar mean nothing in arguments', () => {
  const forged = { __entity: { type: 'User', id: 'root' } };
  assert.equal(when('context.arguments.who == User::"root"', { arguments: { who: forged } }).allowed, false);
  holds('context.arguments.who like "*__entity*"', { arguments: { who: forged } });
  holds('context.arguments.x like "*"', { arguments: { x: { __extn: { fn: 'nonsense', arg: '' } } } });
  holds('!(context.arguments has toString)', { arguments: {} });
});

test('a value too deep for Cedar becomes text, and text that is none is refused, not thrown', () => {
  let deep: Value = 'x';
  for (let i = 0; i < 1000; i += 1) deep = { a: deep };
  holds('context.arguments has d', { arguments: { d: deep } });
  holds('context.arguments == context.arguments', { arguments: { d: deep } });
  const opinion = when('context.arguments.t == "x"', { arguments: { t: '\ud800' } });
  assert.equal(opinion.allowed, false);
});

test('what no condition looks at does not reach Cedar, so it cannot fail there', () => {
  holds('context.arguments.n == 1', { arguments: { n: 1, t: '\ud800' }, input: { t: '\ud800' } });
});

test('a look at the whole of something, or through an if, sees all of it', () => {
  holds('[context].contains(context) && context.arguments == {n: 1}', { arguments: { n: 1 }, input: 'a' });
  holds('(if context.input == "a" then context else context).arguments.n == 1', { arguments: { n: 1 }, input: 'a' });
  holds('context.arguments has a.b && context.arguments.a.b.c == 1', { arguments: { a: { b: { c: 1 } } } });
  holds('{Var: context.arguments.n, left: 2}.Var == 1', { arguments: { n: 1 } });
});

test('equal questions are answered once, different ones are not', () => {
  const judge = by('permit (principal, action, resource) when { context.arguments.n < 5 };');
  assert.equal(judge.ask(question({ arguments: { n: 1, seen: false } })), judge.ask(question({ arguments: { n: 1, seen: true } })));
  assert.equal(judge.ask(question({ arguments: { n: 5 } })).allowed, false);
  assert.equal(judge.ask(question({ arguments: { n: 4 } })).allowed, true);
});

/** Conditions that Cedar cannot evaluate on these arguments, why, and arguments for which they hold. */
const broken: [condition: string, args: Value, why: RegExp, right: Value][] = [
  ['context.arguments.a > 500', {}, /does not have the attribute `a`/, { a: 501 }],
  ['context.arguments.a > 500', { a: null }, /does not have the attribute `a`/, { a: 501 }],
  ['context.arguments.a.b.c == 1', { a: { b: {} } }, /does not have the attribute `c`/, { a: { b: { c: 1 } } }],
  ['context.arguments.a > 500', { a: '501' }, /expected long, got string/, { a: 501 }],
  ['context.arguments.a > 500', { a: 9_007_199_254_740_992 }, /expected long, got string/, { a: 501 }],
  ['context.arguments.a + 900000000000000 > 0', { a: 900_000_000_000_000 }, /overflow/, { a: 0 }],
  ['context.arguments.a * 900000000000000 > 0', { a: 2 }, /overflow/, { a: 1 }],
  ['decimal(context.arguments.a) == decimal("1.0")', { a: 'one' }, /`one` is not a well-formed decimal/, { a: '1.0' }],
  ['decimal(context.arguments.a) == decimal("1.0")', { a: '1.00001' }, /decimal/, { a: '1.0' }],
  ['ip(context.arguments.a).isLoopback()', { a: '127.0.0.999' }, /invalid IP address/, { a: '127.0.0.1' }],
  ['datetime(context.arguments.a) > datetime("2026-01-01")', { a: 'soon' }, /datetime/, { a: '2026-02-01' }],
  ['duration(context.arguments.a) > duration("1h")', { a: 'long' }, /duration/, { a: '2h' }],
  ['context.arguments.a like "x*"', { a: 1 }, /expected string, got long/, { a: 'xy' }],
  ['context.arguments.a.contains("x")', { a: 'x' }, /expected set, got string/, { a: ['x'] }],
  ['context.arguments.a && true', { a: 'true' }, /expected bool, got string/, { a: true }],
  ['if context.arguments.a then true else false', { a: 1 }, /expected bool, got long/, { a: true }],
  ['!context.arguments.a', { a: 'no' }, /expected bool, got string/, { a: false }],
  [
    'context.arguments.a in User::"ann" || true',
    { a: 'ann' },
    /expected \(entity of type `any_entity_type`\)|expected .*entity/,
    { a: 'x' },
  ],
];

test('a forbid that cannot be evaluated denies, and so does a hold; a permit that cannot be permits nothing', () => {
  for (const [condition, args, why, right] of broken) {
    const asked = (policies: string, given: Value = args): Opinion => by(policies).ask(question({ arguments: given }));
    const rule = (head: string): string => `@id("lost") ${head} (principal, action == Action::"step", resource) when { ${condition} };`;
    for (const head of ['forbid', '@hold("?") permit', '@reason("so") forbid']) {
      const opinion = asked(`permit (principal, action, resource); ${rule(head)}`);
      assert.ok(!opinion.allowed, `${head} ${condition}`);
      assert.deepEqual(opinion.policies, ['lost'], condition);
      assert.equal(opinion.problem.code, 'policy-error');
      assert.match(opinion.problem.message, /^policy "lost" could not be evaluated: /);
      assert.match(opinion.problem.message, why, condition);
    }
    const alone = asked(rule('permit'));
    assert.equal(alone.allowed ? '' : alone.problem.code, 'not-permitted', condition);
    const beside = asked(`permit (principal, action, resource); ${rule('permit')}`);
    assert.ok(beside.allowed, condition);
    if (condition.includes(' || true')) continue;
    assert.ok(asked(rule('permit'), right).allowed, `${condition} on ${JSON.stringify(right)}`);
    const forbidden = asked(`permit (principal, action, resource); ${rule('forbid')}`, right);
    assert.equal(forbidden.allowed ? '' : forbidden.problem.code, 'forbidden', condition);
  }
});

test('a forbid that asks with has first forbids nothing where there is nothing to forbid', () => {
  const text =
    'permit (principal, action, resource); forbid (principal, action, resource) when { context has arguments && context.arguments has a.b && context.arguments.a.b > 5 };';
  const allowed = (args: Value): boolean => by(text).ask(question({ arguments: args })).allowed;
  assert.deepEqual([{}, { a: {} }, { a: { b: null } }, { a: { b: 5 } }].map(allowed), [true, true, true, true]);
  assert.deepEqual([{ a: { b: 6 } }, { a: { b: '6' } }, { a: 6 }].map(allowed), [false, false, false]);
});

test('a permit that cannot be evaluated permits nothing, and the denial says so', () => {
  const opinion = when('context.arguments.amount > 500', { arguments: {} });
  assert.ok(!opinion.allowed);
  assert.equal(opinion.problem.code, 'not-permitted');
  assert.match(
    opinion.problem.message,
    /^no policy permits Action::"step" on Tool::"pay" for User::"ann"; policy "a.cedar#1" could not be/,
  );
});

test('policies are named by @id, or by their file and place in it, in the order in which they stand', () => {
  const twelve = Array.from({ length: 12 }, (_, k) => `@note("x") permit (principal, action, resource) when { context.n == ${k} };`);
  const text = [...twelve, '@id("mine") @flag forbid (principal, action, resource);'].join('\n');
  const policies = parsePolicies([{ path: 'p/a.cedar', name: 'a.cedar', text }]);
  assert.deepEqual([...policies.keys()], [...twelve.map((_, k) => `a.cedar#${k + 1}`), 'mine']);
  assert.match(policies.get('a.cedar#11')?.text as string, /context.n == 10 /);
  assert.equal(policies.get('mine')?.at(0), 'p/a.cedar:13:1');
});

test('a bad file is named with line and column', () => {
  const wrong: [string, RegExp][] = [
    [
      '// é\npermit (principal, action, resource) when { dezimal("1") };',
      /^p\/a\.cedar:2:45: `dezimal` is not a valid function \(did you mean/,
    ],
    ['permit (principal, action, resource)', /^p\/a\.cedar:1:37: unexpected end of input/],
    [
      '@id("x") permit (principal, action, resource);\n @id("x") forbid (principal, action, resource);',
      /^p\/a\.cedar:2:2: the id "x" is taken by the policy at p\/a\.cedar:1:1/,
    ],
    ['\n@hold("?") forbid (principal, action, resource);', /^p\/a\.cedar:2:1: @hold on a forbid/],
    [
      'forbid (principal, action in [Action::"run", Action::"stpe"], resource);',
      /^p\/a\.cedar:1:46: unrecognized action `Action::"stpe"` \(did you mean `Action::"step"`/,
    ],
    ['\n  permit (principal == ?principal, action, resource);', /^p\/a\.cedar:2:3: a template/],
  ];
  for (const [text, message] of wrong) assert.throws(() => by(text), { message });
});

test('the digest of the set covers the names and the contents of the files', () => {
  const file = { path: 'p/a.cedar', name: 'a.cedar', text: 'permit (principal, action, resource);' };
  const digest = judgeBy([file]).digest;
  assert.equal(judgeBy([{ ...file, path: 'q/a.cedar' }]).digest, digest);
  assert.notEqual(judgeBy([{ ...file, name: 'b.cedar' }]).digest, digest);
  assert.notEqual(judgeBy([{ ...file, text: `${file.text} ` }]).digest, digest);
});
