/** Every function that JSONata has, read from the library, given much: it answers, or says which limit it reached. */
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { test } from 'node:test';
import { compile } from './expression.ts';
import { ExpressionError } from './program.ts';

const library = readFileSync(createRequire(import.meta.url).resolve('jsonata'), 'utf8');
const BUILT_IN = [...library.matchAll(/staticFrame\.bind\('(\w+)', defineFunction\([\w.]+, '([^']+)'/g)].map(
  ([, name = '', signature = '']) => ({ name, signature }),
);

const list = <T>(length: number, of: (index: number) => T): T[] => Array.from({ length }, (_, index) => of(index));
const steps = {
  s: 'a '.repeat(200_000),
  n: list(50_000, (i) => i),
  o: list(20_000, (a) => ({ a })),
  m: Object.fromEntries(list(20_000, (i) => [`k${i}`, i])),
};
const GIVEN: { readonly [type: string]: string } = {
  s: 'steps.s',
  n: '1e15',
  a: 'steps.o',
  o: 'steps.m',
  f: 'function($a,$b){$a}',
  x: 'steps.m',
  j: 'steps.n',
  b: 'true',
  l: 'null',
};

/** One call for each type that the first parameter takes, with as many arguments as there are parameters. */
function callsOf({ name, signature }: { name: string; signature: string }): string[] {
  const plain = signature
    .replace(/:.*$/, '')
    .replace(/<[a-z]>/g, '')
    .replace(/[<>]/g, '');
  const parameters = [...plain.matchAll(/\(([a-z]+)\)|([a-z])/g)].map(([, some, one]) => (some ?? one) as string);
  const rest = parameters.slice(1).map((types) => GIVEN[types[0] as string]);
  return (parameters[0] ?? '').split('').map((type) => `$${name}(${[GIVEN[type], ...rest].join(', ')})`);
}

/** What a function says that broke, and not that something was too much for it. */
const BROKEN = /without saying why|is not a function|\(reading|heap|Maximum/;
const LIMIT = /given up after|more than|at most|is refused/;

test('every built-in function answers to much, or says what was too much', { timeout: 120_000 }, async () => {
  assert.ok(BUILT_IN.length > 50, `${BUILT_IN.length} are found`);
  let limited = 0;
  for (const call of BUILT_IN.flatMap(callsOf)) {
    try {
      await compile(call).evaluate({ input: {}, steps });
    } catch (error) {
      if (!(error instanceof ExpressionError)) throw error;
      assert.doesNotMatch(error.reason, BROKEN, call);
      if (LIMIT.test(error.reason)) limited += 1;
    }
  }
  assert.ok(limited >= 5, `${limited} calls are told the limit`);
});
