/** Bodies as they arrive at an API: what is sent is what was meant, byte for byte. */
import assert from 'node:assert/strict';
import { writeFile } from 'node:fs/promises';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import type { Json } from '@reel/contracts/envelope.ts';
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
    ['file', 'plain'],
    ['picture', '\x89P\xff\0', 'image/png', 'a.png'],
    ['meta', '{"a":1}', 'application/vnd.meta+json', 'blob'],
    ['tags', 'x'],
    ['tags', 'y'],
  ]);
  await assert.rejects(call('send', { body: { file: { base64: '§' } } }), /body\/file: is not base64/);
  await assert.rejects(call('send', { body: { picture: 5 } }), /picture/);
});

test('text and bytes are bodies too', async (context) => {
  const text = await sending(context, { 'text/csv': { schema: { type: 'string' } } });
  assert.deepEqual(await text.send('a;ü'), { type: 'text/csv', bytes: Buffer.from('a;ü') });
  const bytes = await sending(context, { 'application/pdf': { schema: { type: 'string', format: 'binary' } } });
  assert.deepEqual(await bytes.send({ base64: 'iVD/AA==' }), { type: 'application/pdf', bytes: Buffer.from([0x89, 0x50, 0xff, 0]) });
});

test('an operation whose body cannot be sent is not offered, whether the body has to be there or not, and it is told why', async (context) => {
  for (const required of [true, false]) {
    const { offers, refused } = await sending(context, { 'multipart/mixed': {} }, required);
    assert.deepEqual(offers.items.at(-1), []);
    assert.match(refused()[0]?.why ?? '', /a body of multipart\/mixed cannot be sent/);
  }
});
