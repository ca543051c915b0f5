/** HTTP at its edge: who may ask, in what form, and that each refusal is an answer at once, with its reason, and takes nothing. */
import assert from 'node:assert/strict';
import { once } from 'node:events';
import { connect } from 'node:net';
import { join } from 'node:path';
import { after, before, it } from 'node:test';
import { serverFor } from '@reel/gateway/server.ts';
import type { Run, Submitted } from '@reel/gateway/shapes.ts';
import { follow } from '@reel/scripts/cli/api.ts';
import { until } from '@reel/scripts/local/until.ts';
import { type LocalReel, startReel } from '../fixtures/local-reel.ts';
import { type Answer, type Exchange, exchange } from '../fuzz/exchange.ts';

let reel: LocalReel;
let port: number;
const echo = { name: 'e', steps: [{ id: 'a', uses: 'echo', with: { value: 1 } }] };
const ask = { name: 'p', steps: [{ id: 'p', kind: 'person', prompt: 'well?', form: { type: 'object' } }] };

before(async () => {
  reel = await startReel({ modules: [join(import.meta.dirname, '../fixtures/tools.ts')] });
  port = Number(new URL(reel.api).port);
  process.env['REEL_API'] = reel.api;
  await until(async () =>
    (await reel.ask<{ tools: { name: string }[] }>('GET', '/v1/tools')).body.tools.some(({ name }) => name === 'echo'),
  );
});
after(() => reel.close());

type Headers = { readonly [name: string]: string };
/** A request, written out as it is given; `chunked` sends the body in pieces, without saying its length. */
async function request(method: string, path: string, headers: Headers = {}, body = '', chunked = false): Promise<Answer> {
  const sized = body === '' ? {} : chunked ? { 'transfer-encoding': 'chunked' } : { 'content-length': String(Buffer.byteLength(body)) };
  const lines = Object.entries({ host: `127.0.0.1:${port}`, ...headers, ...sized }).map(([name, value]) => `${name}: ${value}\r\n`);
  const sent = chunked && body !== '' ? `${Buffer.byteLength(body).toString(16)}\r\n${body}\r\n0\r\n\r\n` : body;
  const bytes = Buffer.from(`${method} ${path} HTTP/1.1\r\n${lines.join('')}\r\n${sent}`);
  const { answers, end } = await exchange(port, { bytes, headOnly: method === 'HEAD' });
  assert.equal(end, 'answered', `${method} ${path}`);
  return answers[0] as Answer;
}
const codeOf = ({ status, body }: Answer): string =>
  `${status} ${body === '' ? '' : ((JSON.parse(body) as { type?: string }).type ?? '').replace('/problems/', '')}`.trim();
const json = { 'content-type': 'application/json' };
const submitted = (more: object): string => JSON.stringify({ workflow: echo, ...more });

it('a page of another site changes nothing, with or without a body', async () => {
  const { body: run } = await reel.ask<Submitted>('POST', '/v1/runs', { workflow: ask });
  const changes: [path: string, headers: Headers, body: string][] = [
    [`/v1/runs/${run.id}/cancel`, {}, ''],
    [`/v1/runs/${run.id}/cancel`, { 'content-type': 'text/plain' }, ''],
    [`/v1/runs/${run.id}/cancel`, json, '{}'],
    ['/v1/runs', json, submitted({})],
    ['/v1/runs', { 'content-type': 'text/plain' }, submitted({})],
    ['/v1/approvals/x', json, '{}'],
  ];
  const foreign: Headers[] = [
    { origin: 'https://evil.example' },
    { origin: 'null' },
    { origin: '' },
    { origin: 'file://' },
    { origin: `http://127.0.0.1:${port + 1}` },
    { origin: `http://localhost:${port}` },
    { origin: `http://127.0.0.1:${port}.evil.example` },
    { origin: `http://127.0.0.1:${port}@evil.example` },
    { 'sec-fetch-site': 'cross-site' },
    { 'sec-fetch-site': 'same-site' },
    { 'sec-fetch-site': 'cross-site', origin: `http://127.0.0.1:${port}` },
    { 'sec-fetch-site': 'same-origin', origin: 'https://evil.example' },
  ];
  for (const [path, headers, body] of changes)
    for (const from of foreign)
      assert.equal(codeOf(await request('POST', path, { ...headers, ...from }, body)), '403 cross-site', JSON.stringify(from));
  const { body: still } = await reel.ask('GET', `/v1/runs/${run.id}`);
  assert.deepEqual([still.closingAt, still.cancel], [undefined, undefined]);

  const own = { origin: `http://127.0.0.1:${port}`, 'sec-fetch-site': 'same-origin' };
  assert.equal((await request('POST', '/v1/runs', { ...json, ...own }, submitted({}))).status, 201);
  assert.equal((await request('POST', `/v1/runs/${run.id}/cancel`, { 'sec-fetch-site': 'none' })).status, 202);
});

it('no page elsewhere may read what it is answered, or reach it under a name of its own', async () => {
  for (const path of ['/v1/runs', '/v1/tools', '/healthz', '/openapi.json', '/nowhere']) {
    const { headers } = await request('GET', path, { origin: 'https://evil.example' });
    assert.deepEqual(
      [...headers.keys()].filter((name) => name.startsWith('access-control-')),
      [],
      path,
    );
    assert.equal(headers.get('cross-origin-resource-policy'), 'same-origin', path);
    assert.equal(headers.get('x-content-type-options'), 'nosniff', path);
  }
  const preflight = await request('OPTIONS', '/v1/runs', { origin: 'https://evil.example', 'access-control-request-method': 'POST' });
  assert.deepEqual([preflight.status, preflight.headers.get('allow')], [204, 'POST, GET, HEAD, OPTIONS']);
  assert.deepEqual(
    [...preflight.headers.keys()].filter((name) => name.startsWith('access-control-')),
    [],
  );
  for (const host of ['evil.example', `evil.example:${port}`, '127.0.0.1.evil.example', 'localhost.'])
    for (const [method, path] of [
      ['GET', '/v1/runs'],
      ['GET', '/v1/runs/x/events'],
      ['POST', '/v1/runs'],
      ['OPTIONS', '/v1/runs'],
    ] as const)
      assert.equal(codeOf(await request(method, path, { host, accept: '*/*' })), '421 wrong-host', `${method} ${host}`);
});

it('a body is JSON in UTF-8, and comes as it is said to come; whole or in pieces', async () => {
  const table: [Headers, string | Buffer, string][] = [
    [{ 'content-type': 'text/plain' }, submitted({}), '415 unsupported-media-type'],
    [{ 'content-type': 'application/x-www-form-urlencoded' }, 'a=1', '415 unsupported-media-type'],
    [{ 'content-type': 'multipart/form-data; boundary=x' }, '--x--', '415 unsupported-media-type'],
    [{}, submitted({}), '415 unsupported-media-type'],
    [{ 'content-type': '' }, submitted({}), '415 unsupported-media-type'],
    [{ 'content-type': 'application/jsonp' }, submitted({}), '415 unsupported-media-type'],
    [{ 'content-type': 'application/json; charset=utf-16' }, submitted({}), '415 unsupported-media-type'],
    [{ ...json, 'content-encoding': 'gzip' }, submitted({}), '415 unsupported-media-type'],
    [{ ...json, 'content-encoding': 'br' }, submitted({}), '415 unsupported-media-type'],
    [json, '{', '400 invalid-json'],
    [json, '', '400 invalid-json'],
    [json, 'null', '400 invalid-request'],
    [json, '[]', '400 invalid-request'],
    [json, `{"workflow":${'['.repeat(300)}${']'.repeat(300)}}`, '400 too-deep'],
    [json, submitted({ input: 'x'.repeat(1_100_000) }), '413 too-large'],
    [{ ...json, expect: '200-maybe' }, submitted({}), '417 expectation-failed'],
    [{ 'content-type': 'Application/JSON; charset="UTF-8"' }, submitted({}), '201'],
    [{ ...json, 'content-encoding': 'identity' }, submitted({}), '201'],
  ];
  for (const [headers, body, expected] of table)
    for (const chunked of [false, true])
      assert.equal(
        codeOf(await request('POST', '/v1/runs', headers, body as string, chunked)),
        expected,
        `${JSON.stringify(headers)} ${chunked}`,
      );
  const latin = await fetch(`${reel.api}/v1/runs`, {
    method: 'POST',
    headers: json,
    body: Buffer.from(submitted({ input: 'ÿ' }), 'latin1'),
  });
  assert.deepEqual([latin.status, ((await latin.json()) as { errors: object[] }).errors.length], [400, 1]);
});

it('a key is claimed by nothing that is refused', async () => {
  const grows = {
    name: 'g',
    steps: Array.from({ length: 5000 }, (_, n) => ({ id: `s${n}`, uses: 'echo', with: { value: 1 }, assert: [`true${' '.repeat(110)}`] })),
  };
  const loop = { $ref: '#' };
  const table: [string, object, number][] = [
    ['a little below what a body may have', { workflow: echo, input: 'x'.repeat(1_048_576 - 200) }, 413],
    ['escapes that were shorter as they came', { workflow: echo, input: '\u{1F600}'.repeat(254_200) }, 413],
    ['what grows by what is added to it', { workflow: grows }, 413],
    ['a tool that is not there', { workflow: { ...echo, steps: [{ id: 'a', uses: 'ecko' }] } }, 422],
    ['an input that is wrong', { workflow: { ...echo, input: { type: 'object', required: ['x'] } } }, 422],
    ['a schema that refers to itself without end', { workflow: { ...echo, input: loop }, input: {} }, 422],
    [
      'the same, further inside',
      { workflow: { ...echo, input: { allOf: [{ $ref: '#/$defs/a' }], $defs: { a: { anyOf: [{ $ref: '#/$defs/a' }] } } } } },
      422,
    ],
    ['a schema that is none', { workflow: { ...echo, input: { type: 'strin' } } }, 422],
    ['a deadline too far away', { workflow: echo, deadlineMs: 2_000_000_000 }, 422],
    ['a goal whose answer cannot be checked', { goal: { text: 'x', answer: { assert: ['('] } } }, 422],
    ['a text that unfolds without end', { workflow: 'a: &a [*a]' }, 422],
    ['a text that is nested too deeply', { workflow: `name: ${'['.repeat(2000)}` }, 400],
    ['a body of another shape', { workflow: echo, nope: 1 }, 400],
  ];
  for (const [what, body, status] of table) {
    const key = { 'idempotency-key': what };
    const refused = await reel.ask('POST', '/v1/runs', body, key);
    assert.equal(refused.status, status, `${what}: ${JSON.stringify(refused.body).slice(0, 500)}`);
    assert.ok((refused.body.errors ?? []).length > 0, `${what}: no field is named`);
    assert.equal((await reel.ask('POST', '/v1/runs', { workflow: echo }, key)).status, 201, what);
  }
});

it('a decision that the log cannot take is refused, and the question stays open', async () => {
  const { body: run } = await reel.ask<Submitted>('POST', '/v1/runs', { workflow: ask });
  const id = `0.${run.id}.person.p.1`;
  for await (const told of follow(run.id)) if ('type' in told && told.type === 'step.verdict.held') break;
  const decision = { decision: 'grant', who: 'ann', why: 'well', form: { x: 'x'.repeat(1_020_000) } };
  const refused = await reel.ask('POST', `/v1/approvals/${id}`, decision);
  assert.deepEqual([refused.status, refused.body.errors?.[0]?.path], [413, 'body.form']);
  assert.equal((await reel.ask('POST', `/v1/approvals/${id}`, { ...decision, form: {} })).status, 200);
});

it('a form whose schema refers to itself without end is not filled in, and that is said', async () => {
  const form = { type: 'object', properties: { x: { $ref: '#/$defs/a' } }, $defs: { a: { anyOf: [{ $ref: '#/$defs/a' }] } } };
  const { body: run, status } = await reel.ask<Submitted>('POST', '/v1/runs', {
    workflow: { name: 'p', steps: [{ ...ask.steps[0], form }] },
  });
  // Where it is refused beforehand, there is nothing to fill in.
  if (status === 422) return;
  for await (const told of follow(run.id)) if ('type' in told && told.type === 'step.verdict.held') break;
  const decision = { decision: 'grant', who: 'ann', why: 'well', form: { x: 1 } };
  assert.equal((await reel.ask('POST', `/v1/approvals/0.${run.id}.person.p.1`, decision)).status, 422);
});

it('what is not there is said not to be there at once, wherever it is looked for', async () => {
  const { id: run } = await reel.finish(echo);
  const decision = { decision: 'grant', who: 'ann', why: 'well' };
  const tries: [string, string, object?][] = [
    ...[
      '0.nope.tool.a.1',
      '1.nowhere.tool.a.1',
      '9999.elsewhere.tool.a.1',
      '1.never.run.run.1',
      `7.${run}.tool.a.1`,
      `9999.${run}.tool.a.1`,
      `0.${run}.tool.b.1`,
      `0.${run}.tool.a.2`,
      `0.${run}.nope.a.1`,
    ]
      .concat([
        'nope',
        '0.nope',
        `0.${run}.tool.a.1.verdict`,
        '0.*.tool.a.1',
        '0.%3E.tool.a.1',
        '00000.x.run.run.1',
        '%00',
        'x'.repeat(5000),
      ])
      .map((id): [string, string, object] => ['POST', `/v1/approvals/${id}`, decision]),
    ...['nope', run.toLowerCase(), '*', '%3E', 'a.b', 'a%2Fb', '%zz', 'x'.repeat(64), 'x'.repeat(5000)].flatMap(
      (id): [string, string, object?][] => [
        ['GET', `/v1/runs/${id}`],
        ['GET', `/v1/runs/${id}/events`],
        ['POST', `/v1/runs/${id}/cancel`, {}],
      ],
    ),
  ];
  for (const [method, path, body] of tries) {
    const begin = performance.now();
    const { status } = await reel.ask(method, path, body);
    assert.equal(status, 404, path.slice(0, 200));
    // A read that waits for what does not come takes five seconds.
    assert.ok(performance.now() - begin < 2500, `${path.slice(0, 200)} took ${performance.now() - begin} ms`);
  }
  assert.deepEqual((await reel.ask<{ approvals: object[] }>('GET', '/v1/approvals?run=nope')).body.approvals, []);
});

it('a stream of events ends for good with its run: who comes again after the end is told so', async () => {
  const { id } = await reel.finish(echo);
  const path = `/v1/runs/${id}/events`;
  const read = (last?: string): Promise<Response> =>
    fetch(`${reel.api}${path}`, { headers: { accept: 'text/event-stream', ...(last === undefined ? {} : { 'last-event-id': last }) } });
  const ids = [...(await (await read()).text()).matchAll(/^id: (\d+)$/gm)].map(([, one]) => Number(one));
  const end = ids.at(-1) as number;
  assert.ok(ids.length > 5);
  for (const last of [end, end + 1, 999_999_999]) assert.equal((await read(String(last))).status, 204, `${last}`);
  const rest = await read(String(ids.at(-3)));
  assert.equal(rest.status, 200);
  assert.equal((await rest.text()).match(/^id: /gm)?.length, 2);
  for (const odd of ['x', '-1', '1.5', '9'.repeat(30)]) assert.equal((await read(odd)).status, 400, odd);
  const held = (await reel.ask<Submitted>('POST', '/v1/runs', { workflow: ask })).body;
  const open = await fetch(`${reel.api}/v1/runs/${held.id}/events`, {
    headers: { accept: 'text/event-stream', 'last-event-id': '999999' },
  });
  assert.equal(open.status, 200);
  await open.body?.cancel();
  assert.equal(
    (await request('HEAD', `/v1/runs/${held.id}/events`, { accept: 'text/event-stream' })).headers.get('content-type'),
    'text/event-stream',
  );
  for await (const _ of follow(id, AbortSignal.timeout(20_000)));
});

it('each path takes its methods, says so, and gives JSON or says that it does', async () => {
  const { id } = await reel.finish(echo);
  const table: [string, string, string][] = [
    ['/v1/runs', 'PUT', 'POST, GET, HEAD, OPTIONS'],
    [`/v1/runs/${id}`, 'POST', 'GET, HEAD, OPTIONS'],
    [`/v1/runs/${id}`, 'DELETE', 'GET, HEAD, OPTIONS'],
    [`/v1/runs/${id}/cancel`, 'GET', 'POST, OPTIONS'],
    ['/v1/approvals/x', 'HEAD', 'POST, OPTIONS'],
    ['/openapi.json', 'PATCH', 'GET, HEAD, OPTIONS'],
    ['/healthz', 'TRACE', 'GET, HEAD, OPTIONS'],
    ['/readyz', 'PROPFIND', 'GET, HEAD, OPTIONS'],
  ];
  for (const [path, method, allow] of table) {
    const refused = await request(method, path);
    assert.deepEqual([refused.status, refused.headers.get('allow')], [405, allow], `${method} ${path}`);
    const asked = await request('OPTIONS', path);
    assert.deepEqual([asked.status, asked.headers.get('allow')], [204, allow], path);
  }
  for (const path of ['/v1/runs', `/v1/runs/${id}`, `/v1/runs/${id}/events`, '/v1/tools', '/healthz', '/readyz', '/openapi.json']) {
    const head = await request('HEAD', path);
    assert.deepEqual([head.status, head.body], [200, ''], path);
    for (const accept of ['text/html', 'image/*, text/csv;q=0.5', '*/*;q=0'])
      assert.equal(codeOf(await request('GET', path, { accept })), '406 not-acceptable', `${path} ${accept}`);
    for (const accept of ['*/*', 'application/*', 'text/html, application/json;q=0.1', ''])
      assert.equal((await request('GET', path, { accept })).status, 200, `${path} ${accept}`);
  }
  assert.equal(codeOf(await request('GET', '/v1/runs', { accept: 'text/event-stream' })), '406 not-acceptable');
});

it('what is no HTTP is answered as such, and the connection closed', async () => {
  const table: [string, number][] = [
    ['GET / HTTP/1.1\r\n\r\n', 400],
    ['nonsense\r\n\r\n', 400],
    ['GET /healthz HTTP/1.1\r\nHost: localhost\r\nHost: evil.example\r\n\r\n', 421],
    [`GET /${'x'.repeat(20_000)} HTTP/1.1\r\nHost: localhost\r\n\r\n`, 431],
    ['CONNECT evil.example:443 HTTP/1.1\r\nHost: localhost\r\n\r\n', 405],
    ['POST /v1/runs HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\nContent-Length: x\r\n\r\n', 400],
    ['POST /v1/runs HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n', 400],
    [
      'POST /v1/runs HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\nContent-Length: 9\r\nTransfer-Encoding: chunked\r\n\r\n',
      400,
    ],
    ['GET /v1/runs/a\\b HTTP/1.1\r\nHost: local_host\r\n\r\n', 400],
  ];
  for (const [text, status] of table) {
    const { answers } = await exchange(port, { bytes: Buffer.from(text), half: true });
    assert.equal(answers[0]?.status, status, text.slice(0, 200));
    assert.equal(answers[0]?.headers.get('content-type'), 'application/problem+json', text.slice(0, 200));
    assert.equal((JSON.parse(answers[0]?.body ?? '') as { status: number }).status, status);
  }
});

it('several requests on one connection are answered in their order, and the last one may be wrong', async () => {
  const get = (path: string): string => `GET ${path} HTTP/1.1\r\nHost: localhost\r\n\r\n`;
  const bytes = Buffer.from(['/healthz', '/nowhere', '/v1/runs'].map(get).join('') + get('/healthz').replace('GET ', 'GET'));
  const { answers } = await exchange(port, { bytes, answers: 4 });
  assert.deepEqual(answers.map(({ status }) => status).slice(0, 3), [200, 404, 200]);
});

it('who is slow to ask is told so, and let go, while others are served', async () => {
  const server = serverFor(() => Response.json({}), { headersMs: 200, requestMs: 400, checkMs: 50 }).listen(0, '127.0.0.1');
  await once(server, 'listening');
  const at = (server.address() as { port: number }).port;
  const slow = (text: string): Promise<Exchange> => exchange(at, { bytes: Buffer.from(text) });
  const [headers, body, served] = await Promise.all([
    slow('GET / HTTP/1.1\r\nHost: x\r\n'),
    slow('POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 10\r\n\r\n{'),
    slow('GET / HTTP/1.1\r\nHost: x\r\n\r\n'),
  ]);
  assert.deepEqual([headers.answers[0]?.status, served.answers[0]?.status], [408, 200]);
  assert.notEqual(body.end, 'silent');
  server.close();
});

it('who goes away in the middle leaves nothing behind', async () => {
  for (const text of [
    'POST /v1/runs HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\nContent-Length: 500\r\n\r\n{"work',
    'GET /v1/ru',
  ]) {
    const socket = connect(port, '127.0.0.1');
    await new Promise((resolve) => socket.write(text, resolve));
    socket.resetAndDestroy();
  }
  assert.equal((await reel.ask<Run>('GET', '/healthz')).status, 200);
});
