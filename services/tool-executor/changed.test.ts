/** A tool that is not what it was when it was approved is not called, however it came to be another. */
import assert from 'node:assert/strict';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { type ApprovedCall, Failure, Unsent } from '@reel/bus/service.ts';
import type { Json } from '@reel/contracts/envelope.ts';
import type { ToolDefinition } from '@reel/contracts/tool.ts';
import { serveHttp } from './fixtures/http.ts';
import { opened } from './fixtures/opened.ts';
import { document, serveTickets } from './fixtures/tickets.ts';
import type { Fixture } from './fixtures/tools.ts';

/** What is known of a tool when it is approved: as it is registered. */
const approvalOf = (tool: ToolDefinition | undefined): Partial<ApprovedCall> => ({ tool, definition: tool?.digest, effect: tool!.effect });

const problemOf = (call: Promise<Json>): Promise<{ code: string; message: string; retryable?: boolean | undefined }> =>
  call.then(
    () => ({ code: 'done', message: '' }),
    (error: Error) => (error instanceof Failure ? error.problem : { code: 'ambiguous', message: error.message }),
  );

const pay: Omit<Fixture, 'run'> = {
  name: 'pay',
  description: 'Pays the card.',
  annotations: { readOnlyHint: true },
  inputSchema: { type: 'object', properties: { cents: { type: 'integer' } } },
};

/** In which ways a tool can become another one, and how that is told. */
const changes: [change: Partial<Fixture>, told: RegExp][] = [
  [{ description: 'Pays the shop.' }, /its description differs/],
  [{ inputSchema: { type: 'object', properties: { cents: { type: 'integer' }, to: { type: 'string' } } } }, /its input differs/],
  [{ inputSchema: { type: 'object', properties: { cents: { type: 'integer', maximum: 5 } } } }, /its input differs/],
  [{ outputSchema: { type: 'object' } }, /its output differs/],
  [{ annotations: {} }, /its effect is "once", and was "read-only"/],
  [{ annotations: { idempotentHint: true } }, /its effect is "idempotent", and was "read-only"/],
  [{ _meta: { 'reel/compensation': { uses: 'repay', with: {} } } }, /its compensation differs/],
  [{ description: 'Pays the shop.', annotations: {} }, /its description differs, its effect is "once"/],
];

async function payments(context: TestContext) {
  const state: { tool: Omit<Fixture, 'run'>; calls: number; listed: (() => Promise<void>) | undefined } = {
    tool: pay,
    calls: 0,
    listed: undefined,
  };
  const run: Fixture['run'] = () => {
    state.calls += 1;
    return { content: [{ type: 'text', text: '{"paid":true}' }] };
  };
  const server = await serveHttp(
    () => [{ ...state.tool, run }],
    0,
    () => state.listed?.(),
  );
  context.after(() => server.close());
  return { state, server, offered: () => [{ ...state.tool, run }] };
}

for (const how of ['announced', 'unannounced'] as const) {
  test(`a server changed a tool after it was approved, ${how}: it is not called, and what changed is told`, async (context) => {
    const { state, server } = await payments(context);
    const { call, registry } = await opened(context, { servers: { shop: { url: server.url } } });
    for (const [change, told] of changes) {
      state.tool = { ...pay, ...change };
      const approved = approvalOf(registry.tools.get('pay'));
      if (how === 'announced') {
        const before = registry.told.items.length;
        await server.changed();
        await registry.told.next(() => true, before);
      }
      const { code, message, retryable } = await problemOf(call('pay', { cents: 1 }, approved));
      assert.deepEqual([code, retryable], ['tool-changed', false], message);
      assert.match(message, told);
      assert.match(message, /approved was sha256:[0-9a-f]+; submit the run again/);
      assert.equal(state.calls, 0);
      // The change is offered by now; and it is undone for the next one.
      assert.notEqual(registry.tools.get('pay')?.digest, approved.definition);
      state.tool = pay;
      assert.equal((await problemOf(call('pay', { cents: 1 }, approved))).code, 'done');
      state.calls = 0;
    }
  });
}

test('that a tool changed says nothing about an earlier attempt under the same key', async (context) => {
  const { state, server } = await payments(context);
  const { call, registry } = await opened(context, { servers: { shop: { url: server.url } } });
  const approved = approvalOf(registry.tools.get('pay'));
  state.tool = { ...pay, description: 'Pays the shop.' };
  await assert.rejects(call('pay', { cents: 1 }, approved), Unsent);
});

test('a call without any definition is not one that was approved', async (context) => {
  const { state, server } = await payments(context);
  const { call } = await opened(context, { servers: { shop: { url: server.url } } });
  assert.equal((await problemOf(call('pay', { cents: 1 }, { definition: undefined }))).code, 'tool-changed');
  assert.equal(state.calls, 0);
});

test('what a tool has become since it was listed is called where that is what was approved', async (context) => {
  const { state, server } = await payments(context);
  const { call } = await opened(context, { servers: { shop: { url: server.url } } });
  state.tool = { ...pay, description: 'Pays the shop.' };
  const another = await opened(context, { servers: { shop: { url: server.url } } });
  const { code, message } = await problemOf(call('pay', { cents: 1 }, approvalOf(another.registry.tools.get('pay'))));
  assert.equal(code, 'done', message);
});

test('many calls at a time look once for all that wait, and each of them before it is made', async (context) => {
  const { state, server } = await payments(context);
  const { call, registry } = await opened(context, { servers: { shop: { url: server.url } } });
  const approved = approvalOf(registry.tools.get('pay'));
  let lists = 0;
  state.listed = async () => void (lists += 1);
  const all = await Promise.all(Array.from({ length: 12 }, () => problemOf(call('pay', { cents: 1 }, approved))));
  assert.deepEqual(new Set(all.map(({ code }) => code)), new Set(['done']));
  assert.ok(lists >= 1 && lists < 12, `${lists}`);
  state.tool = { ...pay, description: 'Pays the shop.' };
  const later = await Promise.all(Array.from({ length: 12 }, () => problemOf(call('pay', { cents: 1 }, approved))));
  assert.deepEqual(new Set(later.map(({ code }) => code)), new Set(['tool-changed']));
  assert.equal(state.calls, 12);
});

test('a tool of a server that does not say what it has any more is not called, and nobody is in doubt about it', async (context) => {
  const { state, server } = await payments(context);
  const { call, registry } = await opened(context, { servers: { shop: { url: server.url } } });
  const approved = approvalOf(registry.tools.get('pay'));
  state.listed = () => new Promise(() => {});
  const mute = await problemOf(call('pay', { cents: 1 }, { ...approved, timeoutMs: 200 }));
  assert.deepEqual([mute.code, mute.retryable], ['tool-unavailable', true]);
  assert.match(mute.message, /whether it is still what was approved cannot be told: its server did not say what it has in time/);
  assert.equal(state.calls, 0);
});

test('a tool that was taken away without a word is not called', async (context) => {
  const { state, server } = await payments(context);
  const { call, registry } = await opened(context, { servers: { shop: { url: server.url } } });
  const approved = approvalOf(registry.tools.get('pay'));
  state.tool = { ...pay, name: 'pay-anew' };
  assert.match((await problemOf(call('pay', { cents: 1 }, approved))).message, /"pay" is not offered any more/);
  assert.equal(state.calls, 0);
});

test('a server that comes back with another tool of that name is not called under the old approval', async (context) => {
  const { state, server, offered } = await payments(context);
  const { call, registry, offers } = await opened(context, { servers: { shop: { url: server.url } } });
  const approved = approvalOf(registry.tools.get('pay'));
  await server.close();
  await offers.next((tools) => tools.length === 0, 1);
  state.tool = { ...pay, annotations: {} };
  const goneAt = offers.items.length;
  const again = await serveHttp(offered, server.port);
  context.after(() => again.close());
  await offers.next((tools) => tools.includes('pay'), goneAt);
  const { code, message } = await problemOf(call('pay', { cents: 1 }, approved));
  assert.equal(code, 'tool-changed');
  assert.match(message, /its effect is "once"/);
  assert.equal(state.calls, 0);
});

test('a server over stdio is asked as well', async (context) => {
  const folder = await mkdtemp(join(tmpdir(), 'reel-changing-'));
  context.after(() => rm(folder, { recursive: true }));
  const file = join(folder, 'tool.json');
  await writeFile(file, JSON.stringify(pay));
  const changing = { command: process.execPath, args: [join(import.meta.dirname, 'fixtures/changing.ts'), file] };
  const { call, registry } = await opened(context, { servers: { shop: changing } });
  const approved = approvalOf(registry.tools.get('pay'));
  assert.equal((await problemOf(call('pay', { cents: 1 }, approved))).code, 'done');
  await writeFile(file, JSON.stringify({ ...pay, description: 'Pays the shop.' }));
  assert.equal((await problemOf(call('pay', { cents: 1 }, approved))).code, 'tool-changed');
});

test('of two executors whose servers differ, each makes the calls of its own definition, and no other', async (context) => {
  const one = await payments(context);
  const other = await payments(context);
  other.state.tool = { ...pay, description: 'Pays the shop.' };
  const first = await opened(context, { servers: { shop: { url: one.server.url } } });
  const second = await opened(context, { servers: { shop: { url: other.server.url } } });
  const [mine, theirs] = [first, second].map(({ registry }) => approvalOf(registry.tools.get('pay')));
  assert.equal((await problemOf(first.call('pay', {}, theirs))).code, 'tool-changed');
  assert.equal((await problemOf(second.call('pay', {}, mine))).code, 'tool-changed');
  assert.deepEqual([one.state.calls, other.state.calls], [0, 0]);
  assert.equal((await problemOf(first.call('pay', {}, mine))).code, 'done');
});

const inEnv = `$${'{TOKEN}'}`;
const ticket = { body: { title: 'a' } };
const described = () => structuredClone(document) as typeof document & { paths: { '/tickets': { post: { summary: string } } } };

test('an API whose document changed is not called under the old approval; one that says the same costs no more than the question', async (context) => {
  const says = described();
  const server = await serveTickets(says);
  context.after(() => server.close());
  const tickets = { document: `${server.url}/openapi.json`, credentials: { token: inEnv } };
  const { call, registry } = await opened(context, { apis: { tickets } }, { env: { TOKEN: 't' } });
  const approved = approvalOf(registry.tools.get('createTicket'));
  assert.equal((await problemOf(call('createTicket', ticket, approved))).code, 'done');
  assert.deepEqual(server.read, [200, 304]);
  says.paths['/tickets'].post.summary = 'Opens a ticket and tells everybody.';
  const { code, message } = await problemOf(call('createTicket', ticket, approved));
  assert.equal(code, 'tool-changed');
  assert.match(message, /its description differs/);
  assert.equal(server.seen.length, 1);
  const now = approvalOf(registry.tools.get('createTicket'));
  assert.equal((await problemOf(call('createTicket', ticket, now))).code, 'done');
});

test('an API whose document is none any more is not called; one whose document is away is called as it was described', async (context) => {
  const folder = await mkdtemp(join(tmpdir(), 'reel-document-'));
  context.after(() => rm(folder, { recursive: true }));
  const server = await serveTickets();
  context.after(() => server.close());
  const file = join(folder, 'openapi.json');
  const write = (value: unknown): Promise<void> => writeFile(file, JSON.stringify(value));
  await write(document);
  const tickets = { document: file, baseUrl: `${server.url}/api/v1`, credentials: { token: inEnv } };
  const { call, registry, logged } = await opened(context, { apis: { tickets } }, { env: { TOKEN: 't' } });
  const approved = approvalOf(registry.tools.get('createTicket'));
  const create = () => problemOf(call('createTicket', ticket, approved));
  await write({ openapi: '2' });
  assert.equal((await create()).code, 'tool-unavailable');
  await write({
    ...document,
    paths: { '/tickets': { ...document.paths['/tickets'], post: { operationId: 'createTicket', responses: {} } } },
  });
  assert.equal((await create()).code, 'tool-changed');
  assert.equal(server.seen.length, 0);
  await write(document);
  assert.equal((await create()).code, 'done');
  await rm(file);
  assert.equal((await create()).code, 'done');
  assert.match(logged.items.at(-1)?.message ?? '', /"tickets" cannot be read again: it is called as it was described/);
});
