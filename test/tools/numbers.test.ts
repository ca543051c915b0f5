/** No number changes in silence: from a request, a file, an API or a server on the whole way to the one that is called with it. */
import assert from 'node:assert/strict';
import { once } from 'node:events';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, it } from 'node:test';
import type { Run, ToolList } from '@reel/gateway/shapes.ts';
import { follow } from '@reel/scripts/cli/api.ts';
import { until } from '@reel/scripts/local/until.ts';
import { callReel } from '../fixtures/cli.ts';
import { type LocalReel, startReel } from '../fixtures/local-reel.ts';

const BIG = '7615917337495251231';
const PRECISE = '0.1000000000000000055';

/** What the API was asked, as it stood there. */
const asked: string[] = [];
const response = {
  '200': {
    description: 'ok',
    content: { 'application/json': { schema: { type: 'object', properties: { id: { type: 'integer' }, share: { type: 'number' } } } } },
  },
};
const body = {
  content: {
    'application/json': {
      schema: { type: 'object', properties: { order: { type: 'integer' }, amount: { type: 'number' }, note: { type: 'string' } } },
    },
  },
};
const openapi = {
  openapi: '3.1.0',
  info: { title: 'shop' },
  paths: {
    '/latest': { get: { operationId: 'latest', responses: response } },
    '/refund/{order}': {
      post: {
        operationId: 'refund',
        parameters: [
          { name: 'order', in: 'path', required: true, schema: { type: 'integer' } },
          { name: 'q', in: 'query', schema: { type: 'integer' } },
        ],
        requestBody: body,
        responses: { '200': { description: 'ok' } },
      },
    },
  },
};
const api = createServer((request, answer) => {
  const chunks: Buffer[] = [];
  request.on('data', (chunk: Buffer) => chunks.push(chunk));
  request.on('end', () => {
    const json = (text: string): unknown => answer.writeHead(200, { 'content-type': 'application/json' }).end(text);
    if (request.url === '/openapi.json') return json(JSON.stringify(openapi));
    if (request.url === '/latest') return json(`{"id":${BIG},"share":${PRECISE},"count":7}`);
    asked.push(`${request.url} ${Buffer.concat(chunks).toString()}`);
    return json('{}');
  });
});

let reel: LocalReel;
let dir: string;
before(async () => {
  dir = await mkdtemp(join(tmpdir(), 'reel-numbers-'));
  api.listen(0, '127.0.0.1');
  await once(api, 'listening');
  const url = `http://127.0.0.1:${(api.address() as AddressInfo).port}`;
  const schema = { type: 'object', properties: { n: { type: 'integer' }, text: { type: 'string' } } };
  const annotations = { readOnlyHint: true };
  const tools = [
    { name: 'told', inputSchema: { type: 'object' }, annotations },
    { name: 'heard', inputSchema: schema, annotations },
  ];
  const raw = {
    told: `{"content":[],"structuredContent":{"id":${BIG},"list":[${BIG},1.5]}}`,
    heard: '{"content":[{"type":"text","text":ARGS}]}',
  };
  const wild = join(import.meta.dirname, '../../services/tool-executor/fixtures/wild.ts');
  reel = await startReel({
    servers: { wild: { command: process.execPath, args: [wild, JSON.stringify({ pages: [tools], raw })] } },
    apis: { shop: { document: `${url}/openapi.json`, baseUrl: url } },
  });
  process.env['REEL_API'] = reel.api;
  await until(async () => {
    const names = (await reel.ask<ToolList>('GET', '/v1/tools')).body.tools.map(({ name }) => name);
    return ['latest', 'refund', 'told', 'heard'].every((name) => names.includes(name));
  });
});
after(async () => {
  await reel?.close();
  await rm(dir, { recursive: true, force: true });
  api.closeAllConnections();
  api.close();
});

/** Submits a body as it is written, and waits for the end. */
async function run(text: string): Promise<Run> {
  const answer = await fetch(`${reel.api}/v1/runs`, { method: 'POST', headers: { 'content-type': 'application/json' }, body: text });
  const { id, ...problem } = (await answer.json()) as { id: string };
  assert.equal(answer.status, 201, JSON.stringify(problem));
  for await (const _ of follow(id));
  const state = (await reel.ask<Run>('GET', `/v1/runs/${id}`)).body;
  assert.equal(state.status, 'completed', JSON.stringify(state.problem));
  return state;
}

it('from an API to an API, in the path, the query and the body; a text stays a text', async () => {
  const args =
    '{ order: "= steps.l.id", q: "= steps.l.id", body: { order: "= steps.l.id", amount: "= steps.l.share", note: "= steps.l.id" } }';
  const workflow = `name: w\nsteps:\n  - { id: l, uses: latest }\n  - { id: r, uses: refund, dependsOn: [l], with: ${args} }\nanswer: { value: = steps.l }`;
  const { answer } = await run(JSON.stringify({ workflow }));
  assert.deepEqual(answer, { id: BIG, share: PRECISE, count: 7 });
  assert.equal(asked.at(-1), `/refund/${BIG}?q=${BIG} {"order":${BIG},"amount":${PRECISE},"note":"${BIG}"}`);
});

it('from a server over stdio to a server over stdio', async () => {
  const workflow = `name: w\nsteps:\n  - { id: t, uses: told }\n  - { id: h, uses: heard, dependsOn: [t], with: { n: = steps.t.id, text: = steps.t.id } }`;
  const { answer } = await run(JSON.stringify({ workflow }));
  assert.deepEqual(answer, { h: { text: `{"n":${BIG},"text":"${BIG}"}` } });
});

it('from a request, and from YAML and JSON in it', async () => {
  const step = '{"id":"h","uses":"heard","with":{"n":"= input.id"}}';
  const expected = { h: { text: `{"n":${BIG}}` } };
  const input = `{"type":"object","properties":{"id":{"type":"integer"}}}`;
  assert.deepEqual((await run(`{"workflow":{"name":"w","input":${input},"steps":[${step}]},"input":{"id":${BIG}}}`)).answer, expected);
  assert.deepEqual((await run(`{"workflow":{"name":"w","steps":[{"id":"h","uses":"heard","with":{"n":${BIG}}}]}}`)).answer, expected);
  const yaml = `name: w\nsteps: [{ id: h, uses: heard, with: { n: ${BIG} } }]`;
  assert.deepEqual((await run(JSON.stringify({ workflow: yaml }))).answer, expected);
});

it('from the command line', async () => {
  await writeFile(join(dir, 'w.yaml'), 'name: w\nsteps: [{ id: h, uses: heard, with: { n: = input.id } }]\n');
  const { stdout, stderr, code } = await callReel(reel, ['run', 'w.yaml', '--input', `{"id":${BIG}}`, '--follow'], { cwd: dir });
  assert.equal(code, 0, stderr);
  assert.ok(stdout.includes(BIG), stdout);
});

it('a number in an expression that cannot be computed with exactly is refused', async () => {
  const workflow = `name: w\nsteps: [{ id: h, uses: heard, when: input.id = ${BIG} }]`;
  const { status, body } = await reel.ask('POST', '/v1/runs', { workflow });
  assert.equal(status, 422);
  assert.match(JSON.stringify(body), /7615917337495251231 cannot be computed with exactly: compare its digits as a text/);
});
