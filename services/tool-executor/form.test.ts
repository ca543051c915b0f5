/** Bodies as they arrive at an API: what is sent is what was meant, byte for byte. */
import assert from 'node:assert/strict';
import { writeFile } from 'node:fs/promises';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import type { Failure } from '@reel/bus/service.ts';
import type { Json } from '@reel/contracts/envelope.ts';
import fc from 'fast-check';
import { opened } from './fixtures/opened.ts';

type Got = { readonly type: string; readonly bytes: Buffer };

/** An API with one operation `send`, whose body is described by `content`; `got` is what arrived. */
async function sending(context: TestContext, content: object, required = true) {
  let got: Got | undefined;
  const server = createServer((request, response) => {
    const chunks: Buffer[] = [];
    request.on('data', (chunk: Buffer) => chunks.push(chunk));
    request.on('end', () => {
      got = { type: request.headers['content-type'] ?? '', bytes: Buffer.concat(chunks) };
      response.writeHead(200, { 'content-type': 'image/png' }).end(Buffer.from([0x89, 0x50, 0xff]));
    });
  }).listen(0, '127.0.0.1');
  await new Promise((resolve) => server.once('listening', resolve));
  context.after(() => server.close());
  const operation = { operationId: 'send', requestBody: { required, content }, responses: { '200': { description: 'ok' } } };
  const file = join(tmpdir(), `reel-body-${process.pid}-${Math.random()}.json`);
  await writeFile(
    file,
    JSON.stringify({
      openapi: '3.1.0',
      info: { title: 'Sending' },
      'x-owner': 'team-a',
      paths: { 'x-owner': 'team-a', '/a': { 'x-y': 1, post: operation } },
      components: { 'x-z': 1, securitySchemes: { 'x-scheme': 'none' } },
    }),
  );
  const baseUrl = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  const { call, offers, refused } = await opened(context, { apis: { api: { document: file, baseUrl } } });
  const send = async (body: Json): Promise<Got> => {
    assert.deepEqual(await call('send', { body }), { base64: 'iVD/', mediaType: 'image/png' });
    return got as Got;
  };
  return { send, call, offers, refused };
}

/** The parts of a form as a server reads them. */
async function partsIn({ type, bytes }: Got): Promise<[name: string, value: string, type?: string, filename?: string][]> {
  const form = await new Response(new Uint8Array(bytes), { headers: { 'content-type': type } }).formData();
  return Promise.all(
    [...form].map(
      async ([name, value]): Promise<[string, string, string?, string?]> =>
        typeof value === 'string'
          ? [name, value]
          : [name, Buffer.from(await value.arrayBuffer()).toString('latin1'), value.type, value.name],
    ),
  );
}

test('a form is sent as one, whether the body has to be there or not', async (context) => {
  const schema = { type: 'object', properties: { email: { type: 'string' } } };
  for (const required of [true, false]) {
    const { send, offers } = await sending(context, { 'application/x-www-form-urlencoded': { schema } }, required);
    assert.deepEqual(offers.items.at(-1), ['send']);
    const { type, bytes } = await send({ email: 'a+b@c.example', name: 'Ä & ö=1', count: 3, ok: true, none: null });
    assert.equal(type, 'application/x-www-form-urlencoded');
    assert.deepEqual(
      [...new URLSearchParams(bytes.toString())],
      [
        ['email', 'a+b@c.example'],
        ['name', 'Ä & ö=1'],
        ['count', '3'],
        ['ok', 'true'],
      ],
    );
  }
});

test('lists and objects in a form are sent as the document says', async (context) => {
  const encoding = {
    deep: { style: 'deepObject', explode: true },
    joined: { style: 'form', explode: false },
    piped: { style: 'pipeDelimited', explode: false },
  };
  const { send } = await sending(context, { 'application/x-www-form-urlencoded': { schema: {}, encoding } });
  const { bytes } = await send({
    list: [1, 'b'],
    object: { a: 1 },
    deep: { a: { b: [1] }, c: 'd' },
    joined: ['x', 'y'],
    piped: ['x', 'y'],
  });
  assert.deepEqual(
    [...new URLSearchParams(bytes.toString())],
    [
      ['list', '1'],
      ['list', 'b'],
      ['object', '{"a":1}'],
      ['deep[a][b][0]', '1'],
      ['deep[c]', 'd'],
      ['joined', 'x,y'],
      ['piped', 'x|y'],
    ],
  );
});

test('files go in forms of several parts, as text or as bytes', async (context) => {
  const properties = {
    file: { type: 'string', format: 'binary' },
    picture: { type: 'string', contentMediaType: 'image/png' },
    title: { type: 'string' },
  };
  const encoding = { meta: { contentType: 'application/vnd.meta+json' } };
  const { send, call } = await sending(context, { 'multipart/form-data': { schema: { type: 'object', properties }, encoding } });
  const got = await send({
    title: 'Ä',
    file: 'plain',
    picture: { base64: 'iVD/AA==', mediaType: 'image/png', filename: 'a.png' },
    meta: { a: 1 },
    tags: ['x', 'y'],
  });
  assert.match(got.type, /^multipart\/form-data; boundary=/);
  assert.deepEqual(await partsIn(got), [
    ['title', 'Ä'],
    ['file', 'plain', 'text/plain; charset=utf-8', 'file'],
    ['picture', '\x89P\xff\0', 'image/png', 'a.png'],
    ['meta', '{"a":1}'],
    ['tags', 'x'],
    ['tags', 'y'],
  ]);
  await assert.rejects(call('send', { body: { file: { base64: '§' } } }), /body\.file\.base64 is not base64/);
  await assert.rejects(call('send', { body: { picture: 5 } }), /picture/);
});

test('text and bytes are bodies too', async (context) => {
  const text = await sending(context, { 'text/csv': { schema: { type: 'string' } } });
  assert.deepEqual(await text.send('a;ü'), { type: 'text/csv; charset=utf-8', bytes: Buffer.from('a;ü') });
  const bytes = await sending(context, { 'application/pdf': { schema: { type: 'string', format: 'binary' } } });
  assert.deepEqual(await bytes.send({ base64: 'iVD/AA==' }), { type: 'application/pdf', bytes: Buffer.from([0x89, 0x50, 0xff, 0]) });
});

test('an operation whose body cannot be sent is not offered, whether the body has to be there or not, and it is told why', async (context) => {
  for (const required of [true, false]) {
    const { offers, refused } = await sending(context, { 'multipart/mixed': {} }, required);
    assert.deepEqual(offers.items.at(-1), []);
    assert.match(refused()[0]?.why ?? '', /it takes a body that cannot be sent: multipart\/mixed/);
  }
});

const FILE = { type: 'string', format: 'binary' };
const form = (properties: object, encoding: object = {}) => ({
  'multipart/form-data': { schema: { type: 'object', properties }, encoding },
});

test('no byte of a form of several parts is changed, and another attempt sends the same', async (context) => {
  const { send } = await sending(context, form({ text: { type: 'string' }, file: FILE, note: FILE, '"\r\n': { type: 'string' } }));
  const words = ['a\nb', 'a\r\nb', 'a\rb', ' ', '', '--', '\r\n--reel-', 'ü', '😀', '\0'];
  for (const text of words) {
    const body = { text, file: { base64: Buffer.from(text).toString('base64') }, note: { text, filename: 'ä"\n.txt' }, '"\r\n': text };
    const got = await send(body);
    assert.deepEqual(await send(body), got);
    const whole = got.bytes.toString();
    assert.equal(whole.split(`\r\n\r\n${text}\r\n--`).length - 1 >= 4, true, JSON.stringify(text));
    assert.match(whole, /name="%22%0D%0A"\r\n\r\n/);
    assert.match(whole, /name="note"; filename="ä%22%0A\.txt"\r\nContent-Type: text\/plain; charset=utf-8\r\n/);
  }
});

test('whatever there is in a form or a file arrives as it is', async (context) => {
  const urlencoded = { 'application/x-www-form-urlencoded': { schema: { type: 'object' } } };
  const [flat, parts, file] = [
    await sending(context, urlencoded),
    await sending(context, form({ file: FILE })),
    await sending(context, { 'image/*': {} }),
  ];
  const field = fc.dictionary(fc.string({ unit: 'grapheme', minLength: 1 }), fc.string({ unit: 'grapheme' }), {
    maxKeys: 4,
    noNullPrototype: true,
  });
  await fc.assert(
    fc.asyncProperty(field, fc.uint8Array({ maxLength: 60 }), async (fields, bytes) => {
      const got = await flat.send(fields);
      assert.deepEqual(Object.fromEntries(new URLSearchParams(got.bytes.toString())), fields);
      const base64 = Buffer.from(bytes).toString('base64');
      const [, value, type] = (await partsIn(await parts.send({ file: { base64, mediaType: 'image/png' } })))[0]!;
      assert.deepEqual([value, type], [Buffer.from(bytes).toString('latin1'), 'image/png']);
      assert.deepEqual(await file.send({ base64, mediaType: 'image/gif' }), { type: 'image/gif', bytes: Buffer.from(bytes) });
    }),
    { numRuns: 60, seed: 12 },
  );
});

test('which field is a file is told by the document, and not by the value', async (context) => {
  const properties = {
    one: FILE,
    many: { type: 'array', items: FILE },
    maybe: { anyOf: [FILE, { type: 'null' }] },
    typed: {},
    data: { type: 'object' },
    code: { type: 'string', format: 'byte' },
  };
  const { send, call } = await sending(context, form(properties, { typed: { contentType: 'image/png, image/gif' } }));
  const bytes = { base64: 'aGk=' };
  assert.deepEqual(
    await partsIn(
      await send({
        one: { text: 'hi' },
        many: [bytes, 'x'],
        maybe: bytes,
        typed: bytes,
        data: { base64: 'aGk=' },
        code: 'aGk=',
        free: bytes,
      }),
    ),
    [
      ['one', 'hi', 'text/plain; charset=utf-8', 'one'],
      ['many', 'hi', 'application/octet-stream', 'many'],
      ['many', 'x', 'text/plain; charset=utf-8', 'many'],
      ['maybe', 'hi', 'application/octet-stream', 'maybe'],
      ['typed', 'hi', 'image/png', 'typed'],
      ['data', '{"base64":"aGk="}'],
      ['code', 'aGk='],
      ['free', 'hi', 'application/octet-stream', 'free'],
    ],
  );
  await assert.rejects(
    call('send', { body: { one: { base64: 'aGk=', mediaType: 'a/b\r\nX: y' } } }),
    /body\.one\.mediaType is no media type/,
  );
});

test('what a form cannot say is refused before anything is sent, and the field is named', async (context) => {
  const encoding = { list: { style: 'form', explode: false }, piped: { style: 'pipeDelimited', explode: false } };
  for (const type of ['application/x-www-form-urlencoded', 'multipart/form-data']) {
    const { call, send } = await sending(context, { [type]: { schema: {}, encoding } });
    const refusals: [body: Json, why: RegExp][] = [
      [{ a: ['x', null] }, /body\.a is null/],
      [{ a: '\ud800' }, /body\.a is no text: it has half a character/],
      [{ '\ud800': 'a' }, /has a name that is no text/],
      [{ list: ['a,b'] }, /body\.list has "a,b", whose ","/],
      [{ piped: ['a|b'] }, /body\.piped has "a\|b"/],
    ];
    for (const [body, why] of refusals) {
      const problem = await call('send', { body }).then(
        () => assert.fail(`it was sent: ${JSON.stringify(body)}`),
        (error: Failure) => error.problem,
      );
      assert.deepEqual([problem.code, problem.retryable], ['invalid-arguments', false]);
      assert.match(problem.message, why);
    }
    assert.match((await send({ list: ['a', 'b'] })).bytes.toString(), /a(,|%2C)b/);
  }
});

const unsendable: Record<string, [content: object, why: RegExp]> = {
  'a file in a form of one part': [
    { 'application/x-www-form-urlencoded': { schema: { type: 'object', properties: { f: FILE } } } },
    /"f" is a file/,
  ],
  'a form that is no object': [{ 'multipart/form-data': { schema: { type: 'array' } } }, /not that of an object/],
  'a part of XML': [form({ x: { type: 'object' } }, { x: { contentType: 'application/xml' } }), /"x" is to be written as application\/xml/],
  'a style that is none': [form({ x: {} }, { x: { style: 'matrix' } }), /the style "matrix" is none of/],
  'a header of a part': [form({ x: {} }, { x: { headers: { 'X-A': { required: true } } } }), /needs the header "X-A"/],
};
for (const [what, [content, why]] of Object.entries(unsendable)) {
  test(`${what} cannot be sent, so that the operation is not offered`, async (context) => {
    for (const required of [true, false]) {
      const { offers, refused } = await sending(context, content, required);
      assert.deepEqual(offers.items.at(-1), []);
      assert.match(refused()[0]?.why ?? '', why);
    }
  });
}

test('of several media types that one is taken that can be sent', async (context) => {
  const schema = { type: 'object', properties: { f: FILE } };
  const { send } = await sending(context, {
    'multipart/mixed': {},
    'application/x-www-form-urlencoded': { schema },
    'multipart/form-data': { schema },
  });
  assert.match((await send({ f: 'x' })).type, /^multipart\/form-data; boundary=/);
});

test('a number that no double carries goes out in all its digits, in a field and within JSON', async (context) => {
  const digits = '7615917337495251231';
  const number = { type: 'integer' };
  const properties = { id: number, ids: { type: 'array', items: number }, data: { type: 'object', properties: { id: number } } };
  const schema = { type: 'object', properties };
  for (const type of ['application/x-www-form-urlencoded', 'multipart/form-data']) {
    const { send } = await sending(context, { [type]: { schema } });
    const got = await send({ id: digits, ids: [digits, 2], data: { id: digits } });
    assert.deepEqual(
      await partsIn(got),
      [
        ['id', digits],
        ['ids', digits],
        ['ids', '2'],
        ['data', `{"id":${digits}}`],
      ],
      type,
    );
  }
});
