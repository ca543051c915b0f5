/** Effects that nobody can tell the end of: 209 refunds, each committed and then cut off, with a desk that honours keys and with one that does not. */
import assert from 'node:assert/strict';
import { after, before, it } from 'node:test';
import type { Run, Submitted } from '@reel/gateway/shapes.ts';
import { follow } from '@reel/scripts/cli/api.ts';
import { type LocalReel, startReel } from '../fixtures/local-reel.ts';
import { type Refunds, startRefunds } from '../fixtures/refunds-server.ts';

const COUNT = 209;
const AT_ONCE = 4;

let reel: LocalReel;
let desk: Refunds;
before(async () => {
  desk = await startRefunds();
  reel = await startReel({ apis: { refunds: { document: `${desk.url}/openapi.json`, baseUrl: desk.url } } });
  process.env['REEL_API'] = reel.api;
});
after(async () => {
  await reel.close();
  await desk.close();
});

/** Every order refunded by a run of its own, and how each ended. @param onHeld what somebody does about what is held. */
async function refundAll(tool: string, onHeld: (approval: string, order: string) => Promise<unknown>): Promise<Run[]> {
  const orders = Array.from({ length: COUNT }, (_, n) => `${tool}-${n}`);
  const runs: Run[] = [];
  const work = async (): Promise<void> => {
    for (let order = orders.pop(); order !== undefined; order = orders.pop()) runs.push(await refund(tool, order, onHeld));
  };
  await Promise.all(Array.from({ length: AT_ONCE }, work));
  for (const run of runs) assert.deepEqual((await reel.log(run.id)).findings, []);
  return runs;
}

async function refund(tool: string, order: string, onHeld: (approval: string, order: string) => Promise<unknown>): Promise<Run> {
  const workflow = { name: 'refund', steps: [{ id: 'refund', uses: tool, with: { body: { order } } }] };
  const { body } = await reel.ask<Submitted>('POST', '/v1/runs', { workflow });
  for await (const told of follow(body.id)) {
    if ('type' in told && told.type === 'step.verdict.held') await onHeld(told.id.split('.').slice(1, -1).join('.'), order);
  }
  return (await reel.ask('GET', `/v1/runs/${body.id}`)).body;
}

it(`${COUNT} refunds at a desk that honours keys: each is paid once, though each was cut off`, async () => {
  const runs = await refundAll('refund_keyed', () => assert.fail('nobody has to be asked'));
  assert.equal(runs.find(({ status }) => status !== 'completed')?.problem, undefined);
  const entries = [...desk.ledger].filter(([order]) => order.startsWith('refund_keyed'));
  assert.equal(entries.length, COUNT);
  assert.deepEqual(
    entries.filter(([, { paid }]) => paid !== 1),
    [],
  );
  assert.ok(entries.every(([, { calls }]) => calls > 1));
});

it(`${COUNT} refunds at a desk that does not: none is repeated blindly, and a person who looks settles each`, async () => {
  const settle = async (approval: string, order: string): Promise<unknown> => {
    const look = { name: 'look', steps: [{ id: 'look', uses: 'look_at_refund', with: { order } }] };
    assert.deepEqual((await reel.finish(look)).answer, { look: { paid: 1 } });
    const form = { action: 'supply', result: { refunded: order } };
    return await reel.ask('POST', `/v1/approvals/${approval}`, { decision: 'grant', who: 'olga', why: 'I looked at the bank', form });
  };
  const runs = await refundAll('refund_plain', settle);
  assert.equal(runs.find(({ status }) => status !== 'completed')?.problem, undefined);
  assert.ok(runs.every(({ answer }) => typeof (answer as { refund: { refunded: string } }).refund.refunded === 'string'));
  const entries = [...desk.ledger].filter(([order]) => order.startsWith('refund_plain'));
  assert.equal(entries.length, COUNT);
  assert.deepEqual(
    entries.filter(([, { calls, paid }]) => calls !== 1 || paid !== 1),
    [],
  );
});
