/** JSON as tools, APIs and models write it: as text, since no object of ours could hold all of it. */
import fc from 'fast-check';

const digits = (maxLength: number): fc.Arbitrary<string> =>
  fc.string({ unit: fc.constantFrom(...'0123456789'.split('')), minLength: 1, maxLength });
export const number: fc.Arbitrary<string> = fc.oneof(
  fc.constantFrom(
    '0',
    '-0',
    '-0.0',
    '7615917337495251231',
    '9223372036854775807',
    '-9223372036854775808',
    '18446744073709551615',
    '9007199254740993',
    '1e400',
    '-1E+400',
    '1e-400',
    '5e-324',
    '1.7976931348623157e308',
    '1.10',
    '100.00',
    '0.1000000000000000055',
    '90071992547409.93',
    '1E5',
    '123456789012345678901234567890.123456789',
  ),
  fc.integer().map(String),
  fc.double({ noNaN: true, noDefaultInfinity: true }).map((double) => JSON.stringify(double)),
  fc
    .tuple(fc.constantFrom('', '-'), digits(24), fc.option(digits(24)), fc.option(fc.integer({ min: -420, max: 420 })))
    .map(([sign, whole, fraction, power]) => {
      const short = whole.replace(/^0+(?=\d)/, '');
      return `${sign}${short}${fraction === null ? '' : `.${fraction}`}${power === null ? '' : `e${power}`}`;
    }),
);

const odd = fc.constantFrom(
  '"\\ud800"',
  '"\\udc00\\ud800"',
  '"\\u0000"',
  '"\\ufeff"',
  '"\ufeff"',
  '"\u2028\u2029\u0085"',
  '"\\/\\b\\f\\n\\r\\t\\"\\\\"',
  '"7615917337495251231"',
  '"1e400"',
  '"= input.x"',
  '"==x"',
  '"\\u202e\\u001b[2J"',
  '"data: [DONE]"',
  '"\\r\\n\\r\\ndata: {}"',
  '"```json"',
  '"é€😀"',
  '"\\\\\\""',
  '"}]{["',
  '""',
);
const string: fc.Arbitrary<string> = fc.oneof(
  { weight: 2, arbitrary: odd },
  { weight: 3, arbitrary: fc.string({ unit: 'binary', maxLength: 20 }).map((text) => JSON.stringify(text)) },
  { weight: 1, arbitrary: fc.integer({ min: 0, max: 40_000 }).map((length) => JSON.stringify('aé€😀'.repeat(length / 4))) },
);
const name = fc.oneof(
  { weight: 3, arbitrary: fc.string({ unit: 'binary', maxLength: 8 }) },
  {
    weight: 2,
    arbitrary: fc.constantFrom(
      '__proto__',
      'constructor',
      'prototype',
      'toString',
      'then',
      'toJSON',
      'hasOwnProperty',
      '',
      'a.b',
      '$ref',
      'blob',
      'blobs',
      'error',
      'result',
      'text',
      'content',
      'isError',
      'rawJSON',
      '_jsonata_lambda',
      '0',
      '\u0000',
      '\ufeff',
      '\ud800',
    ),
  },
);
const gap = fc.constantFrom('', '', ' ', '\n', '\r\n', '\t');
const word = fc.constantFrom('null', 'true', 'false');
const leaf = fc.oneof({ weight: 4, arbitrary: number }, { weight: 4, arbitrary: string }, { weight: 1, arbitrary: word });

const listOf = (value: fc.Arbitrary<string>): fc.Arbitrary<string> =>
  fc.tuple(fc.array(value, { maxLength: 4 }), gap).map(([items, space]) => `[${space}${items.join(`${space},`)}${space}]`);
const objectOf = (value: fc.Arbitrary<string>): fc.Arbitrary<string> =>
  fc
    .tuple(fc.uniqueArray(fc.tuple(name, value), { maxLength: 4, selector: ([key]) => key }), gap)
    .map(
      ([members, space]) => `{${members.map(([key, one]) => `${space}${JSON.stringify(key)}${space}:${one}`).join(`${space},`)}${space}}`,
    );

const { tree } = fc.letrec<{ tree: string }>((tie) => ({
  tree: fc.oneof(
    { maxDepth: 4 },
    { weight: 3, arbitrary: leaf },
    { weight: 2, arbitrary: listOf(tie('tree')) },
    { weight: 3, arbitrary: objectOf(tie('tree')) },
  ),
}));
const deep = fc
  .tuple(fc.constantFrom(1, 50, 400, 490, 497, 498, 499, 500, 501, 1_000), fc.boolean(), leaf)
  .map(([levels, isList, inside]) =>
    isList ? `${'['.repeat(levels)}${inside}${']'.repeat(levels)}` : `${'{"a":'.repeat(levels)}${inside}${'}'.repeat(levels)}`,
  );
const wide = fc
  .tuple(fc.integer({ min: 1, max: 3_000 }), number)
  .map(([width, one]) => `{${Array.from({ length: width }, (_, n) => `"k${n}":${one}`).join(',')}}`);

/** Any JSON text. */
export const json: fc.Arbitrary<string> = fc.oneof(
  { weight: 30, arbitrary: tree },
  { weight: 1, arbitrary: deep },
  { weight: 1, arbitrary: wide },
  { weight: 1, arbitrary: objectOf(wide) },
);
/** One that is an object or a list, so that its end can be told. */
export const bracketed: fc.Arbitrary<string> = fc.oneof(objectOf(tree), listOf(tree));
export const object: fc.Arbitrary<string> = objectOf(tree);
/** Words, in all letters that there are. */
export const words: fc.Arbitrary<string> = fc.oneof(
  { weight: 3, arbitrary: fc.string({ unit: 'binary', maxLength: 60 }) },
  { weight: 1, arbitrary: json },
  { weight: 1, arbitrary: fc.constantFrom('ok', 'A-17', 'a\r\nb\n', '\u0000', 'x\ufeffy', '<a b="c"/>', '1,2;3') },
);

export const cuts = fc.array(fc.nat(100_000), { maxLength: 4 });
