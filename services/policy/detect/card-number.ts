/**
 * Numbers of payment cards (ISO/IEC 7812): of a length that the issuer's range has, with Luhn's check digit, written in one piece or in
 * the groups that stand on cards. Twenty lines of one's own, because the packages that do it validate a field and do not search a text.
 */
import { withoutIbans } from './iban.ts';

/** By how a number begins (from, to, as digits of one length), how many digits it has. Issuers that no longer issue are left out. */
const ISSUERS: readonly (readonly [from: string, to: string, lengths: readonly number[]])[] = [
  ['4', '4', [13, 16, 19]], // Visa
  ['51', '55', [16]], // Mastercard
  ['2221', '2720', [16]],
  ['34', '34', [15]], // American Express
  ['37', '37', [15]],
  ['6011', '6011', [16, 17, 18, 19]], // Discover
  ['644', '659', [16, 17, 18, 19]],
  ['300', '305', [14, 16, 17, 18, 19]], // Diners Club
  ['3095', '3095', [14, 16, 17, 18, 19]],
  ['36', '36', [14, 16, 17, 18, 19]],
  ['38', '39', [14, 16, 17, 18, 19]],
  ['3528', '3589', [16, 17, 18, 19]], // JCB
  ['62', '62', [16, 17, 18, 19]], // UnionPay
  ['2200', '2204', [16, 17, 18, 19]], // Mir
  ['5018', '5018', [13, 14, 15, 16, 17, 18, 19]], // Maestro
  ['5020', '5020', [13, 14, 15, 16, 17, 18, 19]],
  ['5038', '5038', [13, 14, 15, 16, 17, 18, 19]],
  ['5893', '5893', [13, 14, 15, 16, 17, 18, 19]],
  ['6304', '6304', [13, 14, 15, 16, 17, 18, 19]],
  ['6759', '6763', [13, 14, 15, 16, 17, 18, 19]],
];

/** One number and what is written in groups: digits with at most three spaces, dashes, dots or underscores in between. */
const RUN = /(?<![\p{L}\p{Nd}])[0-9]+(?:[ ._-]{1,3}[0-9]+)*(?![\p{L}\p{Nd}])/gu;
const UUID = /(?<![0-9a-z])[0-9a-f]{8}-(?:[0-9a-f]{4}-){3}[0-9a-f]{12}(?![0-9a-z])/gi;

/** How many card numbers are in a text; it has to be `readable`. */
export function cardNumbersIn(text: string): number {
  if ((text.match(/[0-9]/g)?.length ?? 0) < 13) return 0;
  const searched = withoutIbans(text.replace(UUID, '#'));
  let count = 0;
  for (const { 0: run, index } of searched.matchAll(RUN)) count += cardsOf(run, searched[index - 1] === '+');
  return count;
}

type Group = { readonly digits: string; readonly gap: string };

/** The cards among the groups of a run, from left to right. */
function cardsOf(run: string, international: boolean): number {
  const groups = [...run.matchAll(/([0-9]+)([^0-9]*)/g)].map(([, digits, gap]) => ({ digits: digits as string, gap: gap as string }));
  let count = 0;
  let after = 0;
  for (let k = 0; k < groups.length; k += 1) {
    const taken = k < after ? 0 : cardAt(groups, k, after, international);
    if (taken === 0) continue;
    count += 1;
    after = k + taken;
  }
  return count;
}

/** How many groups from the k-th on are a card number: 0 for none. What stands before `after` belongs to another card. */
function cardAt(groups: readonly Group[], k: number, after: number, international: boolean): number {
  for (let taken = 1; taken <= 5 && k + taken <= groups.length; taken += 1) {
    const window = groups.slice(k, k + taken);
    const sizes = window.map(({ digits }) => digits.length);
    const number = window.map(({ digits }) => digits).join('');
    if (!isWrittenLikeACard(sizes) || !isCardNumber(number)) continue;
    // Behind a plus stands a telephone number, as far as one may reach.
    if (international && digitsIn(groups.slice(0, k + taken)) <= 15) continue;
    const before = k > after ? groups[k - 1] : undefined;
    if (taken === 1 ? isFraction(before) : goesOn(before, window, groups[k + taken])) continue;
    return taken;
  }
  return 0;
}

const digitsIn = (groups: readonly Group[]): number => groups.reduce((sum, { digits }) => sum + digits.length, 0);

/** In one piece; in fours, with the rest at the end; or as on American Express, Diners Club and long Maestro cards. */
function isWrittenLikeACard(sizes: readonly number[]): boolean {
  const [last = 0] = sizes.slice(-1);
  const written = sizes.join('-');
  const fours = sizes.length > 3 && last <= 4 && sizes.slice(0, -1).every((size) => size === 4);
  return sizes.length === 1 || fours || written === '4-6-5' || written === '4-6-4' || written === '6-13' || written === '8-8';
}

/** The digits after a point: 0.4242424242424242 is no card. */
const isFraction = (before: Group | undefined): boolean => before?.gap === '.';

/** Four fours out of a longer row of fours, as tracking numbers have them, are no card; a year or a second card may follow one. */
function goesOn(before: Group | undefined, window: readonly Group[], next: Group | undefined): boolean {
  const isFour = (group: Group | undefined, gap: string | undefined): boolean => group?.digits.length === 4 && gap === window[0]?.gap;
  if (isFour(before, before?.gap)) return true;
  const [last] = window.slice(-1);
  return isFour(next, last?.gap) && last?.digits.length === 4 && !/^20[2-4]|^[3-6]/.test(next?.digits ?? '');
}

/** Whether these digits are of an issuer's range and length, with a right check digit. */
export function isCardNumber(digits: string): boolean {
  const issued = ISSUERS.some(([from, to, lengths]) => {
    const beginning = digits.slice(0, from.length);
    return beginning >= from && beginning <= to && lengths.includes(digits.length);
  });
  // Visa gave up 13 digits long ago, and every product has a bar code of 13.
  return issued && hasLuhnDigit(digits) && !(digits.length === 13 && isBarCode(digits));
}

function hasLuhnDigit(digits: string): boolean {
  const sum = digits
    .split('')
    .reverse()
    .reduce((total, character, k) => {
      const value = Number(character) * (k % 2 === 0 ? 1 : 2);
      return total + (value > 9 ? value - 9 : value);
    }, 0);
  return sum % 10 === 0;
}

/** EAN-13: every second digit counts threefold. */
const isBarCode = (digits: string): boolean =>
  digits.split('').reduce((sum, character, k) => sum + Number(character) * (k % 2 === 0 ? 1 : 3), 0) % 10 === 0;
