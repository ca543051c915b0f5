/** The HTTP server: what is no request, or never becomes one, is answered here. Everything else is for the app. */
import { createServer, type IncomingMessage, type Server, type ServerResponse, STATUS_CODES } from 'node:http';
import type { Duplex } from 'node:stream';
import { getRequestListener } from '@hono/node-server';
import { HttpProblem, problemResponse } from './problems.ts';

/** How long the headers of a request, and all of it, may take to arrive, and how often that is looked at. */
const PATIENCE = { headersMs: 10_000, requestMs: 30_000, checkMs: 1000 };
/** How long a caller has for reading why its connection is closed. */
const LINGER_MS = 1000;

/** So many connections at a time: more than all who follow runs, or wait for them, take. */
const MOST_CONNECTIONS = 4000;

/** A request that is being answered. */
type Open = { readonly request: IncomingMessage; readonly response: ServerResponse };

/** @param fetch answers what is a request. */
export function serverFor(fetch: (request: Request) => Response | Promise<Response>, patience = PATIENCE, most = MOST_CONNECTIONS): Server {
  const here = new Set<Duplex>();
  const open = new WeakMap<Duplex, Set<Open>>();
  const leaving = new WeakSet<Duplex>();
  const listener = getRequestListener(fetch, { errorHandler: (error) => problemResponse(malformed((error as Error).message), '') });
  const options = {
    // A missing Host is refused as a wrong one is, with a reason.
    requireHostHeader: false,
    headersTimeout: patience.headersMs,
    requestTimeout: patience.requestMs,
    connectionsCheckingInterval: patience.checkMs,
  };
  const server = createServer(options, (request, response) => {
    const under = open.get(request.socket) ?? new Set();
    const one = { request, response };
    open.set(request.socket, under.add(one));
    response.once('close', () => under.delete(one));
    // No page elsewhere may read, or embed, what is answered: there are no CORS headers, and what needs none of those is refused by these.
    response.setHeader('cross-origin-resource-policy', 'same-origin');
    response.setHeader('x-content-type-options', 'nosniff');
    void listener(request, response);
  });
  server.on('connection', (socket) => {
    // Connections that ask for nothing make way, the oldest first: however many there are, whoever asks is answered.
    if (here.size >= most) ([...here].find((one) => !isAnswered(open.get(one))) ?? socket).destroy();
    here.add(socket);
    socket.once('close', () => here.delete(socket));
  });
  server.on('clientError', (error: NodeJS.ErrnoException, socket) => {
    if (leaving.has(socket)) return;
    leaving.add(socket);
    const before = [...(open.get(socket) ?? [])];
    // Requests are answered in their order: those that came whole first, and the one that is broken off by this error instead of itself.
    const broken = before.at(-1)?.request.complete === false ? before.pop() : undefined;
    if (!socket.writable || error.code === 'ECONNRESET' || broken?.response.headersSent) socket.destroy();
    else if (before.length === 0) farewell(socket, problemOf(error));
    else before.at(-1)?.response.once('finish', () => farewell(socket, problemOf(error)));
  });
  server.on('connect', (_, socket) => farewell(socket, new HttpProblem(405, 'method-not-allowed', 'Not with this method', 'CONNECT')));
  server.on('checkExpectation', (request, response: ServerResponse) => {
    const detail = `Expect is "${request.headers.expect}" and may be 100-continue`;
    const problem = new HttpProblem(417, 'expectation-failed', 'This cannot be expected', detail, [
      { path: 'header.Expect', message: detail },
    ]);
    response.writeHead(problem.status, { 'content-type': 'application/problem+json', connection: 'close' }).end(textOf(problem));
  });
  return server;
}

/** True where a request that has come whole is being answered. */
const isAnswered = (several: ReadonlySet<Open> = new Set()): boolean => [...several].some(({ request }) => request.complete);

const malformed = (detail: string): HttpProblem => new HttpProblem(400, 'malformed-request', 'This is no HTTP request', detail);

function problemOf({ code, message }: NodeJS.ErrnoException): HttpProblem {
  if (code === 'HPE_HEADER_OVERFLOW') return new HttpProblem(431, 'headers-too-large', 'The headers are too large', 'they may have 16 KiB');
  if (code === 'ERR_HTTP_REQUEST_TIMEOUT')
    return new HttpProblem(
      408,
      'request-timeout',
      'The request did not arrive in time',
      'its headers, or all of it, took longer than they may',
    );
  return malformed(message);
}

const textOf = ({ status, code, title, message, errors }: HttpProblem): string =>
  JSON.stringify({ type: `/problems/${code}`, title, status, detail: message, instance: '', ...(errors === undefined ? {} : { errors }) });

/** Answers on a connection of which nothing more is read, and closes it. */
function farewell(socket: Duplex, problem: HttpProblem): void {
  const text = textOf(problem);
  const head = `HTTP/1.1 ${problem.status} ${STATUS_CODES[problem.status]}\r\ncontent-type: application/problem+json\r\n`;
  socket.on('error', () => socket.destroy());
  socket.end(`${head}content-length: ${Buffer.byteLength(text)}\r\nconnection: close\r\n\r\n${text}`);
  // What is still sent is read and forgotten: a reset would take the answer along.
  socket.resume();
  setTimeout(() => socket.destroy(), LINGER_MS).unref();
}
