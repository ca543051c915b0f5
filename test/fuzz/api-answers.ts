/** What APIs answer: every media type and charset, rightly and wrongly declared, whole and broken off, under every status. */
import { isUtf8 } from 'node:buffer';
import fc from 'fast-check';
import { type Answer, BROKEN, type Framing, GOOD } from './answering.ts';
import { cut } from './cutting.ts';
import { bytesResult, done, type Expected, NULL, PROMISED, PROMISES, type Promised, textResult } from './expected.ts';
import { treeOf } from './tree.ts';
import { bracketed, cuts, json, words } from './values.ts';

export type ApiCase = {
  readonly what: string;
  readonly hasEffect: boolean;
  readonly promised: Promised;
  readonly answer: Answer;
  readonly expected: Expected;
};

const JSON_TYPES = fc.constantFrom(
  'application/json',
  'Application/JSON',
  'application/json ',
  'application/json;x=1;q="a;b"',
  'text/json',
  'application/x-json',
  'application/vnd.acme.order.v2+json',
  'application/problem+json',
  'application/hal+json; profile="x"',
  'application/ld+JSON',
);
const TEXT_TYPES = fc.constantFrom(
  'text/plain',
  'TEXT/Plain',
  'text/csv; header=present',
  'text/event-stream',
  'application/xml',
  'application/vnd.acme+xml',
  'application/x-ndjson',
  'application/yaml',
);
const OTHER_TYPES = fc.constantFrom(
  'application/octet-stream',
  'image/png',
  'application/pdf',
  'x',
  'application/vnd.acme',
  'a/b; charset=utf-8x',
);

/** Windows-1252 beyond what it has in common with the first 256 characters. */
const UPPER = '€\u0081‚ƒ„…†‡ˆ‰Š‹Œ\u008dŽ\u008f\u0090‘’“”•–—˜™š›œ\u009džŸ';
const as1252 = (text: string): Buffer | undefined => {
  const letters = Array.from(text);
  const codes = letters.map((letter) => (UPPER.includes(letter) ? 0x80 + UPPER.indexOf(letter) : (letter.codePointAt(0) as number)));
  const isThere = letters.every((letter, n) => (codes[n] as number) < 256 && (UPPER.includes(letter) || !/[\u0080-\u009f]/.test(letter)));
  return isThere ? Buffer.from(codes) : undefined;
};
const swapped = (text: string): Buffer => Buffer.from(text, 'utf16le').swap16();
const MARK = '\ufeff';
/** A text has half a character in UTF-16 only where JSON escapes it. */
const ENCODINGS: readonly { readonly said: readonly string[]; readonly bytes: (text: string) => Buffer | undefined }[] = [
  { said: ['', '; charset=utf-8', ';Charset="UTF-8"', '; x=y; charset=utf8'], bytes: (text) => Buffer.from(text) },
  { said: ['', '; charset=utf-8'], bytes: (text) => Buffer.from(MARK + text) },
  { said: ['; charset=utf-16le', '; charset=UTF-16'], bytes: (text) => Buffer.from(text, 'utf16le') },
  { said: ['', '; charset=utf-16', '; charset=utf-8'], bytes: (text) => Buffer.from(MARK + text, 'utf16le') },
  { said: ['; charset=utf-16be'], bytes: swapped },
  { said: ['', '; charset=utf-16'], bytes: (text) => swapped(MARK + text) },
  { said: ['; charset=windows-1252', '; charset=iso-8859-1', "; charset='latin1'", ';charset=CP1252'], bytes: as1252 },
];

type Sent = { readonly type: string; readonly bytes: Buffer };
/** The text in a charset that can say it, and what is said of it. What begins with a mark of its own cannot be told from one. */
const encoded = (text: string, type: string, [which, how]: readonly [number, number]): Sent => {
  const { said, bytes } = ENCODINGS[which % ENCODINGS.length] as (typeof ENCODINGS)[number];
  const own = /^(\ufeff|\ufffe|ÿþ|þÿ|ï»¿)/.test(text) || !text.isWellFormed() ? undefined : bytes(text);
  return own === undefined
    ? { type: `${type}; charset=utf-8`, bytes: Buffer.from(`${MARK}${text.toWellFormed()}`) }
    : { type: `${type}${said[how % said.length]}`, bytes: own };
};

type Way = {
  readonly hasEffect: boolean;
  readonly promised: Promised;
  readonly places: readonly number[];
  readonly good: Framing;
  readonly broken: Framing;
  readonly charset: readonly [number, number];
};
const way: fc.Arbitrary<Way> = fc.record({
  hasEffect: fc.boolean(),
  promised: fc.constantFrom(...PROMISED),
  places: cuts,
  good: fc.constantFrom(...GOOD),
  broken: fc.constantFrom(...BROKEN),
  charset: fc.tuple(fc.nat(100), fc.nat(100)),
});

type Made = Sent & {
  readonly what: string;
  readonly expected: Expected;
  readonly status?: number;
  readonly framing?: Framing;
  readonly more?: Answer['headers'];
};
const made = (kind: fc.Arbitrary<(way: Way) => Made>): fc.Arbitrary<ApiCase> =>
  fc.tuple(way, kind).map(([one, make]) => {
    const { type, bytes, what, expected, status = 200, framing = one.good, more = [] } = make(one);
    const headers = [...(type === '' ? [] : [['content-type', type] as const]), ...more];
    const { hasEffect, promised } = one;
    const told = `${what}: ${hasEffect ? 'POST' : 'GET'}, promised ${promised}, ${status} ${JSON.stringify(headers)} ${framing} ${one.places.join()}: ${bytes.toString('latin1').slice(0, 2_000)}`;
    return { what: told, hasEffect, promised, answer: { status, headers, pieces: cut(bytes, one.places), framing }, expected };
  });

const wholeJson = made(
  fc.tuple(json, JSON_TYPES).map(([text, type]) => ({ charset }) => {
    const tree = treeOf(text);
    return { what: 'JSON', ...encoded(text, type, charset), expected: tree === undefined ? { is: 'failed', isOpen: true } : done(tree) };
  }),
);
/** Text under its own name, or JSON under another: what keeps to the promise is what was promised. */
const text = made(
  fc.tuple(words, TEXT_TYPES).map(([said, type]) => ({ charset, promised }) => {
    const plain = said.toWellFormed();
    const tree = treeOf(plain);
    const isKept = tree !== undefined && PROMISES[promised].keeps(tree);
    const sent = encoded(plain, type, charset);
    return { what: 'text', ...sent, expected: isKept ? done(tree) : done(textResult(plain)) };
  }),
);
const jsonOfAnotherName = made(
  fc.tuple(json, OTHER_TYPES).map(([said, type]) => ({ promised }) => {
    const bytes = Buffer.from(said);
    const tree = treeOf(said);
    const isKept = tree !== undefined && PROMISES[promised].keeps(tree) && !type.includes('charset');
    return { what: 'JSON of another name', type, bytes, expected: isKept ? done(tree) : done(bytesResult(bytes, type)) };
  }),
);
const noJson = made(
  fc
    .tuple(fc.constantFrom('OK', 'null,', '<html>', 'True', "{'a': 1}", '[1,]', 'NaN', '01', '{"a":1}}', '1 2', '+1'), JSON_TYPES)
    .map(([said, type]) => () => ({
      what: 'no JSON, though it says so',
      type,
      bytes: Buffer.from(said),
      expected: done(textResult(said)),
    })),
);
/** Bytes that are no text in any charset that was said. */
const bytes = made(
  fc
    .tuple(
      fc.uint8Array({ minLength: 1, maxLength: 400 }),
      fc.oneof(OTHER_TYPES, TEXT_TYPES, JSON_TYPES, fc.constantFrom('', 'application/json; charset=x-none')),
    )
    .map(([array, type]) => () => {
      // No text begins so, in any charset.
      const own = Buffer.from([0xc0, 0xff, ...array]);
      return {
        what: 'bytes',
        type,
        bytes: own,
        expected: done(bytesResult(own, type.trim() === '' ? 'application/octet-stream' : type.trim())),
      };
    }),
);
const anyBytes = made(
  fc.uint8Array({ minLength: 1, maxLength: 60 }).map((array) => () => {
    const own = Buffer.from(array);
    const isMarked = /^(ÿþ|þÿ|ï»¿)/.test(own.toString('latin1'));
    const plain = own.toString();
    const values = isUtf8(own) && !isMarked ? [textResult(plain)] : [];
    const tree = treeOf(plain);
    const may = [...values, ...(tree === undefined ? [] : [tree]), bytesResult(own, 'application/octet-stream')];
    return { what: 'bytes without a type', type: '', bytes: own, expected: isMarked ? { is: 'either', values: may } : done(...may) };
  }),
);
/** The connection ends too soon, and the framing tells. */
const brokenOff = made(
  fc.tuple(fc.oneof(json, words), fc.oneof(JSON_TYPES, TEXT_TYPES, OTHER_TYPES)).map(([said, type]) => ({ charset, broken }) => ({
    what: 'broken off',
    ...encoded(said, type, charset),
    framing: broken,
    expected: { is: 'failed', isOpen: true },
  })),
);
/** It ends too soon and no framing tells, but the JSON has no end. */
const half = made(
  fc.tuple(bracketed, JSON_TYPES, fc.nat(100_000)).map(([said, type, place]) => ({ charset }) => {
    const { type: full, bytes: whole } = encoded(said, type, charset);
    // Its first bracket is there, after marks and blanks of up to four bytes each.
    const first = Math.min(whole.findIndex((byte) => byte === 0x5b || byte === 0x7b) + 2, whole.length - 1);
    const end = first + (place % Math.max(1, whole.length - first));
    return { what: 'half', type: full, bytes: whole.subarray(0, end), expected: { is: 'failed', isOpen: true } };
  }),
);
const otherStatus = made(
  fc
    .tuple(
      json,
      fc.constantFrom(
        100_204,
        204,
        205,
        206,
        1_206,
        2_206,
        300,
        301,
        302,
        303,
        304,
        307,
        308,
        400,
        401,
        404,
        409,
        410,
        418,
        422,
        429,
        451,
        500,
        501,
        502,
        503,
        504,
        599,
      ),
    )
    .map(([said, which]) => ({ hasEffect }): Made => {
      const status = which % 1_000;
      const sent = { what: 'status', type: 'application/json', bytes: Buffer.from(said), status };
      if (status === 204 || status === 205) return { ...sent, framing: 'length', expected: done(NULL) };
      if (which === 206)
        return {
          ...sent,
          more: [['content-range', `bytes 0-${sent.bytes.length - 1}/${sent.bytes.length + 9}`]],
          expected: { is: 'failed', isOpen: true },
        };
      const tree = treeOf(said);
      const whole = tree === undefined ? ({ is: 'failed' } as const) : done(tree);
      // As some count the rows of a list.
      if (which === 1_206) return { ...sent, more: [['content-range', '0-24/3573']], expected: whole };
      if (which === 2_206)
        return { ...sent, more: [['content-range', `bytes 0-${sent.bytes.length - 1}/${sent.bytes.length}`]], expected: whole };
      return { ...sent, expected: { is: 'failed', isOpen: hasEffect && status >= 500 && ![501, 503].includes(status) } };
    }),
);

export const apiCases: fc.Arbitrary<ApiCase> = fc.oneof(
  { weight: 8, arbitrary: wholeJson },
  { weight: 3, arbitrary: text },
  { weight: 2, arbitrary: jsonOfAnotherName },
  { weight: 1, arbitrary: noJson },
  { weight: 2, arbitrary: bytes },
  { weight: 1, arbitrary: anyBytes },
  { weight: 3, arbitrary: brokenOff },
  { weight: 3, arbitrary: half },
  { weight: 3, arbitrary: otherStatus },
);
