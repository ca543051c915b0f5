import assert from 'node:assert/strict';
import { test } from 'node:test';
import { PatternError, patternOf } from './pattern.ts';

const TEXTS = [
  '',
  'a',
  'abc',
  'b-42',
  '2024-12-01',
  'https://shop.example/back',
  'a b\tc\n',
  'Ünï 日本',
  'a.b@c.de',
  'xxab',
  '__',
  'A1 b2 C3',
  '\u00a0x',
];
const ORDINARY = [
  '^https\\:\\/\\/',
  '^[a-z]+-\\d+$',
  '(?<y>\\d{4})-(\\d\\d)',
  '\\s',
  '\\S+',
  '[^]',
  '.',
  '^$',
  'a|b|',
  '(a|b)+c?',
  '[\\w.]+@[\\w.]+',
  '\\bb\\b',
  '(\\w)(\\d)?',
  'x*?a',
  '[^\\s-]{2,3}',
  '\\u00e4|\\xdc',
  '\\p{L}{2,}',
  '(?:a(b)?)+',
  '[a-c][1-3]?',
  '^.{1,2000}$',
  '\\-',
  '(?i:A)b(?:c|(?-i:D))?',
  '[\\d\\-]+',
  'x{2}a{1,2}',
];

test('ordinary patterns find what RegExp finds, at the same places, with the same groups', () => {
  for (const source of ORDINARY)
    for (const flags of ['', 'i'])
      for (const text of TEXTS) {
        let expression: RegExp;
        try {
          expression = new RegExp(source, `${flags}u`);
        } catch {
          expression = new RegExp(source, flags);
        }
        const wanted = expression.exec(text);
        const found = patternOf(source, flags).exec(text);
        const told = found === undefined ? null : [found.text, ...found.groups];
        assert.deepEqual(
          [told, found?.index],
          [wanted === null ? null : [...wanted], wanted?.index],
          `/${source}/${flags} on ${JSON.stringify(text)}`,
        );
      }
});

test('what cannot be linear is refused, with the pattern, the reason and what to do', () => {
  for (const [source, reason] of [
    ['^(?!a)b', /\^\(\?!a\)b.*lookahead.*write it without/],
    ['(?<=a)b', /lookbehind/],
    ['(a)\\1', /back-reference \(\\1\)/],
    ['(x{1,1000}){1,1000}', /allow fewer repetitions/],
    ['('.repeat(1500), /no regular expression|nested/],
    ['[', /no regular expression/],
  ] as const)
    assert.throws(
      () => patternOf(source),
      (error: Error) => error instanceof PatternError && reason.test(error.message),
      source,
    );
});

test('the work of a catastrophic pattern grows with the text and no more', () => {
  for (const source of ['^(a+)+$', '(a|a)*b', '(a*)*b', '(.*)(.*)(.*)z', '(x+x+)+y'])
    assert.equal(patternOf(source).test(`${'a'.repeat(5_000)}!`), false);
});
