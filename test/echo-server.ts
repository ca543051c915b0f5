/** Servers that repeat whatever they are given, in every place of an answer that they can fill and in every encoding that is common. */
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { text } from 'node:stream/consumers';

/** A value as it may be repeated. Written once more than the code under test has it, so that neither can be wrong alone. */
export function encodings(value: string): string[] {
  const base64 = (one: string): string => Buffer.from(one).toString('base64');
  return [
    value,
    encodeURIComponent(value),
    encodeURIComponent(value).toLowerCase(),
    encodeURI(value),
    new URLSearchParams({ v: value }).toString().slice(2),
    JSON.stringify(value).slice(1, -1),
    JSON.stringify(JSON.stringify(value)).slice(3, -3),
    base64(value),
    Buffer.from(value).toString('base64url'),
    Buffer.from(value).toString('hex'),
    Buffer.from(value).toString('hex').toUpperCase(),
    value.replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('"', '&quot;'),
  ];
}

/** All that came with a request, over and over: in words, in JSON, in base64 in the middle of something else. */
function echoOf({ url = '', headers }: IncomingMessage): string {
  const query = [...new URL(url, 'http://here').searchParams.values()];
  const values = [...query, ...Object.values(headers).map(String), url].flatMap((value) => {
    const last = value.slice(value.lastIndexOf(' ') + 1);
    // `Basic dXNlcjpwYXNz`
    const plain = value.startsWith('Basic ') ? Buffer.from(last, 'base64').toString() : last;
    return [value, plain, plain.slice(plain.indexOf(':') + 1)];
  });
  const around = values.flatMap((value) => ['a', 'ab', 'abc'].map((before) => Buffer.from(`${before}${value}!`).toString('base64')));
  return [...new Set([...values.flatMap(encodings), ...around])].join(' | ');
}

const tool = (name: string, echo: string): object => ({
  name,
  description: `says ${echo}`,
  inputSchema: { type: 'object', properties: { any: { type: 'string', description: echo } }, title: echo },
  annotations: { readOnlyHint: true, title: echo },
});
export const CALLS = ['text', 'structured', 'key', 'tool-error', 'rpc-error', 'rejected', 'failed', 'nonsense', 'talks'] as const;

/** The answer to a call of an MCP tool of this name. */
function call(response: ServerResponse, id: unknown, name: string, echo: string): void {
  const json = (body: object, status = 200): unknown =>
    response.writeHead(status, { 'content-type': 'application/json' }).end(JSON.stringify({ jsonrpc: '2.0', id, ...body }));
  const content = [{ type: 'text', text: echo }];
  if (name === 'structured') json({ result: { content: [], structuredContent: { echo: [{ deep: echo }] } } });
  else if (name === 'key') json({ result: { content: [], structuredContent: { [echo]: echo } } });
  else if (name === 'tool-error') json({ result: { content, isError: true, structuredContent: { retryable: false } } });
  else if (name === 'rpc-error') json({ error: { code: -32602, message: echo, data: { echo } } });
  else if (name === 'rejected')
    response.writeHead(400, { 'content-type': 'text/plain', location: encodeURI(echo.slice(0, 500)) }).end(echo);
  else if (name === 'failed') response.writeHead(500).end(echo);
  else if (name === 'nonsense') json({ result: { content: echo } });
  else if (name === 'talks') {
    response.writeHead(200, { 'content-type': 'text/event-stream' });
    const say = (message: object): unknown => response.write(`data: ${JSON.stringify({ jsonrpc: '2.0', ...message })}\n\n`);
    say({ method: 'notifications/message', params: { level: 'error', data: echo } });
    say({ method: 'notifications/progress', params: { progressToken: 0, progress: 1, message: echo } });
    say({ nothing: echo });
    say({ id, result: { content } });
    response.end();
  } else json({ result: { content } });
}

async function mcp(request: IncomingMessage, response: ServerResponse, echo: string): Promise<void> {
  if (request.method === 'GET') return void response.writeHead(405).end(echo);
  const { id, method, params } = JSON.parse((await text(request)) || '{}') as { id?: number; method?: string; params?: { name: string } };
  if (id === undefined) return void response.writeHead(202).end();
  if (method === 'tools/call') return call(response, id, params?.name ?? '', echo);
  const greeting = {
    protocolVersion: '2025-06-18',
    capabilities: { tools: {} },
    serverInfo: { name: echo, version: echo },
    instructions: echo,
  };
  // One has a name that is no name, and one a compensation that is none.
  const odd = [tool(echo.slice(0, 100), echo), { ...tool('odd', echo), _meta: { 'reel/compensation': echo } }];
  const result = { initialize: greeting, 'tools/list': { tools: [...CALLS.map((name) => tool(name, echo)), ...odd] } }[method ?? ''] ?? {};
  response.writeHead(200, { 'content-type': 'application/json' }).end(JSON.stringify({ jsonrpc: '2.0', id, result }));
}

function api(path: string, response: ServerResponse, echo: string): void {
  const json = (status: number, body: unknown): unknown =>
    response.writeHead(status, { 'content-type': 'application/json', 'x-echo': encodeURI(echo.slice(0, 500)) }).end(JSON.stringify(body));
  const operation = (operationId: string, security: string): object => ({
    [`/api/${operationId}`]: { get: { operationId, summary: echo, description: echo, security: [{ [security]: [] }] } },
  });
  if (path === '/api/document')
    json(200, {
      openapi: '3.1.0',
      info: { title: echo, version: '1' },
      components: {
        securitySchemes: {
          basic: { type: 'http', scheme: 'basic' },
          query: { type: 'apiKey', in: 'query', name: 'key' },
          cookie: { type: 'apiKey', in: 'cookie', name: 'c' },
        },
      },
      paths: {
        ...operation('api-echo', 'basic'),
        ...operation('api-query', 'query'),
        ...operation('api-cookie', 'cookie'),
        ...operation('api-problem', 'basic'),
        ...operation('api-moved', 'query'),
      },
    });
  else if (path === '/api/api-problem') json(422, { title: echo, detail: echo });
  else if (path === '/api/api-moved')
    response.writeHead(302, { location: `http://elsewhere.example/?${encodeURI(echo.slice(0, 900))}` }).end(echo);
  else json(200, { echo });
}

export const PROMPTS = ['words', 'letters', 'reason', 'unauthorized', 'midway', 'no-json'] as const;

async function model(request: IncomingMessage, response: ServerResponse, echo: string): Promise<void> {
  const { messages } = JSON.parse(await text(request)) as { messages: { content: string }[] };
  const prompt = messages[0]?.content ?? '';
  if (prompt === 'unauthorized') {
    const error = { message: `Incorrect API key provided: ${echo}`, code: echo, type: echo };
    return void response.writeHead(401, { 'content-type': 'application/json' }).end(JSON.stringify({ error }));
  }
  response.writeHead(200, { 'content-type': 'text/event-stream' });
  const say = (chunk: object): unknown => response.write(`data: ${JSON.stringify({ model: echo, ...chunk })}\n\n`);
  const pieces = prompt === 'letters' ? (echo.match(/.{1,3}/g) ?? []) : [echo];
  for (const content of pieces) say({ choices: [{ index: 0, delta: { content } }] });
  if (prompt === 'midway') say({ error: { message: echo, code: echo } });
  else if (prompt === 'no-json') response.write(`data: {${echo}\n\n`);
  else say({ choices: [{ index: 0, delta: {}, finish_reason: prompt === 'reason' ? echo : 'stop' }] });
  response.end('data: [DONE]\n\n');
}

/** Serves MCP at /mcp (and, failing at once, at /broken), an API at /api, and models at /v1. */
export async function serveEchoes() {
  const server = createServer((request, response) => {
    const echo = echoOf(request);
    const { pathname } = new URL(request.url ?? '/', 'http://here');
    if (pathname.startsWith('/broken')) response.writeHead(500).end(echo);
    else if (pathname.startsWith('/api')) api(pathname, response, echo);
    else if (pathname.startsWith('/v1')) void model(request, response, echo);
    else void mcp(request, response, echo);
  });
  await new Promise<void>((listening) => server.listen(0, '127.0.0.1', listening));
  return {
    place: `127.0.0.1:${(server.address() as AddressInfo).port}`,
    close: () => {
      server.close();
      server.closeAllConnections();
    },
  };
}
