/** A refund desk over HTTP that commits and then breaks the connection, every first time: the published case of effects done twice. */
import { createServer, type IncomingMessage } from 'node:http';
import type { AddressInfo } from 'node:net';
import { json } from 'node:stream/consumers';

export type Refunds = {
  readonly url: string;
  /** By order: how often it was asked for, and how often it was paid back. */
  readonly ledger: ReadonlyMap<string, { calls: number; paid: number }>;
  close(): Promise<void>;
};

/** What it says of itself: an operation that declares the header honours keys. */
const openapi = {
  openapi: '3.1.0',
  info: { title: 'refunds', version: '1' },
  servers: [{ url: '/' }],
  paths: {
    '/keyed': { post: operation('refund_keyed', [{ name: 'Idempotency-Key', in: 'header', required: true, schema: { type: 'string' } }]) },
    '/plain': { post: operation('refund_plain', []) },
    '/paid/{order}': {
      get: {
        operationId: 'look_at_refund',
        parameters: [{ name: 'order', in: 'path', required: true, schema: { type: 'string' } }],
        responses: { 200: { description: 'how often it was paid back', content: { 'application/json': { schema: { type: 'object' } } } } },
      },
    },
  },
};

function operation(operationId: string, parameters: object[]): object {
  const body = { type: 'object', required: ['order'], properties: { order: { type: 'string' } } };
  const done = { type: 'object', required: ['refunded'], properties: { refunded: { type: 'string' } } };
  return {
    operationId,
    parameters,
    requestBody: { required: true, content: { 'application/json': { schema: body } } },
    responses: { 200: { description: 'done', content: { 'application/json': { schema: done } } } },
  };
}

/** Serves it on a free port. Under `/keyed` a key is paid for once; under `/plain` every call is. */
export async function startRefunds(): Promise<Refunds> {
  const ledger = new Map<string, { calls: number; paid: number }>();
  const known = new Set<string>();
  const commit = async (request: IncomingMessage): Promise<{ order: string; first: boolean }> => {
    const { order } = (await json(request)) as { order: string };
    const entry = ledger.get(order) ?? { calls: 0, paid: 0 };
    ledger.set(order, entry);
    entry.calls += 1;
    const key = String(request.headers['idempotency-key']);
    if (request.url !== '/keyed' || !known.has(key)) entry.paid += 1;
    known.add(key);
    return { order, first: entry.calls === 1 };
  };
  const server = createServer((request, response) => {
    const told = (body: object): unknown => response.writeHead(200, { 'content-type': 'application/json' }).end(JSON.stringify(body));
    if (request.method === 'GET') {
      const order = /^\/paid\/(.+)$/.exec(request.url ?? '')?.[1];
      return void told(order === undefined ? openapi : { paid: ledger.get(order)?.paid ?? 0 });
    }
    void commit(request).then(({ order, first }) => {
      if (first) request.socket.destroy();
      else told({ refunded: order });
    });
  });
  await new Promise<void>((listening) => server.listen(0, '127.0.0.1', listening));
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    ledger,
    close: async () => {
      const closed = new Promise((done) => server.close(done));
      server.closeAllConnections();
      await closed;
    },
  };
}
