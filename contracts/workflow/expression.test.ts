import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import jsonata from 'jsonata';
import type { Json } from '../envelope.ts';
import { compile, renderTemplate, type Scope, templateExpressions } from './expression.ts';
import { ExpressionError } from './program.ts';

const value = (source: string, scope: Scope = {}): Promise<Json | undefined> => compile(source).evaluate(scope);
const fails = (source: string, scope: Scope, message: RegExp): Promise<void> =>
  assert.rejects(value(source, scope), (error) => error instanceof ExpressionError && message.test(error.message));

describe('an expression', () => {
  it('says what does not parse, and at which character', () => {
    for (const [source, position, message] of [
      ['1 +', 3, /Unexpected end of expression/],
      ['= 1 +', 5, /Unexpected end/],
      ['a = = b', 4, /"=" cannot be used as a unary operator/],
      ['{"a": 1, "b"}', 12, /Expected ":"/],
      ['steps.a b', 8, /Syntax error: "b"/],
      ['', 0, /Unexpected end/],
    ] as const) {
      assert.throws(
        () => compile(source),
        (error) => error instanceof ExpressionError && message.test(error.message) && error.position === position,
        source,
      );
    }
  });

  it('is refused when it would not give the same in a replay, whatever way it names the function', () => {
    for (const source of [
      '$now()',
      '$millis() + 1',
      '[1, 2].$random()',
      '$map([1], $random)',
      '($f := $eval; $f("1"))',
      '$shuffle([1, 2])',
      '[1] ~> $shuffle',
      'function($now) { $now }(1)',
      'a[$random() > b]',
      'a^($millis())',
      'a{"k": $now()}',
      '$ ~> |a|{"b": $now()}|',
      '$substringBefore(?, $now())',
    ]) {
      assert.throws(() => compile(source), /is refused: it would not give the same when the run is replayed/, source);
    }
    assert.throws(
      () => compile('  $now()'),
      (error) => (error as ExpressionError).position === 2,
    );
  });

  it('gives plain JSON: no functions, no infinite numbers, nothing that clings to an array', async () => {
    const list = await value('input.list[p > 1].n', {
      input: {
        list: [
          { p: 1, n: 'a' },
          { p: 2, n: 'b' },
          { p: 3, n: 'c' },
        ],
      },
    });
    assert.deepEqual(list, ['b', 'c']);
    assert.deepEqual(Object.keys(list as Json[]), ['0', '1']);
    assert.equal(Object.getPrototypeOf(await value('{"a": 1}')), Object.prototype);
    assert.equal(await value('input.none'), undefined);
    assert.equal(await value('null'), null);
    await fails('$sum', {}, /it gives a function/);
    await fails('{"f": function($x) { $x }}', {}, /it gives a function/);
    await fails('1 / 0', {}, /Infinity/);
  });

  it('leaves what it looks at alone', async () => {
    const scope = { steps: { a: { none: [], some: [1] } }, input: {} };
    const before = structuredClone(scope);
    await value('steps.a.none{"x": 1}', scope);
    await value('steps.a.some[]', scope);
    assert.deepEqual(scope, before);
    assert.deepEqual(Object.keys(scope.steps.a.some), ['0']);
  });

  it('ends by itself, at the same point wherever it runs', async () => {
    await fails('($f := function($n) { $f($n + 1) }; $f(1))', {}, /given up after 200000 steps/);
    await fails('($f := function($n) { 1 + $f($n + 1) }; $f(1))', {}, /Stack overflow/);
    await fails('[1..200000]', {}, /maximum sequence length/);
    assert.equal(await value('($f := function($n) { $n = 0 ? 0 : 1 + $f($n - 1) }; $f(100))'), 100);
  });

  it('takes no part of a date from the day on which it is evaluated, nor a zone from the machine', async () => {
    assert.equal(await value('$toMillis("10:30", "[H01]:[m01]")'), 37_800_000);
    assert.equal(await value('$toMillis("2026-01-01T10:00:00")'), Date.UTC(2026, 0, 1, 10));
    assert.equal(await value('$toMillis("2026-01-01T10:00:00+02:00")'), Date.UTC(2026, 0, 1, 8));
    assert.equal(await value('$toMillis(input.none)', { input: {} }), undefined);
  });

  it('says where it failed', async () => {
    await assert.rejects(
      value('= 1 + input.a', { input: { a: 'x' } }),
      (error) =>
        error instanceof ExpressionError &&
        error.position === 4 &&
        error.source === '= 1 + input.a' &&
        /right side of the "\+" operator/.test(error.reason),
    );
  });

  it('takes the short way through plain objects, with what JSONata would give', async () => {
    const odd = JSON.parse(
      '{"a": {"__proto__": 1}, "f": {"_jsonata_lambda": true, "x": 1}, "list": [{"x": 1}, {"x": [2, 3]}], "one": [7], "none": [], "n": null, "s": "text", "nested": [[1]]}',
    ) as Json;
    const scope = { input: odd, steps: { 'book-hotel': { id: 5 } } };
    for (const path of [
      'input',
      'input.a',
      'input.a.b.c',
      'input.a.constructor',
      'input.a.__proto__',
      'input.f.x',
      'input.list.x',
      'input.list',
      'input.one',
      'input.none',
      'input.n',
      'input.n.x',
      'input.s',
      'input.s.length',
      'input.nested',
      'steps.`book-hotel`.id',
      'nothing',
      'steps."book-hotel"',
    ]) {
      const [ours, theirs] = [await value(path, scope), await jsonata(path).evaluate(scope)];
      assert.equal(JSON.stringify(ours), JSON.stringify(theirs), path);
    }
    assert.deepEqual(compile('= steps.`book-hotel`.id').look(scope), { value: 5 });
    assert.equal(compile('input.list.x').look(scope), undefined);
  });
});

describe('what an expression refers to', () => {
  const steps = (source: string): readonly string[] => compile(source).references.steps;
  const all = (source: string): boolean => compile(source).references.all;

  it('is found wherever it stands', () => {
    assert.deepEqual(steps('steps.a.id & steps.`b-c`."d"[0]'), ['a', 'b-c']);
    assert.deepEqual(steps('$map(steps.a.list, function($v) { $v + steps.b })'), ['a', 'b']);
    assert.deepEqual(steps('input.list[id = $$.steps.a.id]'), ['a']);
    assert.deepEqual(steps('{"x": steps.a, "y": [steps.b, (steps.c; 1)]}'), ['a', 'b', 'c']);
    assert.deepEqual(steps('$.steps.a ? steps.b : steps.c'), ['a', 'b', 'c']);
    assert.deepEqual(steps('steps.a ~> $sum'), ['a']);
    assert.deepEqual(compile('inputs.x + input.y').references.names, ['inputs', 'input']);
  });

  it('is only what is looked up in the scope itself', () => {
    for (const source of [
      'input.steps.a',
      'input.list[steps.a = 1]',
      'input.list.(steps.a)',
      'input.list^(steps.a)',
      '$x.steps.a',
      '"steps.a"',
    ]) {
      assert.deepEqual(steps(source), [], source);
      assert.equal(all(source), false, source);
    }
  });

  it('is every step when that cannot be told', () => {
    for (const source of [
      'steps',
      'steps.*',
      '$lookup(steps, input.x)',
      '$keys(steps)',
      '$$',
      '$$.*.a',
      '**.id',
      '*',
      '($s := steps; $s.a)',
      'steps.(a)',
      'steps[a]',
      '$',
      'input.a.%.%.steps',
      'input@$i.steps.a',
      '$[steps.a]',
    ]) {
      assert.equal(all(source), true, source);
    }
  });
});

describe('a template', () => {
  const scope = { input: { city: 'Nice', list: [1, 2, 3] }, steps: { a: { id: 7, gone: null } } };

  it('is filled in, deep down, in its own order', async () => {
    const template = {
      plain: 1,
      sum: '= $sum(input.list)',
      at: '= input.city',
      deep: [{ id: '=steps.a.id' }, '==x', '= input.none', true],
      none: '= steps.b.id',
      gone: '= steps.a.gone',
    };
    const filled = await renderTemplate(template, scope);
    assert.equal(JSON.stringify(filled), '{"plain":1,"sum":6,"at":"Nice","deep":[{"id":7},"=x",null,true],"gone":null}');
  });

  it('may be one expression, and null where that gives nothing', async () => {
    assert.deepEqual(await renderTemplate('= input', scope), scope.input);
    assert.equal(await renderTemplate('= steps.b', scope), null);
  });

  it('lists its expressions with where they stand', () => {
    assert.deepEqual(templateExpressions({ a: ['= x', '==y', { b: '=z' }] }), [
      { path: ['a', 0], source: '= x' },
      { path: ['a', 2, 'b'], source: '=z' },
    ]);
  });

  it('says which of its expressions failed, the first first', async () => {
    await assert.rejects(
      renderTemplate({ a: 1, b: [{ c: '= 1 + input.city' }, '= -input.city'] }, scope),
      /^Error: b\[0\]\.c: in `= 1 \+ input\.city`: The right side/,
    );
    await assert.rejects(renderTemplate({ a: '= 1 +' }, scope), /^Error: a: in `= 1 \+`: Unexpected end/);
  });
});
