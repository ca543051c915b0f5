import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Json } from '@reel/contracts/envelope.ts';
import fc from 'fast-check';
import { Half, isJson, readAnswer } from './media.ts';

const nothing = (): boolean => false;
const value = (bytes: Uint8Array | string, type: string | null, fits: (value: Json) => boolean = nothing): Json =>
  readAnswer(typeof bytes === 'string' ? Buffer.from(bytes) : bytes, type, fits);

/** The text `ä€` with the bytes that each charset has for it. */
const charsets: Record<string, [text: string, hex: string]> = {
  'utf-8': ['ä€', 'c3a4e282ac'],
  UTF8: ['ä€', 'c3a4e282ac'],
  'iso-8859-1': ['äß', 'e4df'],
  latin1: ['äß', 'e4df'],
  'windows-1252': ['ä€', 'e480'],
  cp1252: ['ä€', 'e480'],
  'us-ascii': ['a', '61'],
  'ISO-8859-15': ['ä€', 'e4a4'],
  gbk: ['€中', '80d6d0'],
  gb18030: ['中', 'd6d0'],
  gb2312: ['中', 'd6d0'],
  shift_jis: ['日', '93fa'],
  'euc-kr': ['한', 'c7d1'],
  big5: ['中', 'a4a4'],
  'koi8-r': ['Ж', 'f6'],
  'utf-16le': ['ä€', 'e400ac20'],
  'utf-16be': ['ä€', '00e420ac'],
  'utf-16': ['ä€', 'fffee400ac20'],
};
const json = [
  'application/json',
  'application/problem+json',
  'application/vnd.api+json',
  'text/json',
  'Application/JSON',
  'application/x-json',
];
const text = ['text/plain', 'text/csv', 'application/xml', 'image/svg+xml', 'application/x-ndjson', 'application/yaml', 'text/html'];
const binary = ['image/png', 'application/pdf', 'application/octet-stream', 'audio/mpeg', 'application/x-something', 'not a type'];

test('JSON and text are read in the charset that is said, whatever the type is called', () => {
  for (const [charset, [words, hex]] of Object.entries(charsets)) {
    const wide = charset.toLowerCase().startsWith('utf-16');
    const quote = wide ? (charset === 'utf-16be' ? '0022' : '2200') : '22';
    const quoted = hex.startsWith('fffe') ? `fffe${quote}${hex.slice(4)}${quote}` : `${quote}${hex}${quote}`;
    for (const parameter of [`; charset=${charset}`, `;charset="${charset}"`, `; profile="x" ; CHARSET = ${charset}`]) {
      for (const type of json) assert.equal(value(Buffer.from(quoted, 'hex'), type + parameter), words, type + parameter);
      for (const type of text) assert.deepEqual(value(Buffer.from(hex, 'hex'), type + parameter), { text: words }, type + parameter);
    }
  }
});

test('a byte order mark is believed rather than the type, and is no part of the text', () => {
  for (const said of ['', '; charset=iso-8859-1', '; charset=utf-8']) {
    for (const hex of ['efbbbf22c3a422', 'fffe2200e4002200', 'feff002200e40022']) {
      for (const type of json) assert.equal(value(Buffer.from(hex, 'hex'), type + said), 'ä');
      assert.deepEqual(value(Buffer.from(hex, 'hex'), `text/plain${said}`), { text: '"ä"' });
    }
  }
});

test('JSON in UTF-16 without a mark is known by its zeros, XML and HTML by what they say of themselves', () => {
  assert.equal(value(Buffer.from('2200e4002200', 'hex'), 'application/json'), 'ä');
  assert.equal(value(Buffer.from('002200e40022', 'hex'), 'application/json'), 'ä');
  const xml = '<?xml version="1.0" encoding="ISO-8859-1"?><a>ä</a>';
  assert.deepEqual(value(Buffer.from(xml, 'latin1'), 'text/xml'), { text: xml });
  assert.deepEqual(value(Buffer.from(xml, 'latin1'), 'application/soap+xml'), { text: xml });
  const html = '<html><meta charset=windows-1252><p>ä';
  assert.deepEqual(value(Buffer.from(html, 'latin1'), 'text/html'), { text: html });
});

test('what is no text in its charset, or in a charset that is not known, is kept byte for byte', () => {
  const bytes = Buffer.from([0x22, 0xe4, 0x22]);
  for (const type of [...json, ...text]) {
    for (const charset of ['', ';charset=utf-8', ';charset=utf-7', ';charset=nonsense']) {
      assert.deepEqual(value(bytes, type + charset), { base64: bytes.toString('base64'), mediaType: type + charset });
    }
  }
});

test('the shape is told by the type alone: nothing, JSON, text or bytes', () => {
  for (const words of ['7', 'null', 'true', '"x"', '{"a":1}', 'ada', '{"not": ', '0012']) {
    for (const type of text) assert.deepEqual(value(words, type), { text: words }, `${type} ${words}`);
    for (const type of binary) assert.deepEqual(value(words, type), { base64: Buffer.from(words).toString('base64'), mediaType: type });
    assert.deepEqual(value(words, null), { text: words });
  }
  for (const type of text) assert.deepEqual(value('', type), { text: '' });
  for (const type of binary) assert.deepEqual(value('', type), { base64: '', mediaType: type });
  for (const type of [...json, null, '']) assert.equal(value('', type), null);
  for (const type of json) assert.throws(() => value('{"not": ', type), Half);
  for (const type of json) assert.deepEqual(value('{"not"}', type), { text: '{"not"}' });
  assert.deepEqual(value(Buffer.from([0xff, 0x00]), null), { base64: '/wA=', mediaType: 'application/octet-stream' });
});

test('JSON under another name is JSON where it is what was declared, and only then', () => {
  const isObject = (one: Json): boolean => typeof one === 'object' && one !== null;
  for (const type of [...text, ...binary, null]) {
    assert.deepEqual(value('{"a":1}', type, isObject), { a: 1 });
    assert.notEqual(value('7', type, isObject), 7);
  }
});

/** Undefined for JSON that has no end. */
function readUnlessHalf(bytes: Uint8Array, type: string): Json | undefined {
  try {
    return value(bytes, type);
  } catch (error) {
    assert.ok(error instanceof Half && isJson(type), String(error));
    return undefined;
  }
}

test('no byte of any answer is changed: bytes come back from base64, text from its charset', () => {
  const types = fc.constantFrom(...json, ...text, ...binary);
  const charset = fc.constantFrom('', ';charset=utf-8', ';charset=utf-16le', ';charset=nonsense');
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 40 }), types, charset, (bytes, type, said) => {
      const got = readUnlessHalf(bytes, type + said) as { base64?: string; text?: string } | null;
      if (typeof got?.base64 === 'string') assert.deepEqual(Buffer.from(got.base64, 'base64'), Buffer.from(bytes));
      else if (typeof got?.text === 'string') {
        const [mark, as] =
          bytes[0] === 0xff && bytes[1] === 0xfe ? ['fffe', 'utf-16le'] : ['efbbbf', said.endsWith('16le') ? 'utf-16le' : 'utf-8'];
        const whole = Buffer.from(bytes).toString('hex');
        if (whole.startsWith('feff')) return;
        const isWide = json.includes(type) && said === '' && [bytes[0], bytes[1]].includes(0);
        if (isWide) return;
        assert.ok([whole, whole.replace(new RegExp(`^${mark}`), '')].includes(Buffer.from(got.text, as as 'utf-8').toString('hex')), whole);
      }
    }),
    { numRuns: 2_000, seed: 12 },
  );
  fc.assert(
    fc.property(fc.jsonValue(), fc.constantFrom(...json), (given, type) => {
      assert.deepEqual(value(JSON.stringify(given), type), JSON.parse(JSON.stringify(given)));
    }),
    { numRuns: 1_000, seed: 12 },
  );
  fc.assert(
    fc.property(fc.string({ unit: 'grapheme' }), fc.constantFrom(...text), (given, type) => {
      assert.deepEqual(value(given, `${type};charset=utf-8`), { text: given.replace(/^\uFEFF/, '') });
    }),
    { numRuns: 1_000, seed: 12 },
  );
});
