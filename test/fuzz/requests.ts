/** Requests that people, programs and attackers may send: built from the API's own description, and then spoilt. */
import fc from 'fast-check';
import { bodyFor } from './bodies.ts';

/** What the fuzzer knows of the gateway: its operations, and runs that are there. */
export type Known = {
  readonly operations: readonly { readonly method: string; readonly path: string; readonly query: readonly string[] }[];
  readonly runs: readonly string[];
  readonly approvals: readonly string[];
};

export type Case = {
  readonly what: string;
  readonly bytes: Buffer;
  readonly answers: number;
  readonly headOnly: boolean;
  readonly half: boolean;
  /** Not HTTP, or not all of it: it may be answered by closing the connection. */
  readonly broken: boolean;
};

const odd = fc.constantFrom(
  '',
  '0',
  '-1',
  '1',
  '50',
  '501',
  '1e9',
  'NaN',
  'true',
  'completed',
  'nope',
  '%00',
  '%zz',
  '%2e%2e',
  '1.2',
  '..',
  "'",
  '%F0%9F',
);
const segment = (known: Known): fc.Arbitrary<string> =>
  fc.oneof(
    { weight: 3, arbitrary: fc.constantFrom(...known.runs, ...known.approvals) },
    {
      weight: 2,
      arbitrary: fc.constantFrom(
        'nope',
        '01JD',
        '*',
        '%3E',
        'a%2Fb',
        '%00',
        '%zz',
        '..',
        '%2e%2e%2f',
        'x'.repeat(65),
        'x'.repeat(7000),
        '-',
        '__proto__',
      ),
    },
    {
      weight: 2,
      arbitrary: fc.constantFrom(
        '0.nope.tool.a.1',
        '9.nope.tool.a.1',
        '9999.x.run.run.1',
        '0..run.run.1',
        '00.x.run.run.1',
        '-1.x.run.run.1',
        '0.*.tool.a.1',
        '0.x.tool.a.99999999999999',
      ),
    },
    { weight: 1, arbitrary: fc.webFragments().map(encodeURIComponent) },
  );

const headerName = fc.constantFrom(
  'x-odd',
  'accept',
  'prefer',
  'idempotency-key',
  'traceparent',
  'last-event-id',
  'content-encoding',
  'expect',
  'origin',
  'sec-fetch-site',
  'accept-encoding',
  'range',
  'if-none-match',
  'x-forwarded-host',
  'upgrade',
  'cookie',
  'te',
);
const headerValue = fc.oneof(
  fc.constantFrom(
    '',
    'text/event-stream',
    'application/json',
    'text/html',
    '*/*;q=0',
    '!',
    'wait=1',
    'wait=0',
    'wait=99',
    'gzip',
    'identity',
    '100-continue',
    'null',
    'http://evil.example',
    'cross-site',
    'same-origin',
    'bytes=0-1',
    '1',
    '99999999999999999999',
    '-5',
    'websocket',
    'h2c',
    'é',
    'k',
    'k2',
    '00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01',
    'x'.repeat(255),
    'x'.repeat(5000),
  ),
  fc.string({ maxLength: 40 }).map((text) => text.replace(/[^\x20-\x7e]/g, '')),
);
const headersOf: fc.Arbitrary<readonly (readonly [string, string])[]> = fc.oneof(
  { weight: 2, arbitrary: fc.constant([]) },
  { weight: 1, arbitrary: fc.array(fc.tuple(headerName, headerValue), { maxLength: 3 }) },
);
const contentType = fc.oneof(
  { weight: 8, arbitrary: fc.constant('application/json') },
  {
    weight: 2,
    arbitrary: fc.constantFrom(
      undefined,
      '',
      'text/plain',
      'application/x-www-form-urlencoded',
      'multipart/form-data; boundary=x',
      'application/json; charset=utf-16',
      'application/json;charset=utf-8',
      'APPLICATION/JSON',
      'application/jsonp',
      'x',
    ),
  },
);
const hosts = fc.oneof(
  { weight: 20, arbitrary: fc.constant('127.0.0.1') },
  {
    weight: 1,
    arbitrary: fc.constantFrom(
      'localhost',
      '[::1]',
      'evil.example',
      '',
      'localhost:99999',
      'a@b',
      '127.0.0.1.evil.example',
      'LOCALHOST',
      'x y',
    ),
  },
);

/** Cuts a body into pieces as a client does that does not know how long it will be. */
const chunked = (body: Buffer, size: number): Buffer => {
  const pieces: Buffer[] = [];
  for (let at = 0; at < body.length; at += size) {
    const piece = body.subarray(at, at + size);
    pieces.push(Buffer.from(`${piece.length.toString(16)}\r\n`), piece, Buffer.from('\r\n'));
  }
  return Buffer.concat([...pieces, Buffer.from('0\r\n\r\n')]);
};

/** A request that is HTTP, whatever it asks for. */
function wellFormed(known: Known): fc.Arbitrary<Case> {
  return fc
    .record({
      operation: fc.oneof(
        { weight: 1, arbitrary: fc.constantFrom(...known.operations) },
        { weight: 1, arbitrary: fc.constantFrom(...known.operations.filter(({ method }) => method === 'POST')) },
      ),
      method: fc.oneof(
        { weight: 12, arbitrary: fc.constant(undefined) },
        { weight: 1, arbitrary: fc.constantFrom('GET', 'POST', 'HEAD', 'OPTIONS', 'PUT', 'DELETE', 'PATCH', 'TRACE', 'PROPFIND') },
      ),
      id: segment(known),
      query: fc.array(fc.tuple(fc.nat(), odd), { maxLength: 2 }),
      headers: headersOf,
      type: contentType,
      host: hosts,
      transfer: fc.constantFrom('length', 'length', 'length', 'chunked'),
      spoil: fc.double({ min: 0, max: 1, noNaN: true }),
    })
    .chain((request) => bodyFor(request.operation.path).map((body) => ({ ...request, body })))
    .map(({ operation, method = operation.method, id, query, headers, type, host, transfer, body, spoil }) => {
      const names = [...operation.query, 'x', '__proto__'];
      const search = query.map(([name, text]) => `${names[name % names.length]}=${text}`).join('&');
      const target = `${operation.path.replace('{id}', id)}${search === '' ? '' : `?${search}`}`;
      const bytes = Buffer.from(body);
      // Some bodies are not UTF-8.
      if (spoil > 0.97 && bytes.length > 3) bytes[Math.floor(bytes.length / 2)] = 0xff;
      const carries = !['GET', 'HEAD', 'OPTIONS', 'TRACE'].includes(method) && (bytes.length > 0 || spoil > 0.5);
      const lines = [
        `${method} ${target} HTTP/1.1`,
        `Host: ${host}`,
        ...headers.map(([name, text]) => `${name}: ${text}`),
        ...(carries && type !== undefined ? [`Content-Type: ${type}`] : []),
        ...(carries ? [transfer === 'chunked' ? 'Transfer-Encoding: chunked' : `Content-Length: ${bytes.length}`] : []),
      ];
      const head = Buffer.from(`${lines.join('\r\n')}\r\n\r\n`, 'latin1');
      const sent = !carries ? [] : [transfer === 'chunked' ? chunked(bytes, 4096) : bytes];
      return {
        what: `${lines.join(' | ').slice(0, 600)} … ${carries ? body.slice(0, 3000) : ''}`,
        bytes: Buffer.concat([head, ...sent]),
        answers: 1,
        headOnly: method === 'HEAD',
        half: false,
        broken: false,
      };
    });
}

const wrongs = fc.constantFrom(
  'GET / HTTP/1.1\r\n\r\n',
  'GET /healthz HTTP/1.0\r\n\r\n',
  'GET /healthz HTTP/3.0\r\nHost: localhost\r\n\r\n',
  'GET  /healthz  HTTP/1.1\r\nHost: localhost\r\n\r\n',
  'get /healthz HTTP/1.1\r\nHost: localhost\r\n\r\n',
  'FOO /healthz HTTP/1.1\r\nHost: localhost\r\n\r\n',
  'CONNECT evil.example:443 HTTP/1.1\r\nHost: localhost\r\n\r\n',
  'OPTIONS * HTTP/1.1\r\nHost: localhost\r\n\r\n',
  'GET http://evil.example/v1/runs HTTP/1.1\r\nHost: localhost\r\n\r\n',
  'GET \\\\evil HTTP/1.1\r\nHost: localhost\r\n\r\n',
  'GET //evil.example/v1/runs HTTP/1.1\r\nHost: localhost\r\n\r\n',
  'GET /../../etc/passwd HTTP/1.1\r\nHost: localhost\r\n\r\n',
  'GET /v1/runs/\u0000 HTTP/1.1\r\nHost: localhost\r\n\r\n',
  'GET /v1/runs HTTP/1.1\r\nHost: localhost\r\nHost: evil.example\r\n\r\n',
  'GET /v1/runs HTTP/1.1\r\nHost: localhost\r\n folded: x\r\n\r\n',
  'GET /v1/runs HTTP/1.1\r\nHost : localhost\r\n\r\n',
  `GET /${'x'.repeat(20_000)} HTTP/1.1\r\nHost: localhost\r\n\r\n`,
  `GET / HTTP/1.1\r\nHost: localhost\r\n${'x: y\r\n'.repeat(3000)}\r\n`,
  'POST /v1/runs HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\nContent-Length: -1\r\n\r\n{}',
  'POST /v1/runs HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\nContent-Length: 1e3\r\n\r\n{}',
  'POST /v1/runs HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\nContent-Length: 2\r\nContent-Length: 3\r\n\r\n{}',
  'POST /v1/runs HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\nContent-Length: 99999999999999999999\r\n\r\n{}',
  'POST /v1/runs HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\nContent-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n',
  'POST /v1/runs HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\nTransfer-Encoding: gzip\r\n\r\n{}',
  'POST /v1/runs HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n{}\r\n',
  'POST /v1/runs HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\nTransfer-Encoding: chunked\r\n\r\nfffffffffffffffff\r\n',
  'POST /v1/runs HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\nContent-Length: 500\r\n\r\n{"workflow":',
  'POST /v1/runs HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\nTransfer-Encoding: chunked\r\n\r\n5\r\n{"wor',
  'GET /v1/runs HTTP/1.1\r\nHost: localhost\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\r\n',
  'PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n',
  '\u0016\u0003\u0001\u0002\u0000\u0001\u0000\u0001\u00fc\u0003\u0003',
  '\r\n\r\n\r\n',
);

/** What is not HTTP, or stops in between; or HTTP of which some bytes are others. The sending side is closed after it. */
function misshapen(known: Known): fc.Arbitrary<Case> {
  const bytes = fc.oneof(
    { weight: 4, arbitrary: wrongs.map((text) => Buffer.from(text, 'latin1')) },
    { weight: 1, arbitrary: fc.uint8Array({ maxLength: 300 }).map((array) => Buffer.from(array)) },
    {
      weight: 3,
      arbitrary: fc
        .tuple(wellFormed(known), fc.array(fc.tuple(fc.nat(), fc.nat(255)), { maxLength: 4 }), fc.nat(), fc.boolean())
        .map(([one, changes, cut, isCut]) => {
          const spoiled = Buffer.from(one.bytes);
          for (const [at, byte] of changes) spoiled[at % Math.min(spoiled.length, 400)] = byte;
          return isCut ? spoiled.subarray(0, cut % spoiled.length) : spoiled;
        }),
    },
  );
  return bytes.map((one) => ({
    what: JSON.stringify(one.toString('latin1').slice(0, 1500)),
    bytes: one,
    answers: 1,
    headOnly: one.subarray(0, 4).toString() === 'HEAD',
    half: true,
    broken: true,
  }));
}

/** Several at once on one connection, which are answered one after the other. */
const pipelined = (known: Known): fc.Arbitrary<Case> =>
  fc
    .array(fc.constantFrom('/healthz', '/v1/runs?limit=1', '/nowhere', ...known.runs.map((run) => `/v1/runs/${run}`)), {
      minLength: 2,
      maxLength: 6,
    })
    .map((paths) => ({
      what: `pipelined ${paths.join(' ')}`,
      bytes: Buffer.from(paths.map((path) => `GET ${path} HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n`).join('')),
      answers: paths.length,
      headOnly: false,
      half: false,
      broken: false,
    }));

export const requests = (known: Known): fc.Arbitrary<Case> =>
  fc.oneof(
    { weight: 14, arbitrary: wellFormed(known) },
    { weight: 3, arbitrary: misshapen(known) },
    { weight: 1, arbitrary: pipelined(known) },
  );
