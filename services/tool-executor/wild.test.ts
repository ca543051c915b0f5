/** Servers as they are in the wild: what is wrong with one tool or one answer costs nothing else. */
import assert from 'node:assert/strict';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { test } from 'node:test';
import { Failure } from '@reel/bus/service.ts';
import type { Json } from '@reel/contracts/envelope.ts';
import { TOOL_GONE } from '@reel/contracts/tool.ts';
import { opened } from './fixtures/opened.ts';

const wild = (told: object, more: object = {}) => ({
  command: process.execPath,
  args: [join(import.meta.dirname, 'fixtures/wild.ts'), JSON.stringify(told)],
  ...more,
});
const object = { type: 'object' };
const good = { name: 'good', inputSchema: object, annotations: { readOnlyHint: true } };

const bad: { readonly [why: string]: [tool: unknown, why: RegExp] } = {
  'required is null': [{ name: 'bad', inputSchema: { type: 'object', required: null } }, /inputSchema\.required: .* is null/],
  'hints are null': [{ name: 'bad', inputSchema: object, annotations: { readOnlyHint: null } }, /annotations\.readOnlyHint: .* is null/],
  'no input schema': [{ name: 'bad' }, /inputSchema: .* is missing/],
  'an input schema that is none': [
    { name: 'bad', inputSchema: { type: 'object', properties: { a: { type: 'strin' } } } },
    /its input schema is not a usable/,
  ],
  'an output schema that is none': [
    { ...good, name: 'bad', outputSchema: { type: 'object', properties: { a: { type: 5 } } } },
    /its output schema is not a usable/,
  ],
  'a draft that is not known': [
    { name: 'bad', inputSchema: { ...object, $schema: 'http://example.com/own' } },
    /not a draft that is understood/,
  ],
  'a reference that leads nowhere': [
    { name: 'bad', inputSchema: { ...object, properties: { a: { $ref: '#/$defs/no' } } } },
    /not a usable JSON Schema/,
  ],
  'a pattern that is none': [{ name: 'bad', inputSchema: { ...object, properties: { a: { pattern: '(' } } } }, /not a usable JSON Schema/],
  'a compensation that is none': [{ ...good, name: 'bad', _meta: { 'reel/compensation': 5 } }, /reel\/compensation/],
  'a name that is none': [{ ...good, name: 'no good' }, /a name is 1 to 128/],
  'a number': [5, /it: .*, is 5/],
  null: [null, /it: .*, is null/],
};

test('a bad tool costs itself, is told of with its reason, and its neighbours work', async (context) => {
  for (const [what, [tool, why]] of Object.entries(bad)) {
    const { offers, refused, call } = await opened(context, {
      servers: { s: wild({ pages: [[tool, good]], results: { good: { content: [{ type: 'text', text: 'yes' }] } } }) },
    });
    assert.deepEqual(offers.items.at(-1), ['good'], what);
    assert.match(refused()[0]?.why ?? 'nothing is refused', why, what);
    assert.equal(refused().length, 1, what);
    assert.deepEqual(await call('good'), { text: 'yes' }, what);
  }
});

test('a list whose cursor stands still, or comes again, ends', async (context) => {
  const { offers } = await opened(context, { servers: { s: wild({ pages: [[good], [{ ...good, name: 'more' }]], still: true }) } });
  assert.deepEqual(offers.items.at(-1), ['good', 'more']);
});

test('a pattern as ECMAScript reads it without the flag u is read so', async (context) => {
  const inputSchema = { ...object, properties: { url: { type: 'string', pattern: '^https\\:\\/\\/' } } };
  const { call } = await opened(context, { servers: { s: wild({ pages: [[{ ...good, inputSchema }]] }) } });
  assert.deepEqual(await call('good', { url: 'https://a' }), { text: '', content: [] });
  await assert.rejects(call('good', { url: 'ftp://a' }), /must match pattern/);
});

const text = (said: string): object => ({ content: [{ type: 'text', text: said }] });
const output = { type: 'object', required: ['n'], properties: { n: { type: 'number' } } };
const results: [what: string, result: object, expected: Json, output?: object][] = [
  ['structured content', { content: [], structuredContent: { a: 1 } }, { a: 1 }],
  ['structured content that is a list', { ...text('[1]'), structuredContent: [1] }, [1]],
  ['structured content that is a number', { ...text('7'), structuredContent: 7 }, 7],
  ['structured content that is a text', { content: [], structuredContent: 'yes' }, 'yes'],
  ['structured content that is null', { ...text('x'), structuredContent: null }, { text: 'x' }],
  ...['A-17', '42', '1234567890123456789', 'null', 'true', '{"n":1}', '[1]', '"x"', ''].map((said): [string, object, Json] => [
    `the text ${said}`,
    text(said),
    { text: said },
  ]),
  ['a text that keeps to the schema', text('{"n":1}'), { n: 1 }, output],
  ['a text that does not keep to it', text('{"n":"1"}'), { text: '{"n":"1"}' }, output],
  ['a text that is not JSON', text('one'), { text: 'one' }, output],
  ['content of a kind that is not known', { content: [{ type: 'hologram', x: 1 }] }, { text: '', content: [{ type: 'hologram', x: 1 }] }],
  ['no content', {}, { text: '', content: [] }],
  ['content that is null', { content: null, isError: null }, { text: '', content: [] }],
];

test('a result has the same shape whatever it says', async (context) => {
  const tools = results.map(([, , , outputSchema], n) => ({ ...good, name: `t${n}`, ...(outputSchema && { outputSchema }) }));
  const told = { pages: [tools], results: Object.fromEntries(results.map(([, result], n) => [`t${n}`, result])) };
  const { call } = await opened(context, { servers: { s: wild(told) } });
  for (const [n, [what, , expected]] of results.entries()) assert.deepEqual(await call(`t${n}`), expected, what);
});

test('two servers with the same tools both work, with a prefix or another name', async (context) => {
  const server = (said: string, more: object) => wild({ pages: [[good, { ...good, name: 'undo' }]], results: { good: text(said) } }, more);
  const { offers, call, refused } = await opened(context, {
    servers: {
      a: server('a', {}),
      b: server('b', { prefix: 'b_' }),
      c: server('c', { prefix: 'c.', tools: { good: { as: 'best', timeoutMs: 7 } } }),
    },
  });
  assert.deepEqual(offers.items.at(-1), ['b_good', 'b_undo', 'best', 'c.undo', 'good', 'undo']);
  assert.deepEqual([await call('good'), await call('b_good'), await call('best')], [{ text: 'a' }, { text: 'b' }, { text: 'c' }]);
  assert.deepEqual(refused(), []);
});

test('a compensation names the tool of its own server', async (context) => {
  const undone = { ...good, annotations: {}, _meta: { 'reel/compensation': { uses: 'undo', with: {} } } };
  const { registry } = await opened(context, { servers: { b: wild({ pages: [[undone, { ...good, name: 'undo' }]] }, { prefix: 'b_' }) } });
  assert.equal(registry.tools.get('b_good')?.compensation?.uses, 'b_undo');
});

/** Over HTTP with sessions, which `forget` drops as a restart does; `tools` is what it lists. */
async function stateful() {
  let sessions = new Set<string>();
  const state = { tools: [{ name: 'stock', inputSchema: object }] as object[], calls: 0, greeted: 0, greets: true };
  const server = createServer((request, response) => {
    const chunks: Buffer[] = [];
    request.on('data', (chunk: Buffer) => chunks.push(chunk));
    request.on('end', () => {
      const json = (said: object, more: object = {}, status = 200): unknown =>
        response.writeHead(status, { 'content-type': 'application/json', ...more }).end(JSON.stringify({ jsonrpc: '2.0', ...said }));
      if (request.method !== 'POST') return response.writeHead(405).end();
      const { id, method, params } = JSON.parse(Buffer.concat(chunks).toString()) as {
        id?: number;
        method: string;
        params?: { protocolVersion?: string };
      };
      if (method === 'initialize') {
        if (!state.greets) return response.writeHead(500).end();
        const session = `s${(state.greeted += 1)}`;
        sessions.add(session);
        const result = { protocolVersion: params?.protocolVersion, capabilities: { tools: {} }, serverInfo: { name: 's', version: '1' } };
        return json({ id, result }, { 'mcp-session-id': session });
      }
      if (!sessions.has(String(request.headers['mcp-session-id'])))
        return json({ id: null, error: { code: -32001, message: 'Session not found' } }, {}, 404);
      if (id === undefined) return response.writeHead(202).end();
      if (method === 'tools/list') return json({ id, result: { tools: state.tools } });
      if (method === 'tools/call') return json({ id, result: text(String((state.calls += 1))) });
      return json({ id, result: {} });
    });
  }).listen(0, '127.0.0.1');
  await new Promise((resolve) => server.once('listening', resolve));
  const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}/mcp`;
  return { url, state, forget: () => (sessions = new Set()), close: () => server.close() };
}

const went = (call: Promise<Json>): Promise<string> =>
  call.then(JSON.stringify as (value: Json) => string, (error: Error) => (error instanceof Failure ? error.problem.code : 'in doubt'));

test('a server that has forgotten the session is greeted again, and the call is made, once', async (context) => {
  const { url, state, forget, close } = await stateful();
  context.after(close);
  const { call } = await opened(context, { servers: { s: { url } } });
  assert.equal(await went(call('stock')), '{"text":"1"}');
  for (let n = 2; n < 5; n += 1) {
    forget();
    assert.equal(await went(call('stock')), `{"text":"${n}"}`);
  }
  forget();
  assert.deepEqual(await Promise.all([call('stock'), call('stock'), call('stock')].map(went)), [
    '{"text":"5"}',
    '{"text":"6"}',
    '{"text":"7"}',
  ]);
  assert.equal(state.calls, 7);
  forget();
  state.greets = false;
  assert.equal(await went(call('stock')), 'tool-unavailable');
  assert.equal(state.calls, 7);
});

test('what has become another tool with the new session is not called', async (context) => {
  const { url, state, forget, close } = await stateful();
  context.after(close);
  const { call } = await opened(context, { servers: { s: { url } } });
  state.tools = [{ name: 'stock', description: 'sells everything', inputSchema: object }];
  forget();
  assert.equal(await went(call('stock')), 'tool-changed');
  state.tools = [];
  assert.equal(await went(call('stock')), TOOL_GONE);
  assert.equal(state.calls, 0);
});
