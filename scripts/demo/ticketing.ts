/** The demo's ticketing API over HTTP (ticketing.openapi.yaml says what it takes): busy at first, and then once for each idempotency key. */
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { text } from 'node:stream/consumers';
import { canonical } from '@reel/bus/digest.ts';
import { z } from 'zod';

const Opening = z.strictObject({
  customer: z.string().min(1),
  subject: z.string().min(1).max(200),
  text: z.string().min(1),
  urgency: z.enum(['low', 'normal', 'high']),
});
export type Ticket = z.infer<typeof Opening> & { readonly id: string; status: 'open' | 'closed' };

/** What was asked for under a key: how often it was turned away, how often taken, how often it took effect. */
type Asked = { request: string; busy: number; calls: number; effects: number; ticket?: Ticket };

export type Ticketing = {
  readonly url: string;
  readonly tickets: ReadonlyMap<string, Ticket>;
  readonly ledger: ReadonlyMap<string, Readonly<Asked>>;
  close(): Promise<void>;
};

export type TicketingOptions = {
  /** What whoever asks has to show. */
  readonly token: string;
  /** How often a new ticket is turned away with 503 before it is taken. */
  readonly busy?: number;
};

/** An answer that is no success: its status, and a sentence. */
class Declined extends Error {
  readonly status: number;
  constructor(status: number, message: string) {
    super(message);
    this.status = status;
  }
}

/** Serves it on a free port of 127.0.0.1. */
export async function startTicketing({ token, busy = 2 }: TicketingOptions): Promise<Ticketing> {
  const tickets = new Map<string, Ticket>();
  const ledger = new Map<string, Asked>();

  /** Does it unless it was done under this key before. */
  function once(request: IncomingMessage, body: unknown, patience: number, act: () => Ticket): Ticket {
    const key = request.headers['idempotency-key'];
    if (typeof key !== 'string') throw new Declined(400, 'the header Idempotency-Key is missing');
    const what = canonical([request.method, request.url, body]);
    const asked = ledger.get(key) ?? { request: what, busy: 0, calls: 0, effects: 0 };
    if (asked.request !== what) throw new Declined(422, 'this Idempotency-Key belongs to another request');
    ledger.set(key, asked);
    if (asked.busy < patience) {
      asked.busy += 1;
      throw new Declined(503, 'the desk is busy');
    }
    asked.calls += 1;
    if (asked.ticket === undefined) {
      asked.ticket = act();
      asked.effects += 1;
    }
    return asked.ticket;
  }
  function find(id: string): Ticket {
    const ticket = tickets.get(id);
    if (ticket === undefined) throw new Declined(404, `there is no ticket "${id}"`);
    return ticket;
  }
  async function answer(request: IncomingMessage): Promise<[status: number, ticket: Ticket]> {
    if (request.headers.authorization !== `Bearer ${token}`) throw new Declined(401, 'the token is missing or wrong');
    const [, room, id, verb] = (request.url ?? '').split('/');
    const spot = `${request.method} /${room}${id === undefined ? '' : '/{id}'}${verb === undefined ? '' : `/${verb}`}`;
    if (spot === 'GET /tickets/{id}') return [200, find(id as string)];
    if (spot === 'POST /tickets/{id}/close') {
      const close = (): Ticket => Object.assign(find(id as string), { status: 'closed' as const });
      return [200, once(request, null, 0, close)];
    }
    if (spot !== 'POST /tickets') throw new Declined(404, `there is nothing at ${spot}`);
    const parsed = Opening.safeParse(JSON.parse(await text(request)));
    if (!parsed.success) throw new Declined(400, z.prettifyError(parsed.error));
    const open = (): Ticket => {
      const ticket: Ticket = { id: `T-${tickets.size + 1}`, status: 'open', ...parsed.data };
      tickets.set(ticket.id, ticket);
      return ticket;
    };
    return [201, once(request, parsed.data, busy, open)];
  }

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
  await new Promise<void>((listening, failed) => server.once('error', failed).listen(0, '127.0.0.1', listening));
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    tickets,
    ledger,
    close: async () => {
      const closed = new Promise((done) => server.close(done));
      server.closeAllConnections();
      await closed;
    },
  };
}

function say(response: ServerResponse, status: number, body: object, type: string): void {
  response.writeHead(status, { 'content-type': type }).end(JSON.stringify(body));
}
