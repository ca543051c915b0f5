import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { mediaOf, textIn, valueIn } from './media.ts';

const bytes = (...values: number[]): Uint8Array => new Uint8Array(values);
const utf8 = (text: string): Uint8Array => new TextEncoder().encode(text);
const value = (contentType: string | null, body: Uint8Array): unknown => valueIn(body, mediaOf(contentType));

const JUERGEN = { latin1: bytes(0x4a, 0xfc, 0x72, 0x67, 0x65, 0x6e), text: 'Jürgen' };

test('a media type is read with its character set, however it is written', () => {
  for (const written of [
    'application/json;charset=ISO-8859-15',
    'Application/JSON ; Charset="iso-8859-15"',
    'application/json; x=y; charset = iso-8859-15 ',
  ]) {
    const { type, charset } = mediaOf(written);
    assert.deepEqual([type, charset?.toLowerCase()], ['application/json', 'iso-8859-15'], written);
  }
  assert.deepEqual(mediaOf(null), { type: '', charset: undefined });
});

test('JSON is what it says, in whichever character set', () => {
  for (const type of ['application/json', 'application/problem+json', 'application/vnd.api+json;version=1', 'text/json'])
    assert.deepEqual(value(type, utf8('{"a":1}')), { a: 1 }, type);
  const quoted = bytes(0x22, ...JUERGEN.latin1, 0x22);
  assert.equal(value('application/json; charset=iso-8859-1', quoted), JUERGEN.text);
  assert.equal(value('application/json;charset=utf-16le', Buffer.from('"Jürgen"', 'utf16le')), JUERGEN.text);
  assert.equal(value('application/json;charset=ISO-8859-15', bytes(0x22, 0xa4, 0x22)), '€');
  assert.equal(value('application/json', bytes(0xef, 0xbb, 0xbf, 0x31)), 1, 'with a byte order mark');
  assert.deepEqual(value('application/json', utf8('{')), { text: '{' });
});

test('text is text, in whichever character set, whatever it looks like', () => {
  for (const type of [
    'text/plain',
    'text/csv',
    'text/html; charset=utf-8',
    'application/xml',
    'image/svg+xml',
    'application/x-ndjson',
    'application/yaml',
    null,
  ])
    assert.deepEqual(value(type, utf8('{"ü":1}')), { text: '{"ü":1}' }, String(type));
  assert.deepEqual(value('text/plain; charset=windows-1252', JUERGEN.latin1), { text: JUERGEN.text });
  assert.deepEqual(value('text/plain; charset=shift_jis', bytes(0x93, 0xfa, 0x96, 0x7b)), { text: '日本' });
  assert.deepEqual(value('text/plain; charset=gbk', bytes(0xd6, 0xd0)), { text: '中' });
  const xml = bytes(...utf8('<?xml version="1.0" encoding="iso-8859-1"?><a>'), 0xfc, ...utf8('</a>'));
  assert.deepEqual(value('application/xml', xml), { text: '<?xml version="1.0" encoding="iso-8859-1"?><a>ü</a>' });
});

test('what is no text is kept as the bytes that it is, and so is what is not in the character set that it is said to be in', () => {
  const png = bytes(0x89, 0x50, 0x4e, 0x47, 0x0d, 0x0a, 0x1a, 0x0a, 0x00, 0xff);
  for (const type of ['image/png', 'application/pdf', 'application/octet-stream', 'audio/ogg'])
    assert.deepEqual(value(type, png), { base64: Buffer.from(png).toString('base64'), mediaType: type });
  assert.deepEqual(value(null, png), { base64: Buffer.from(png).toString('base64'), mediaType: 'application/octet-stream' });
  const latin1 = { base64: Buffer.from(JUERGEN.latin1).toString('base64') };
  assert.deepEqual(value('text/plain', JUERGEN.latin1), { ...latin1, mediaType: 'text/plain' });
  assert.deepEqual(value('application/json', JUERGEN.latin1), { ...latin1, mediaType: 'application/json' });
  assert.deepEqual(value('text/plain; charset=klingon', utf8('x')), { base64: 'eA==', mediaType: 'text/plain' });
});

test('no byte is ever changed: what is told as bytes is these bytes, and text written again in its character set is them too', () => {
  const types = fc.constantFrom('application/json', 'text/plain', 'application/xml', 'image/png', '', 'application/x-www-form-urlencoded');
  const charsets = fc.constantFrom('', '; charset=utf-8', '; charset=utf-16le', '; charset=iso-8859-1', '; charset=none');
  fc.assert(
    fc.property(types, charsets, fc.uint8Array({ maxLength: 40 }), (type, charset, body) => {
      const media = mediaOf(`${type}${charset}`);
      const told = valueIn(body, media) as { base64?: string; text?: string } | null;
      if (typeof told?.base64 === 'string') assert.deepEqual(new Uint8Array(Buffer.from(told.base64, 'base64')), body);
      const text = textIn(body, media);
      if (text === undefined || (media.charset ?? 'utf-8') !== 'utf-8') return;
      const mark = body[0] === 0xef && body[1] === 0xbb && body[2] === 0xbf ? 3 : 0;
      assert.deepEqual(utf8(text), body.slice(mark));
    }),
    { numRuns: Number(process.env['REEL_FUZZ_CASES'] ?? 500) },
  );
});
