/**
 * JSON whose numbers are not changed by being read. A double carries some fifteen digits: what it does not carry exactly becomes the text of
 * its digits, and goes out as a number again where a schema wants one (`numbersAgain`). Every JSON from outside is read here.
 */
import type { Json } from './envelope.ts';
import { withoutTrailing } from './trailing.ts';

/** @throws SyntaxError when it is not JSON. */
export const parseJson = (text: string): Json => JSON.parse(exactText(text)) as Json;

/** Fewer digits than this, and an exponent of fewer than three, are carried by every double. */
const DOUBTFUL = 16;
const FAR = /\d[eE][+-]?\d{3}/;
/** The same in JSON. Digests are full of what only looks so. */
const FAR_IN_JSON = /[eE][+-]?\d{3}(?<=(?:^|[\s:,[])-?\d[\d.]{0,15}[eE][+-]?\d{3})/;

/** False for what has no number that may not be exact. All facts pass here: so of so many letters one is looked at. */
function isDoubtful(text: string): boolean {
  for (let place = DOUBTFUL - 1; place < text.length; place += DOUBTFUL) {
    if (!isDigit(text.charCodeAt(place))) continue;
    let [first, end] = [place, place + 1];
    while (first > 0 && isDigit(text.charCodeAt(first - 1))) first -= 1;
    while (end - first < DOUBTFUL && isDigit(text.charCodeAt(end))) end += 1;
    if (end - first >= DOUBTFUL) return true;
  }
  return FAR_IN_JSON.test(text);
}

/** The same JSON, in which numbers that no double carries exactly are texts. What is not JSON stays what it is. */
export function exactText(text: string): string {
  if (!isDoubtful(text)) return text;
  let out = '';
  let copied = 0;
  for (let place = 0; place < text.length; ) {
    const code = text.charCodeAt(place);
    if (code === QUOTE) place = endOfString(text, place);
    else if (code === MINUS || (code >= ZERO && code <= NINE)) {
      const end = endOfNumber(text, place);
      const number = text.slice(place, end);
      if ((end - place >= DOUBTFUL || FAR.test(number)) && isNumber(number) && !isExact(number)) {
        out += `${text.slice(copied, place)}"${number}"`;
        copied = end;
      }
      place = end;
    } else place += 1;
  }
  return copied === 0 ? text : out + text.slice(copied);
}

const [QUOTE = 0, MINUS = 0, DOT = 0, ZERO = 0, NINE = 0] = ['"', '-', '.', '0', '9'].map((letter) => letter.charCodeAt(0));
const SIGNS = new Set(['e', 'E', '+', '-'].map((letter) => letter.charCodeAt(0)));

const isDigit = (code: number): boolean => (code >= ZERO && code <= NINE) || code === DOT;

/** The place after the quote that ends the string. */
function endOfString(text: string, begin: number): number {
  for (let end = text.indexOf('"', begin + 1); end !== -1; end = text.indexOf('"', end + 1)) {
    let slashes = 0;
    while (text[end - 1 - slashes] === '\\') slashes += 1;
    if (slashes % 2 === 0) return end + 1;
  }
  return text.length;
}

function endOfNumber(text: string, begin: number): number {
  let end = begin + 1;
  for (let code = text.charCodeAt(end); isDigit(code) || SIGNS.has(code); code = text.charCodeAt(end)) end += 1;
  return end;
}

/** True for what JSON writes as a number. */
const isNumber = (text: string): boolean => /^-?(0|[1-9]\d*)(\.\d+)?([eE][+-]?\d+)?$/.test(text);

/** True when a double has exactly this value, as far as it is ever written again. @param number as JSON writes one. */
export function isExact(number: string): boolean {
  const double = Number(number);
  // What is too small to be told from nothing is not nothing.
  if (double === 0) return !/[1-9]/.test(number.slice(0, exponentAt(number)));
  return Number.isFinite(double) && canonical(number) === canonical(String(double));
}

/** What a number in YAML, as it is written, is instead of this double: its digits, where no double carries them. */
export function digitsInYaml(source: string, double: number): string | undefined {
  const number = source
    .replace(/^\+/, '')
    .replace(/^(-?)\./, '$10.')
    .replace(/\.(?=$|[eE])/, '');
  if (/^-?\d+(\.\d+)?([eE][+-]?\d+)?$/.test(number)) return isExact(number) ? undefined : number.replace(/^(-?)0+(?=\d)/, '$1');
  if (Number.isSafeInteger(double)) return undefined;
  return /^0[xo]/.test(source) ? String(BigInt(source)) : source;
}

function exponentAt(number: string): number {
  const place = number.search(/[eE]/);
  return place === -1 ? number.length : place;
}

/** The digits that count and where the point stands among them: the same for every way of writing a number. */
function canonical(number: string): string {
  const [, sign = '', whole = '', fraction = '', exponent = '0'] = /^(-?)(\d+)(?:\.(\d+))?(?:[eE]([+-]?\d+))?$/.exec(number) ?? [];
  const digits = `${whole}${fraction}`.replace(/^0+/, '');
  const significant = withoutTrailing(digits, '0');
  const power = BigInt(exponent) - BigInt(fraction.length) + BigInt(digits.length - significant.length);
  return `${sign}${significant}e${power}`;
}

/** True for the text of a number that no double carries. */
export const isDigits = (value: unknown): value is string =>
  typeof value === 'string' && value.length >= 5 && isNumber(value) && !isExact(value);

/** For `JSON.stringify`: a number, written with these digits. */
export const rawNumber = (digits: string): unknown => (JSON as unknown as { rawJSON(text: string): unknown }).rawJSON(digits);

/** The value with digits as texts again: for what is not written as JSON. */
export function digitsAgain(value: Json): Json {
  if (typeof value !== 'object' || value === null) return value;
  if ((JSON as unknown as { isRawJSON(one: object): boolean }).isRawJSON(value)) return (value as { rawJSON: string }).rawJSON;
  if (Array.isArray(value)) return value.map(digitsAgain);
  return Object.fromEntries(Object.entries(value).map(([key, one]) => [key, digitsAgain(one)]));
}
