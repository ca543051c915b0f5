/** The demo's tickets as functions. The first requests for a ticket are turned away; then one is opened for each idempotency key. */
import { canonical } from '@reel/bus/runtime/digest.ts';
import { z } from 'zod';

const Opening = z.strictObject({
  customer: z.string().min(1),
  subject: z.string().min(1).max(200),
  text: z.string().min(1),
  urgency: z.enum(['low', 'normal', 'high']),
});
export type Ticket = z.infer<typeof Opening> & { readonly id: string; status: 'open' | 'closed' };

/** What was asked for under a key: how often it was turned away, how often taken, how often it took effect. */
type Asked = { readonly request: string; busy: number; calls: number; effects: number; ticket?: Ticket };

/** What is not done, with the HTTP status that says why. */
export class Declined extends Error {
  readonly status: number;
  constructor(status: number, message: string) {
    super(message);
    this.status = status;
  }
}

export type Tickets = {
  readonly ledger: ReadonlyMap<string, Readonly<Asked>>;
  /** @throws Declined: 503 while the desk is busy, 400, 422. */
  open(key: string, body: unknown): Ticket;
  /** @throws Declined: 404, 422. */
  close(key: string, id: string): Ticket;
  /** @throws Declined: 404. */
  find(id: string): Ticket;
};

/** @param busy how often a request for a new ticket is turned away. */
export function emptyDesk(busy: number): Tickets {
  const tickets = new Map<string, Ticket>();
  const ledger = new Map<string, Asked>();

  /** Does it unless it was done under this key before. */
  function once(key: string, request: string, patience: number, act: () => Ticket): Ticket {
    const asked = ledger.get(key) ?? { request, busy: 0, calls: 0, effects: 0 };
    if (asked.request !== request) throw new Declined(422, 'this Idempotency-Key belongs to another request');
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
  return {
    ledger,
    find,
    close: (key, id) => once(key, `close ${id}`, 0, () => Object.assign(find(id), { status: 'closed' as const })),
    open: (key, body) => {
      const parsed = Opening.safeParse(body);
      if (!parsed.success) throw new Declined(400, z.prettifyError(parsed.error));
      return once(key, `open ${canonical(parsed.data)}`, busy, () => {
        const ticket: Ticket = { id: `T-${tickets.size + 1}`, status: 'open', ...parsed.data };
        tickets.set(ticket.id, ticket);
        return ticket;
      });
    },
  };
}
