import assert from 'node:assert/strict';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { Failure, Unsent } from '@reel/bus/service.ts';
import type { Json, Problem } from '@reel/contracts/envelope.ts';
import { opened } from './fixtures/opened.ts';
import { document, says, serveTickets } from './fixtures/tickets.ts';

const env = { TOKEN: 's3cret', USER: 'ada', PASSWORD: 'pä:ss', KEY: 'k&y' };
const references = { token: '$'.concat('{TOKEN}'), key: '$'.concat('{KEY}'), user: '$'.concat('{USER}:$', '{PASSWORD}') };

/** The ticket API, and its tools as the executor has them; `more` goes into the configuration. */
async function tickets(context: TestContext, more: object = {}, described: object = document) {
  const server = await serveTickets(described);
  context.after(() => server.close());
  const api = { document: `${server.url}/openapi.json`, credentials: references, ...more };
  return { server, ...(await opened(context, { apis: { tickets: api } }, { env })) };
}

/** What a call failed with: the problem, or the message of an error that leaves it open. */
const trouble = (call: Promise<Json>): Promise<Problem | string> =>
  call.then(
    (result) => assert.fail(`it did not fail: ${JSON.stringify(result)}`),
    (error: Error) => (error instanceof Failure ? error.problem : error.message),
  );
const code = async (call: Promise<Json>): Promise<string> => {
  const problem = await trouble(call);
  return typeof problem === 'string' ? 'ambiguous' : `${problem.code}${problem.retryable === true ? ', retryable' : ''}`;
};

test('operations are registered like any other tools, with what the configuration knows better', async (context) => {
  const { registry, offers, logged } = await tickets(context, {
    timeoutMs: 5_000,
    tools: { sendMail: { effect: 'idempotent', timeoutMs: 7 }, no: {} },
  });
  const { digest, input, output, ...rest } = registry.tools.get('createTicket')!;
  assert.ok(digest.startsWith('sha256:') && input && output);
  const description = 'Opens a ticket.\n\nPOST /tickets of Tickets';
  const compensation = { uses: 'deleteTicket', with: { id: '= result.id' } };
  assert.deepEqual(rest, {
    name: 'createTicket',
    description,
    server: 'tickets',
    effect: 'idempotent',
    timeoutMs: 5_000,
    concurrency: 16,
    compensation,
  });
  assert.deepEqual([registry.tools.get('sendMail')?.effect, registry.tools.get('sendMail')?.timeoutMs], ['idempotent', 7]);
  assert.equal(offers.items.at(-1)?.length, 11);
  const warnings = logged.items.map(({ message, fields }) => `${message} ${String(fields['operation'])}`).join('\n');
  assert.match(warnings, /about the tool "no", which the API "tickets" does not offer/);
});

test('only the operations that are named are offered, by id or by method and path', async (context) => {
  const { offers } = await tickets(context, { operations: ['getTicket', 'POST /mail'] });
  assert.deepEqual(offers.items.at(-1), ['getTicket', 'sendMail']);
});

test('arguments go where the document says: path, query, headers and body', async (context) => {
  const { server, call } = await tickets(context);
  await call('listTickets', { state: ['open', 'a&b'], ids: [1, 2], filter: { by: 'me' }, 'X-Page': 2 });
  await call('getTicket', { id: 'a/b ?' });
  assert.deepEqual(await call('put_tickets_id', { id: 'T1', body: { title: 'ü' } }), { id: 'T1', title: 'ü' });
  assert.deepEqual(
    server.seen.map(({ method, url, body }) => [method, url, body]),
    [
      ['GET', '/api/v1/tickets?state=open&state=a%26b&ids=1,2&filter%5Bby%5D=me', ''],
      ['GET', '/api/v1/tickets/a%2Fb%20%3F', ''],
      ['PUT', '/api/v1/tickets/T1', '{"title":"ü"}'],
    ],
  );
  assert.equal(server.seen[0]?.headers['x-page'], '2');
  assert.equal(server.seen[2]?.headers['content-type'], 'application/json');
});

test('a result is the JSON, nothing for 204, and the text of anything else', async (context) => {
  const { server, call } = await tickets(context);
  assert.equal(await call('deleteTicket', { id: 'T1' }), null);
  assert.deepEqual(await call('text'), { text: 'plain' });
  server.next(says(200, '{"not"}', { 'content-type': 'application/json' }), says(200, 'null', { 'content-type': 'application/json' }));
  assert.deepEqual(await call('getTicket', { id: 'a' }), { text: '{"not"}' });
  assert.equal(await call('getTicket', { id: 'a' }), null);
});

test('credentials go as the scheme says, and only where it says', async (context) => {
  const { server, call } = await tickets(context);
  await call('getTicket', { id: 'a' });
  await call('both');
  await call('text');
  const [bearer, both, none] = server.seen;
  assert.equal(bearer?.headers.authorization, 'Bearer s3cret');
  assert.deepEqual(
    [both?.url, both?.headers.authorization],
    ['/api/v1/both?api_key=k%26y', `Basic ${Buffer.from('ada:pä:ss').toString('base64')}`],
  );
  assert.equal(none?.headers.authorization, undefined);
});

test('without credentials an operation that needs them is not offered, and the log says which', async (context) => {
  const { offers, logged } = await tickets(context, { credentials: {} });
  assert.deepEqual(offers.items.at(-1), ['text']);
  assert.ok(
    logged.items.some(
      ({ fields }) => fields['tool'] === 'GET /both' && fields['why'] === 'credentials.key is missing and credentials.user is missing',
    ),
  );
});

test('every attempt at one effect carries one key, under the header that the API knows it by; reading carries none', async (context) => {
  const { server, call } = await tickets(context);
  server.next(says(503), says(503));
  const create = (): Promise<Json> => call('createTicket', { body: { title: 'x' } });
  assert.equal(await code(create()), 'api-unavailable, retryable');
  assert.equal(await code(create()), 'api-unavailable, retryable');
  assert.deepEqual(await create(), { id: 'T1', title: 'x' });
  await call('getTicket', { id: 'a' });
  assert.deepEqual(
    server.seen.map(({ headers }) => headers['idempotency-key']),
    [...Array(3).fill('R.tool.createTicket'), undefined],
  );
  const other = await tickets(context, { idempotencyHeader: 'X-Request-Key' });
  await other.call('sendMail', { body: {} });
  assert.deepEqual(
    [other.server.seen[0]?.headers['x-request-key'], other.server.seen[0]?.headers['traceparent']],
    ['R.tool.sendMail', '00-a-b-01'],
  );
});

test('Retry-After is passed on, as seconds or as a date', async (context) => {
  const { server, call } = await tickets(context);
  server.next(
    says(429, '', { 'retry-after': '7' }),
    says(503, '', { 'retry-after': new Date(Date.now() + 60_000).toUTCString() }),
    says(429, '', { 'retry-after': 'soon' }),
  );
  const after = async (): Promise<number | undefined> => ((await trouble(call('getTicket', { id: 'a' }))) as Problem).retryAfterMs;
  assert.equal(await after(), 7_000);
  const dated = (await after()) as number;
  assert.ok(dated > 50_000 && dated <= 60_000, String(dated));
  assert.equal(await after(), undefined);
});

test('a failure of the API leaves an effect open, unless it says that it did not begin; of reading nothing is open', async (context) => {
  const { server, call } = await tickets(context);
  const read = (): Promise<string> => code(call('getTicket', { id: 'a' }));
  const send = (): Promise<string> => code(call('sendMail', { body: {} }));
  for (const [status, reading, sending] of [
    [500, 'api-unavailable, retryable', 'ambiguous'],
    [502, 'api-unavailable, retryable', 'ambiguous'],
    [504, 'api-unavailable, retryable', 'ambiguous'],
    [408, 'api-unavailable, retryable', 'ambiguous'],
    [503, 'api-unavailable, retryable', 'api-unavailable, retryable'],
    [429, 'api-rate-limited, retryable', 'api-rate-limited, retryable'],
    [501, 'api-rejected', 'api-rejected'],
    [400, 'api-rejected', 'api-rejected'],
    [404, 'api-rejected', 'api-rejected'],
  ] as const) {
    server.next(says(status), says(status), says(204));
    assert.deepEqual([await read(), await send()], [reading, sending], String(status));
    await call('getTicket', { id: 'a' });
  }
});

test('what a second attempt is refused says nothing about the first', async (context) => {
  const { server, call } = await tickets(context);
  server.next(says(404), says(422));
  await assert.rejects(call('deleteTicket', { id: 'a' }), Unsent);
  await assert.rejects(call('deleteTicket', { id: 'a' }), (error) => error instanceof Failure && !(error instanceof Unsent));
});

test('a failure is told in the API’s words, shortly, and without what is nobody’s business', async (context) => {
  const { server, call } = await tickets(context);
  const words = async (body: unknown): Promise<string> => {
    server.next(says(422, body));
    return ((await trouble(call('getTicket', { id: 'a' }))) as Problem).message;
  };
  const start = 'getTicket: the API "tickets" answered 422';
  assert.equal(await words({ title: 'No such state', detail: 'expected open' }), `${start}: No such state: expected open`);
  assert.equal(await words({ message: 'see https://internal.example/x?y and s3cret' }), `${start}: see … and (secret)`);
  assert.equal(await words({ error: { message: 'nested' } }), `${start}: nested`);
  assert.equal(await words({ error: 'plain', detail: 7 }), `${start}: plain`);
  assert.equal(await words('<html>at com.example.Main</html>'), start);
  assert.equal((await words({ message: 'x'.repeat(5_000) })).length, start.length + 2 + 300);
});

test('an API that is not there was not reached; one that hangs up may have done it', async (context) => {
  const { server, call, logged } = await tickets(context);
  server.next(
    (_, response) => response.destroy(),
    (_, response) => response.destroy(),
    (_, response) => response.writeHead(201, { 'content-length': '100' }).write('{', () => response.destroy()),
  );
  assert.equal(await code(call('getTicket', { id: 'a' })), 'api-unreachable, retryable');
  assert.equal(await code(call('sendMail', { body: {} })), 'ambiguous');
  assert.equal(await code(call('sendMail', { body: {} })), 'ambiguous');
  await server.close();
  const gone = (await trouble(call('sendMail', { body: {} }))) as Problem;
  assert.deepEqual(gone, {
    code: 'api-unreachable',
    message: 'sendMail: the API "tickets" cannot be reached (ECONNREFUSED)',
    retryable: true,
  });
  assert.doesNotMatch(JSON.stringify(logged.items), /s3cret/);
});

test('a call that nobody wants any more is broken off, and its reason is why', async (context) => {
  const { server, call } = await tickets(context);
  const control = new AbortController();
  const closed = Promise.withResolvers<void>();
  server.next((_, response) => {
    response.once('close', () => closed.resolve());
    control.abort(new Error('timed out after 5 ms'));
  });
  await assert.rejects(call('sendMail', { body: {} }, { signal: control.signal }), { message: 'timed out after 5 ms' });
  await closed.promise;
});

test('redirects are followed for reading only, within the API only', async (context) => {
  const { server, call } = await tickets(context);
  const elsewhere = await serveTickets();
  context.after(() => elsewhere.close());
  const to = (location: string) => says(302, '', { location });
  server.next(to('/api/v1/tickets/new'));
  assert.deepEqual(await call('old'), { id: 'T1', title: 'a' });
  assert.equal(server.seen[1]?.url, '/api/v1/tickets/new');
  server.next(to(`${elsewhere.url}/steal`));
  assert.match(((await trouble(call('old'))) as Problem).message, /answered 302: it leads elsewhere/);
  server.next(says(307, '', { location: '/api/v1/other' }));
  assert.equal(await code(call('oldPost')), 'api-rejected');
  server.next(...Array.from({ length: 6 }, () => to('/api/v1/round')));
  assert.equal(await code(call('old')), 'api-rejected');
  assert.equal(elsewhere.seen.length, 0);
});

test('an answer that is too large is not read to its end', async (context) => {
  const { server, call } = await tickets(context);
  const large = says(200, 'x'.repeat(5_000_000));
  server.next(large, large);
  assert.equal(await code(call('getTicket', { id: 'a' })), 'result-too-large');
  assert.equal(await code(call('sendMail', { body: {} })), 'ambiguous');
});

test('arguments that would lead to another operation, or cannot be said, are refused and nothing is sent', async (context) => {
  const { server, call } = await tickets(context);
  for (const id of ['..', '.', '']) assert.equal(await code(call('deleteTicket', { id })), 'invalid-arguments', id);
  assert.equal(await code(call('listTickets', { 'X-Page': 'two' })), 'invalid-arguments');
  assert.equal(await code(call('createTicket', { body: { name: 'no title' } })), 'invalid-arguments');
  const parameters = [{ name: 'X-Note', in: 'header', schema: { type: 'string' } }];
  const notes = { openapi: '3.1.0', info: { title: 'N' }, paths: { '/n': { get: { operationId: 'note', parameters } } } };
  const noted = await tickets(context, { credentials: {} }, notes);
  assert.equal(await code(noted.call('note', { 'X-Note': 'a\r\nX-Admin: yes' })), 'invalid-arguments');
  assert.deepEqual([server.seen.length, noted.server.seen.length], [0, 0]);
});

test('a document in files may be of several, in YAML; baseUrl says where the API is', async (context) => {
  const server = await serveTickets();
  const folder = await mkdtemp(join(tmpdir(), 'reel-api-'));
  context.after(() => Promise.all([server.close(), rm(folder, { recursive: true })]));
  await writeFile(join(folder, 'note.yaml'), 'type: object\nproperties: { title: { type: string }, next: { $ref: "#" } }\n');
  const yaml = `
openapi: 3.1.0
info: { title: Notes, version: 2026-01-01 }
paths:
  /notes:
    post:
      operationId: write note
      requestBody: { content: { application/json: { schema: { $ref: ./note.yaml } } } }
      responses: { 200: { description: ok, content: { application/json: { schema: { $ref: ./note.yaml } } } } }
`;
  await writeFile(join(folder, 'notes.yaml'), yaml);
  const { call } = await opened(context, { apis: { notes: { document: join(folder, 'notes.yaml'), baseUrl: `${server.url}/base/` } } });
  assert.deepEqual(await call('write_note', { body: { title: 'a', next: { title: 'b' } } }), {
    id: 'T1',
    title: 'a',
    next: { title: 'b' },
  });
  assert.equal(await code(call('write_note', { body: { next: { title: 3 } } })), 'invalid-arguments');
  assert.equal(server.seen[0]?.url, '/base/notes');
  const bare = { apis: { notes: { document: join(folder, 'notes.yaml') } } };
  const { logged } = await opened(context, bare);
  assert.ok(
    logged.items.some(({ fields }) => /its server "\/" is no http or https URL: say the API's baseUrl/.test(String(fields['why']))),
  );
});

test('a document in a file that cannot be used stops the start, with what is wrong', async (context) => {
  const folder = await mkdtemp(join(tmpdir(), 'reel-api-'));
  context.after(() => rm(folder, { recursive: true }));
  const wrong = async (text: string, more: object = {}): Promise<string> => {
    await writeFile(join(folder, 'a.yaml'), text);
    const config = { apis: { a: { document: join(folder, 'a.yaml'), ...more } } };
    return await opened(context, config, { env }).then(
      () => 'started',
      (error: Error) => error.message,
    );
  };
  assert.match(await wrong('swagger: "2.0"'), /^apis\.a\.document: .*a\.yaml: openapi: .*is missing/);
  assert.match(await wrong('a: ['), /apis\.a\.document: .*a\.yaml: .*parsing/i);
  assert.match(await wrong(JSON.stringify(document).replaceAll('schemas/Ticket', 'other.yaml#/X')), /other\.yaml#\/X".*does not exist/);
  assert.match(
    await wrong(JSON.stringify(document), { operations: ['nope'] }),
    /apis\.a\.operations: "nope" is no operation of Tickets; expected some of listTickets/,
  );
  assert.match(
    await wrong(JSON.stringify(document), { credentials: { nope: references.token } }),
    /credentials: "nope" is no security scheme .* token, key, user/,
  );
  assert.match(await wrong('', { document: join(folder, 'no.yaml') }), /no\.yaml cannot be read: ENOENT(?!.*ENOENT)/);
});

test('a document at a URL is looked for until it is there, and refers to nothing on this machine', async (context) => {
  const server = await serveTickets();
  const port = Number(new URL(server.url).port);
  await server.close();
  const opening = await opened(
    context,
    { apis: { tickets: { document: `${server.url}/openapi.json`, credentials: references } } },
    { env },
  );
  assert.deepEqual(opening.offers.items.at(-1), []);
  const again = await serveTickets(document, port);
  context.after(() => again.close());
  await opening.offers.next((tools) => tools.includes('createTicket'));
  const leaking = { ...document, paths: { '/a': { get: { responses: {}, parameters: [{ $ref: `file://${import.meta.filename}` }] } } } };
  const { offers, logged } = await tickets(context, {}, leaking);
  assert.deepEqual(offers.items, [[]]);
  assert.match(
    String(logged.items.find(({ level }) => level === 'error')?.fields['why']),
    /Unable to resolve \$ref pointer "file:.*api\.test\.ts/,
  );
});
