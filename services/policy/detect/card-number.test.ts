import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { cardNumbersIn } from './card-number.ts';
import { readable } from './readable.ts';

const cardsIn = (text: string): number => cardNumbersIn(readable(text));
const none = (texts: readonly string[]): void => {
  for (const text of texts) assert.equal(cardsIn(text), 0, text);
};
const one = (texts: readonly string[]): void => {
  for (const text of texts) assert.equal(cardsIn(text), 1, text);
};

/** The numbers that the issuers publish for tests. */
const published = [
  '4111111111111111',
  '4222222222222',
  '4000002500001001',
  '5555555555554444',
  '2223003122003222',
  '378282246310005',
  '6011111111111117',
  '30569309025904',
  '36227206271667',
  '3530111333300000',
  '6200000000000005',
  '6205500000000000004',
  '6759649826438453',
  '2200000000000004',
];

/** In fours, the rest at the end, as they stand on most cards. */
const inFours = (digits: string, gap: string): string => (digits.match(/.{1,4}/g) as string[]).join(gap);
const fullWidth = (text: string): string => text.replace(/[0-9]/g, (digit) => String.fromCodePoint(0xff10 + Number(digit)));

const notations: { readonly [name: string]: (digits: string) => string } = {
  'in one piece': (digits) => digits,
  'with spaces': (digits) => inFours(digits, ' '),
  'with dashes': (digits) => inFours(digits, '-'),
  'with dots': (digits) => inFours(digits, '.'),
  'with spaces that do not break': (digits) => inFours(digits, '\u00a0'),
  'with thin spaces': (digits) => inFours(digits, '\u2009'),
  'with en dashes': (digits) => inFours(digits, '\u2013'),
  'in full width': (digits) => fullWidth(inFours(digits, '\u3000')),
  'with something invisible in between': (digits) => inFours(digits, '\u200b'),
};

/** Digits with the check digit that makes Luhn's sum come out. */
function checked(digits: string): string {
  const sum = digits
    .split('')
    .reverse()
    .reduce(
      (total, digit, k) => total + (k % 2 === 1 ? Number(digit) : Math.floor((2 * Number(digit)) / 10) + ((2 * Number(digit)) % 10)),
      0,
    );
  return `${digits}${(10 - (sum % 10)) % 10}`;
}

const digits = (length: number): fc.Arbitrary<string> =>
  fc.array(fc.nat(9), { minLength: length, maxLength: length }).map((all) => all.join(''));

/** A card's number: how it begins, and how long it is. */
const card = fc
  .constantFrom(
    ['4', 16],
    ['4', 19],
    ['51', 16],
    ['55', 16],
    ['2221', 16],
    ['2720', 16],
    ['34', 15],
    ['37', 15],
    ['6011', 16],
    ['65', 16],
    ['36', 14],
    ['3528', 16],
    ['62', 19],
  )
  .chain(([beginning, length]) => digits((length as number) - String(beginning).length - 1).map((rest) => checked(`${beginning}${rest}`)));

for (const [name, write] of Object.entries(notations)) {
  test(`a card number is found ${name}, alone and within a sentence`, () => {
    for (const number of published)
      one([write(number), `It was paid with ${write(number)}, thank you.`, `(${write(number)})`, `card:${write(number)};`]);
    fc.assert(
      fc.property(card, (number) => cardsIn(`the card ${write(number)} was charged`) === 1),
      { seed: 1 },
    );
  });
}

test('the groups of American Express, Diners Club and long cards are known', () => {
  one(['3782 822463 10005', '3782-822463-10005', '3782.822463.10005', '3056 930902 5904', '620550 0000000000004', '41111111 11111111']);
});

test('what stands beside a card number does not hide it', () => {
  one([
    '4111 1111 1111 1111 12/27',
    '4111 1111 1111 1111 12/27 123',
    '4111 1111 1111 1111 2027',
    '1 4111 1111 1111 1111',
    '2026-11-21 4111 1111 1111 1111',
  ]);
  one([
    '4111-1111-1111-1111 - Visa',
    '1. 4111111111111111',
    '**4111111111111111**',
    '"4111111111111111"',
    'id_4111111111111111',
    '4111 1111 1111 1111.',
  ]);
  assert.equal(cardsIn('4111 1111 1111 1111 5555 5555 5555 4444'), 2);
  assert.equal(cardsIn('4111111111111111, 4111111111111111'), 2);
});

test('a wrong check digit, an unknown issuer, a wrong length: no card', () => {
  none([
    '4111111111111112',
    '4111 1111 1111 1112',
    '1234567890123452',
    '9999999999999995',
    '41111111111111',
    '0000000000000000',
    '5555555555554444123',
  ]);
  fc.assert(
    fc.property(card, fc.nat({ max: 8 }), (number, off) => {
      const wrong = `${number.slice(0, -1)}${(Number(number.at(-1)) + 1 + off) % 10}`;
      return cardsIn(wrong) === 0;
    }),
    { seed: 1 },
  );
});

test('what is left of a number that was masked is none', () => {
  none(['4111 11** **** 1111', '**** **** **** 1111', 'XXXX-XXXX-XXXX-1111', 'ending in 1111', '411111xxxxxx1111']);
});

test('order numbers pass: with letters, in other groups, of other lengths', () => {
  none([
    'ORD4111111111111111',
    '4111111111111111X',
    '302-4938271-2938172',
    'PO-2026-000417',
    '#100004111',
    '4111/1111/1111/1111',
    '4,111,111,111,111,111',
  ]);
  // A number without an issuer's prefix is not a card, even with a valid check digit.
  const order = digits(15).map((rest) => checked(`1${rest.slice(1)}`));
  fc.assert(
    fc.property(order, (number) => cardsIn(`order ${number}`) === 0 && cardsIn(`order ${inFours(number, ' ')}`) === 0),
    { seed: 1 },
  );
});

test('tracking numbers pass', () => {
  none([
    '1Z999AA10123456784',
    '9400 1000 0000 0000 0000 00',
    'JD014600003888948123',
    'RR123456785DE',
    '961207 00000000000000',
    'YT4111111111111111',
  ]);
  const usps = fc.tuple(fc.constantFrom('9400', '9205', '9303', '9407'), digits(18)).map(([service, rest]) => service + rest);
  fc.assert(
    fc.property(usps, (number) => cardsIn(number) === 0 && cardsIn(inFours(number, ' ')) === 0),
    { seed: 1, numRuns: 2_000 },
  );
});

test('IBANs pass, those too whose digits would be a card', () => {
  none(['DE89 3704 0044 0532 0130 00', 'AT61 1904 3002 3457 3201', 'GB29NWBK60161331926819']);
  const remainder = (text: string): number => text.split('').reduce((sum, digit) => (sum * 10 + Number(digit)) % 97, 0);
  // Austrian: two check digits and sixteen more. AT is 1029.
  const austrian = (bban: string): string => `AT${String(98 - remainder(`${bban}102900`)).padStart(2, '0')}${bban}`;
  fc.assert(
    fc.property(
      card.filter((number) => number.length === 16),
      (number) => {
        const iban = austrian(number);
        return cardsIn(`to ${inFours(iban, ' ')}`) === 0 && cardsIn(`to ${iban}`) === 0;
      },
    ),
    { seed: 1 },
  );
});

test('telephone numbers pass', () => {
  none(['+4915123456789', '+44 20 7946 0958', '+1 (212) 555-0100', '0049 151 2345 6789']);
  const phone = fc.tuple(fc.constantFrom('44', '49', '41', '36', '34', '62'), fc.integer({ min: 8, max: 13 }).chain(digits));
  fc.assert(
    fc.property(phone, ([country, rest]) => cardsIn(`call +${country}${rest}`) === 0 && cardsIn(`+${country} ${inFours(rest, ' ')}`) === 0),
    {
      seed: 1,
      numRuns: 2_000,
    },
  );
});

test('times, UUIDs, bar codes, fractions and lists of years pass', () => {
  none([
    '2026-11-21T10:00:00.123Z',
    '1732183200000',
    '1732183200000000',
    '1732183200000000000',
    '20261121100000',
    '2026-11-21 10:00:00.000 4539',
  ]);
  none([
    '41111111-1111-4111-8111-111111111111',
    'a1b2c3d4-4111-1111-1111-111122223333',
    '4006381333931',
    '978-3-16-148410-0',
    '2021 2022 2023 2024 2025 2026',
  ]);
  fc.assert(
    fc.property(fc.uuid(), (uuid) => cardsIn(`order ${uuid}`) === 0),
    { seed: 1, numRuns: 2_000 },
  );
  fc.assert(
    fc.property(
      fc.date({ noInvalidDate: true, min: new Date(0), max: new Date('2090-01-01') }),
      (date) => cardsIn(`${date.toISOString()} ${date.getTime()}`) === 0,
    ),
    {
      seed: 1,
      numRuns: 2_000,
    },
  );
  fc.assert(
    fc.property(fc.double({ min: 0, max: 1, noNaN: true }), (share) => cardsIn(`a share of ${share}`) === 0),
    { seed: 1, numRuns: 5_000 },
  );
});
