import assert from 'node:assert/strict';
import { test } from 'node:test';
import { ibansIn, withoutIbans } from './iban.ts';

/** The examples of the registry. */
const examples = [
  'AE07 0331 2345 6789 0123 456',
  'AT61 1904 3002 3457 3201',
  'BE68 5390 0754 7034',
  'BR18 0036 0305 0000 1000 9795 493C 1',
  'CH93 0076 2011 6238 5295 7',
  'DE89 3704 0044 0532 0130 00',
  'ES91 2100 0418 4502 0005 1332',
  'FR14 2004 1010 0505 0001 3M02 606',
  'GB29 NWBK 6016 1331 9268 19',
  'IT60 X054 2811 1010 0000 0123 456',
  'MT84 MALT 0110 0001 2345 MTLC AST0 01S',
  'NL91 ABNA 0417 1643 00',
  'NO93 8601 1117 947',
  'PL61 1090 1014 0000 0712 1981 2874',
  'SA03 8000 0000 6080 1016 7519',
  'TR33 0006 1005 1978 6457 8413 26',
];

test('an IBAN is found in groups, in one piece, with dashes, in small letters, and within a sentence', () => {
  for (const iban of examples) {
    for (const written of [iban, iban.replaceAll(' ', ''), iban.replaceAll(' ', '-'), iban.toLowerCase()]) {
      const text = `pay to ${written} today, please`;
      assert.deepEqual(ibansIn(text), [{ start: 7, end: 7 + written.length }], written);
    }
  }
});

test('a wrong check digit, a wrong length, no such country: no IBAN', () => {
  const wrong = [
    'DE88 3704 0044 0532 0130 00',
    'DE89 3704 0044 0532 0130 0',
    'DE89 3704 0044 0532 0130 000',
    'QQ89 3704 0044 0532 0130 00',
  ];
  for (const text of [...wrong, 'XDE89370400440532013000', 'DE89', '']) assert.deepEqual(ibansIn(text), [], text);
});

test('several are found one after the other, and can be taken out without moving the rest', () => {
  const text = 'BE68 5390 0754 7034 DE89370400440532013000!';
  assert.equal(ibansIn(text).length, 2);
  assert.equal(withoutIbans(text), `${'#'.repeat(19)} ${'#'.repeat(22)}!`);
});
