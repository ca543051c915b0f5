import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { type TestContext, test } from 'node:test';
import { Client } from '@modelcontextprotocol/sdk/client/index.js';
import { StreamableHTTPClientTransport } from '@modelcontextprotocol/sdk/client/streamableHttp.js';
import type { CallToolResult } from '@modelcontextprotocol/sdk/types.js';
import { startWorld, type WorldOptions } from './world-server.ts';
import type { World } from './world-state.ts';

const booking = { hotelId: 'farol', checkIn: '2027-10-01', checkOut: '2027-10-07', guests: 2, card: 'tok_ada' };

async function stateFile(context: TestContext): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), 'reel-world-'));
  context.after(() => rm(folder, { recursive: true }));
  return join(folder, 'world.json');
}

async function served(context: TestContext, options: Partial<WorldOptions> = {}) {
  const file = options.stateFile ?? (await stateFile(context));
  const world = await startWorld({ ...options, stateFile: file });
  context.after(() => world.close());
  return { ...world, file, written: async () => JSON.parse(await readFile(file, 'utf8')) as World };
}

async function greet(context: TestContext, url: string) {
  const client = new Client({ name: 'test', version: '1' });
  await client.connect(new StreamableHTTPClientTransport(new URL(url)));
  context.after(() => client.close());
  const call = (name: string, args: object, key: string): Promise<CallToolResult> =>
    client.callTool({ name, arguments: { ...args }, _meta: { 'reel/idempotency-key': key } }) as Promise<CallToolResult>;
  return { client, call };
}

test('the tools say what calling them twice does, and what undoes them', async (context) => {
  const { client } = await greet(context, (await served(context)).url);
  const { tools } = await client.listTools();
  assert.equal(tools.length, 11);
  const book = tools.find(({ name }) => name === 'book_hotel');
  assert.equal(book?.annotations?.idempotentHint, true);
  assert.deepEqual(book?._meta?.['reel/compensation'], { uses: 'cancel_hotel', with: { bookingId: '= result.bookingId' } });
  assert.equal(tools.find(({ name }) => name === 'search_hotels')?.annotations?.readOnlyHint, true);
});

test('what is answered is in the file, once for each key, and is there for the next server too', async (context) => {
  const first = await served(context);
  const { call } = await greet(context, first.url);
  const { structuredContent } = await call('book_hotel', booking, 'R.tool.book-hotel');
  assert.equal(structuredContent?.['bookingId'], 'HB-1');
  assert.equal((await first.written()).bookings['HB-1']?.status, 'confirmed');
  await first.close();
  const second = await served(context, { stateFile: first.file });
  const again = await (await greet(context, second.url)).call('book_hotel', booking, 'R.tool.book-hotel');
  assert.deepEqual(again.structuredContent, structuredContent);
  const { calls, effects } = (await second.written()).ledger['R.tool.book-hotel']!;
  assert.deepEqual({ calls, effects }, { calls: 2, effects: 1 });
});

test('a declined card is an error that need not be tried again', async (context) => {
  const { call } = await greet(context, (await served(context)).url);
  const { isError, structuredContent } = await call('charge_card', { card: 'tok_declined', amount: 5, covers: [] }, 'K');
  assert.deepEqual({ isError, structuredContent }, { isError: true, structuredContent: { code: 'card-declined', retryable: false } });
});

test('a call that is to hang does so after its effect, until it is asked for again', async (context) => {
  const hung = Promise.withResolvers<string>();
  const world = await served(context, { hangAfterEffect: 'book_hotel', hangWhen: 'tok_hang', onHang: hung.resolve });
  const { call } = await greet(context, world.url);
  assert.equal((await call('book_hotel', booking, 'A')).structuredContent?.['bookingId'], 'HB-1');
  const hanging = call('book_hotel', { ...booking, card: 'tok_hang' }, 'B');
  assert.equal(await hung.promise, 'B');
  assert.equal((await world.written()).ledger['B']?.effects, 1);
  const again = await call('book_hotel', { ...booking, card: 'tok_hang' }, 'B');
  assert.equal(again.structuredContent?.['bookingId'], 'HB-2');
  assert.deepEqual((await hanging).structuredContent, again.structuredContent);
  assert.equal((await call('book_hotel', { ...booking, card: 'tok_hang' }, 'C')).structuredContent?.['bookingId'], 'HB-3');
});

test('as a process it says where it listens, and a client that it does not know has to greet it', async (context) => {
  const child = spawn(process.execPath, [join(import.meta.dirname, 'world-server.ts'), '--state', await stateFile(context)]);
  context.after(() => child.kill());
  const [line] = (await once(createInterface({ input: child.stdout }), 'line')) as [string];
  const { url } = JSON.parse(line) as { url: string };
  const headers = { 'mcp-session-id': 'somebody', 'content-type': 'application/json' };
  assert.equal((await fetch(url, { method: 'POST', headers, body: '{}' })).status, 404);
  const { call } = await greet(context, url);
  assert.equal((await call('book_hotel', booking, 'A')).structuredContent?.['bookingId'], 'HB-1');
});
