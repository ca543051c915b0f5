import assert from 'node:assert/strict';
import { type TestContext, test } from 'node:test';
import { Failure, Unsent } from '@reel/bus/service.ts';
import type { Json } from '@reel/contracts/envelope.ts';
import { CIRCUIT_OPEN } from '@reel/contracts/tool.ts';
import { serveHttp } from './fixtures/http.ts';
import { opened } from './fixtures/opened.ts';
import { document, says, serveTickets } from './fixtures/tickets.ts';
import { everyday } from './fixtures/tools.ts';

/** A clock that goes when it is told to. */
function clock() {
  let ms = Date.now();
  return { now: () => ms, pass: (by: number) => void (ms += by) };
}

/** The ticket API behind an executor, and how a call went: `done`, a failure's code, or `ambiguous`. */
async function tickets(context: TestContext, servers: object = {}) {
  const time = clock();
  const server = await serveTickets(document);
  context.after(() => server.close());
  const api = { document: `${server.url}/openapi.json`, credentials: { token: '$'.concat('{TOKEN}') } };
  const all = await opened(context, { servers, apis: { tickets: api } }, { env: { TOKEN: 's' }, now: time.now });
  const get = (): Promise<string> => went(all.call('getTicket', { id: 'a' }));
  const fail = async (times: number, status = 503): Promise<string[]> => {
    const ends: string[] = [];
    for (let n = 0; n < times; n += 1) {
      server.next(says(status));
      ends.push(await get());
    }
    return ends;
  };
  return { ...all, server, time, get, fail };
}

const went = (call: Promise<Json>): Promise<string> =>
  call.then(
    () => 'done',
    (error: Error) => (error instanceof Failure ? error.problem.code : 'ambiguous'),
  );
const refusal = (call: Promise<Json>): Promise<Unsent> =>
  call.then(
    (result) => assert.fail(`it was not refused: ${JSON.stringify(result)}`),
    (error: Error) => (error instanceof Unsent ? error : assert.fail(error)),
  );

test('after five failures in a row a server is left alone, and calls say at once for how long', async (context) => {
  const { server, fail, call, logged, time } = await tickets(context);
  assert.deepEqual(await fail(5), Array(5).fill('api-unavailable'));
  const { problem } = await refusal(call('getTicket', { id: 'a' }));
  const message = 'getTicket: the server "tickets" failed 5 times in a row and is left alone for 10 s';
  assert.deepEqual(problem, { code: CIRCUIT_OPEN, message, retryable: true, retryAfterMs: 10_000 });
  time.pass(4_000);
  assert.equal((await refusal(call('createTicket', { body: { title: 'x' } }))).problem.retryAfterMs, 6_000);
  assert.equal(server.seen.length, 5);
  assert.ok(logged.items.some(({ level, fields }) => level === 'warn' && fields['server'] === 'tickets' && fields['restMs'] === 10_000));
});

test('when the rest is over one call tries it, and the others wait for what becomes of it', async (context) => {
  const { server, fail, call, get, logged, time } = await tickets(context);
  await fail(5);
  time.pass(10_000);
  const arrived = Promise.withResolvers<() => void>();
  server.next((_, response) => arrived.resolve(() => response.writeHead(200).end('{}')));
  const trial = get();
  const answer = await arrived.promise;
  assert.equal((await refusal(call('getTicket', { id: 'a' }))).problem.retryAfterMs, 1_000);
  answer();
  assert.equal(await trial, 'done');
  assert.deepEqual([await get(), await get()], ['done', 'done']);
  assert.ok(logged.items.some(({ level, message }) => level === 'info' && /"tickets" answers again/.test(message)));
});

test('a trial that fails doubles the rest, up to two minutes; one that succeeds forgets all of it', async (context) => {
  const { fail, call, get, time } = await tickets(context);
  await fail(5);
  const rests: (number | undefined)[] = [];
  for (let n = 0; n < 6; n += 1) {
    const { retryAfterMs = 0 } = (await refusal(call('getTicket', { id: 'a' }))).problem;
    rests.push(retryAfterMs);
    time.pass(retryAfterMs);
    await fail(1);
  }
  assert.deepEqual(rests, [10_000, 20_000, 40_000, 80_000, 120_000, 120_000]);
  time.pass(120_000);
  assert.equal(await get(), 'done');
  assert.deepEqual(await fail(5), Array(5).fill('api-unavailable'));
  assert.equal((await refusal(call('getTicket', { id: 'a' }))).problem.retryAfterMs, 10_000);
});

test('what is no failure of the server does not count: errors of the tool, being asked to slow down, an answer in between, old failures', async (context) => {
  const { fail, get, time } = await tickets(context);
  for (const status of [400, 404, 409, 429, 501]) assert.ok(!(await fail(6, status)).includes(CIRCUIT_OPEN), String(status));
  await fail(4);
  assert.equal(await get(), 'done');
  await fail(4);
  time.pass(60_001);
  assert.deepEqual(await fail(4), Array(4).fill('api-unavailable'));
  assert.equal(await get(), 'done');
});

test('calls that time out count, and calls that nobody wants any more do not', async (context) => {
  const { server, call, get } = await tickets(context);
  const hang = async (reason: Error): Promise<void> => {
    const arrived = Promise.withResolvers<void>();
    server.next(() => arrived.resolve());
    const abort = new AbortController();
    const ended = went(call('getTicket', { id: 'a' }, { signal: abort.signal }));
    await arrived.promise;
    abort.abort(reason);
    assert.equal(await ended, 'ambiguous');
  };
  for (let n = 0; n < 6; n += 1) await hang(new Error('nobody wants it any more'));
  for (let n = 0; n < 4; n += 1) await hang(Object.assign(new Error('timed out'), { name: 'TimeoutError' }));
  server.next(says(503));
  assert.equal(await get(), 'api-unavailable');
  assert.equal(await get(), CIRCUIT_OPEN);
});

test('an API that cannot be reached rests, and is called again when it is back', async (context) => {
  const { server, get, time } = await tickets(context);
  const port = Number(new URL(server.url).port);
  await server.close();
  for (let n = 0; n < 5; n += 1) assert.equal(await get(), 'api-unreachable');
  assert.equal(await get(), CIRCUIT_OPEN);
  const again = await serveTickets(document, port);
  context.after(() => again.close());
  assert.equal(await get(), CIRCUIT_OPEN);
  time.pass(10_000);
  assert.deepEqual([await get(), again.seen.length], ['done', 1]);
});

test('an MCP server that is gone rests, and the first call finds it as soon as it is back', async (context) => {
  const first = await serveHttp(() => everyday);
  const { call, offers } = await opened(context, { servers: { remote: { url: first.url } } }, { now: clock().now });
  await first.close();
  const ends: string[] = [];
  for (let n = 0; n < 7; n += 1) ends.push(await went(call('say-json')));
  assert.ok(!ends.slice(0, 5).includes(CIRCUIT_OPEN), ends.join());
  assert.deepEqual(ends.slice(5), [CIRCUIT_OPEN, CIRCUIT_OPEN]);
  const told = offers.items.length;
  await offers.next((tools) => tools.length === 0, 1);
  const second = await serveHttp(() => everyday, first.port);
  context.after(() => second.close());
  await offers.next((tools) => tools.includes('say-json'), told);
  assert.deepEqual(await call('say-json'), { text: '{"n":1}' });
});

test('a server whose tools say that they failed is not in trouble', async (context) => {
  const { url, close } = await serveHttp(() => everyday);
  context.after(close);
  const { call } = await opened(context, { servers: { remote: { url } } });
  for (let n = 0; n < 7; n += 1) assert.equal(await went(call('fail')), 'tool-error');
});

test('one server rests, and the others do not', async (context) => {
  const { url, close } = await serveHttp(() => everyday);
  context.after(close);
  const { fail, get, call } = await tickets(context, { remote: { url } });
  await fail(5);
  assert.deepEqual([await get(), await went(call('say-json'))], [CIRCUIT_OPEN, 'done']);
});
