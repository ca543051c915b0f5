/** The HTTP server: answers malformed and incomplete requests. All others go to the app. */
import { createServer, type IncomingMessage, type Server, type ServerResponse, STATUS_CODES } from 'node:http';
import type { Duplex } from 'node:stream';
import { getRequestListener } from '@hono/node-server';
import { HttpProblem, problemResponse } from './problems.ts';

/** How long the headers, and the whole request, may take to arrive, and the interval of the check. */
const PATIENCE = { headersMs: 10_000, requestMs: 30_000, checkMs: 1000 };
/** How long a caller has to read why its connection is closed. */
const LINGER_MS = 1000;

/** The most connections at a time: more than all callers that follow runs, or wait for them, take. */
const MOST_CONNECTIONS = 4000;

/** A request that is being answered. */
type Open = { readonly request: IncomingMessage; readonly response: ServerResponse };

/** @param fetch answers complete requests. */
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
    // No page of another site may read or embed a response: there are no CORS headers, and these cover embedding.
    response.setHeader('cross-origin-resource-policy', 'same-origin');
    response.setHeader('x-content-type-options', 'nosniff');
    void listener(request, response);
  });
  server.on('connection', (socket) => {
    // At the limit, the oldest connection without a complete request is closed, so that callers with a request are answered.
    if (here.size >= most) ([...here].find((one) => !isAnswered(open.get(one))) ?? socket).destroy();
    here.add(socket);
    socket.once('close', () => here.delete(socket));
  });
  server.on('clientError', (error: NodeJS.ErrnoException, socket) => {
    if (leaving.has(socket)) return;
    leaving.add(socket);
    const before = [...(open.get(socket) ?? [])];
    // Requests are answered in order: complete ones first; this error answers the incomplete one.
    const broken = before.at(-1)?.request.complete === false ? before.pop() : undefined;
    if (!socket.writable || error.code === 'ECONNRESET' || broken?.response.headersSent) socket.destroy();
    else if (before.length === 0) answerAndClose(socket, problemOf(error));
    else before.at(-1)?.response.once('finish', () => answerAndClose(socket, problemOf(error)));
  });
  server.on('connect', (_, socket) =>
    answerAndClose(socket, new HttpProblem(405, 'method-not-allowed', 'Method not allowed', 'CONNECT is not supported')),
  );
  server.on('checkExpectation', (request, response: ServerResponse) => {
    const detail = `Expect is "${request.headers.expect}" and has to be 100-continue, or left out`;
    const problem = new HttpProblem(417, 'expectation-failed', 'Unsupported Expect header', detail, [
      { path: 'header.Expect', message: detail },
    ]);
    response.writeHead(problem.status, { 'content-type': 'application/problem+json', connection: 'close' }).end(textOf(problem));
  });
  return server;
}

/** True while a complete request is being answered. */
const isAnswered = (several: ReadonlySet<Open> = new Set()): boolean => [...several].some(({ request }) => request.complete);

const malformed = (detail: string): HttpProblem => new HttpProblem(400, 'malformed-request', 'Malformed HTTP request', detail);

function problemOf({ code, message }: NodeJS.ErrnoException): HttpProblem {
  if (code === 'HPE_HEADER_OVERFLOW')
    return new HttpProblem(431, 'headers-too-large', 'The headers are too large', 'the headers may have 16 KiB');
  if (code === 'ERR_HTTP_REQUEST_TIMEOUT')
    return new HttpProblem(
      408,
      'request-timeout',
      'The request did not arrive in time',
      `the headers may take ${PATIENCE.headersMs / 1000} s to arrive, and the whole request ${PATIENCE.requestMs / 1000} s`,
    );
  return malformed(message);
}

const textOf = ({ status, code, title, message, errors }: HttpProblem): string =>
  JSON.stringify({ type: `/problems/${code}`, title, status, detail: message, instance: '', ...(errors === undefined ? {} : { errors }) });

/** Sends a last answer on a connection, and closes it. */
function answerAndClose(socket: Duplex, problem: HttpProblem): void {
  const text = textOf(problem);
  const head = `HTTP/1.1 ${problem.status} ${STATUS_CODES[problem.status]}\r\ncontent-type: application/problem+json\r\n`;
  socket.on('error', () => socket.destroy());
  socket.end(`${head}content-length: ${Buffer.byteLength(text)}\r\nconnection: close\r\n\r\n${text}`);
  // Read and drop the rest of the request: a reset could discard the answer.
  socket.resume();
  setTimeout(() => socket.destroy(), LINGER_MS).unref();
}
