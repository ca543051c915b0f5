/** The demo's ticketing API over HTTP; ticketing.openapi.yaml says what it takes. */
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { json } from 'node:stream/consumers';
import { Declined, emptyDesk, type Ticket, type Tickets } from './tickets.ts';

export type Ticketing = { readonly url: string; readonly ledger: Tickets['ledger']; close(): Promise<void> };

export type TicketingOptions = {
  /** The credential of a caller. */
  readonly token: string;
  /** How often a request for a new ticket gets 503 before it is opened. */
  readonly busy: number;
  /** 127.0.0.1 by default. */
  readonly host?: string;
  /** 0, the default, takes a free one. */
  readonly port?: number;
};

/** Serves it. */
export async function startTicketing({ token, busy, host = '127.0.0.1', port = 0 }: TicketingOptions): Promise<Ticketing> {
  const desk = emptyDesk(busy);
  const answer = async (request: IncomingMessage): Promise<[status: number, ticket: Ticket]> => {
    if (request.headers.authorization !== `Bearer ${token}`) throw new Declined(401, 'the token is missing or wrong');
    const [, room, id = '', verb = ''] = (request.url ?? '').split('/');
    const spot = [request.method, room, id === '' ? '' : '{id}', verb].join(' ').trimEnd();
    if (spot === 'GET tickets {id}') return [200, desk.find(id)];
    if (spot === 'POST tickets {id} close') return [200, desk.close(keyOf(request), id)];
    if (spot === 'POST tickets') return [201, desk.open(keyOf(request), await json(request))];
    throw new Declined(404, 'there is nothing here');
  };
  const server = createServer((request, response) => {
    answer(request).then(
      ([status, ticket]) => say(response, status, ticket, 'application/json'),
      (error: Error) => {
        const status = error instanceof Declined ? error.status : 400;
        if (status === 503) response.setHeader('retry-after', '1');
        say(response, status, { status, title: error.message }, 'application/problem+json');
      },
    );
  });
  await new Promise<void>((listening, failed) => server.once('error', failed).listen(port, host, listening));
  return {
    url: `http://${host}:${(server.address() as AddressInfo).port}`,
    ledger: desk.ledger,
    close: async () => {
      const closed = new Promise((done) => server.close(done));
      server.closeAllConnections();
      await closed;
    },
  };
}

function keyOf({ headers }: IncomingMessage): string {
  const key = headers['idempotency-key'];
  if (typeof key !== 'string') throw new Declined(400, 'the header Idempotency-Key is missing');
  return key;
}

function say(response: ServerResponse, status: number, body: object, type: string): void {
  response.writeHead(status, { 'content-type': type }).end(JSON.stringify(body));
}
