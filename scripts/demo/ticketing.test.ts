import assert from 'node:assert/strict';
import { type TestContext, test } from 'node:test';
import { startTicketing } from './ticketing.ts';
import type { Ticket } from './tickets.ts';

const opening = { customer: 'Ada', subject: 'It leaks', text: 'It leaks.', urgency: 'high' };

async function served(context: TestContext, busy = 0) {
  const ticketing = await startTicketing({ token: 'right', busy });
  context.after(() => ticketing.close());
  const call = async (method: string, path: string, key?: string, body?: object, token = 'right') => {
    const headers = { authorization: `Bearer ${token}`, ...(key === undefined ? {} : { 'idempotency-key': key }) };
    const response = await fetch(`${ticketing.url}${path}`, {
      method,
      headers,
      ...(body === undefined ? {} : { body: JSON.stringify(body) }),
    });
    return { status: response.status, after: response.headers.get('retry-after'), body: (await response.json()) as Ticket };
  };
  return { call, ledger: ticketing.ledger };
}

test('whoever opens a ticket is turned away twice and told when to come back, and then it is opened once for the key', async (context) => {
  const { call, ledger } = await served(context, 2);
  for (const _ of [1, 2]) {
    const { status, after } = await call('POST', '/tickets', 'K', opening);
    assert.deepEqual([status, after], [503, '1']);
  }
  const { status, body } = await call('POST', '/tickets', 'K', opening);
  assert.deepEqual([status, body], [201, { id: 'T-1', status: 'open', ...opening }]);
  assert.deepEqual((await call('POST', '/tickets', 'K', opening)).body, body);
  const { busy, calls, effects } = ledger.get('K')!;
  assert.deepEqual({ busy, calls, effects }, { busy: 2, calls: 2, effects: 1 });
  assert.equal((await call('POST', '/tickets', 'K', { ...opening, urgency: 'low' })).status, 422);
});

test('a ticket can be looked at, and closed', async (context) => {
  const { call } = await served(context);
  await call('POST', '/tickets', 'K', opening);
  assert.equal((await call('GET', '/tickets/T-1')).body.status, 'open');
  assert.equal((await call('POST', '/tickets/T-1/close', 'L')).body.status, 'closed');
  assert.equal((await call('GET', '/tickets/T-1')).body.status, 'closed');
});

test('what is wrong with a request is told', async (context) => {
  const { call } = await served(context);
  assert.equal((await call('GET', '/tickets/T-1', undefined, undefined, 'wrong')).status, 401);
  assert.equal((await call('GET', '/tickets/T-1')).status, 404);
  assert.equal((await call('GET', '/nothing')).status, 404);
  assert.equal((await call('POST', '/tickets', undefined, opening)).status, 400);
  assert.equal((await call('POST', '/tickets', 'K', { ...opening, urgency: 'immense' })).status, 400);
});
