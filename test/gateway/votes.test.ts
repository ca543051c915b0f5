/** A vote that does not count says so, and uses up nothing: the same person may vote again. */
import assert from 'node:assert/strict';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, it } from 'node:test';
import type { ApprovalPage, Cancelled, Ruling, Run, Submitted } from '@reel/gateway/shapes.ts';
import { follow } from '@reel/scripts/cli/api.ts';
import { EXIT } from '@reel/scripts/cli/exit-codes.ts';
import { until } from '@reel/scripts/local/until.ts';
import { callReel, type Done } from '../fixtures/cli.ts';
import { type LocalReel, startReel } from '../fixtures/local-reel.ts';

let reel: LocalReel;
let dir: string;
const cli = (...args: string[]): Promise<Done> => callReel(reel, args);

before(async () => {
  dir = await mkdtemp(join(tmpdir(), 'reel-votes-'));
  const own = await readFile(join(import.meta.dirname, '../../services/policy/policies/default.cedar'), 'utf8');
  const notAdas = 'forbid (principal == User::"ada", action == Action::"vote", resource) when { context.decision == "grant" };';
  await writeFile(join(dir, 'all.cedar'), `${own}\n@id("not-hers-to-give")\n${notAdas}\n`);
  reel = await startReel({ env: { REEL_POLICIES: dir } });
  process.env['REEL_API'] = reel.api;
});
after(async () => {
  await reel?.close();
  await rm(dir, { recursive: true, force: true });
});

/** A run that asks a person, and the id of its question. */
async function asking(): Promise<{ run: string; question: string }> {
  const steps = [{ id: 'sure', kind: 'person', prompt: 'pay?', form: { type: 'object' } }];
  const { body } = await reel.ask<Submitted>('POST', '/v1/runs', { workflow: { name: 'asks', steps } });
  let question: string | undefined;
  await until(async () => {
    question = (await reel.ask<ApprovalPage>('GET', `/v1/approvals?run=${body.id}`)).body.approvals[0]?.id;
    return question !== undefined;
  });
  return { run: body.id, question: question as string };
}
async function endOf(run: string): Promise<Run> {
  for await (const _ of follow(run));
  assert.deepEqual((await reel.log(run)).findings, []);
  return (await reel.ask<Run>('GET', `/v1/runs/${run}`)).body;
}

it('whose approval is denied may still refuse, and that counts', async () => {
  const { run, question } = await asking();
  for (let tries = 0; tries < 2; tries += 1) {
    const denied = await cli('approve', question, '--who', 'ada', '--form', '{}');
    assert.deepEqual([denied.code, denied.stdout], [EXIT.conflict, '']);
    assert.match(denied.stderr, /The vote does not count: policy "not-hers-to-give" forbids/);
  }
  const refused = await cli('refuse', question, '--who', 'ada', '--why', 'too much');
  assert.equal(refused.code, EXIT.done, refused.stderr);
  assert.match(refused.stdout, /refused by ada: "sure" of run \S+; it is not done/);
  const { status } = await endOf(run);
  assert.equal(status, 'failed');
});

it('after a denied vote of one person another may approve; what was decided is not decided again', async () => {
  const { run, question } = await asking();
  assert.equal((await cli('approve', question, '--who', 'ada', '--form', '{}')).code, EXIT.conflict);
  assert.equal((await cli('approve', question, '--who', 'bob', '--form', '{}')).code, EXIT.done);
  assert.equal((await endOf(run)).status, 'completed');
  const late = await cli('refuse', question, '--who', 'ada');
  assert.equal(late.code, EXIT.conflict);
  assert.match(late.stderr, /The approval was decided already: granted by bob/);
});

it('a vote that is sent again gets the answer that it got; other words of the same person do not', async () => {
  const { question } = await asking();
  const vote = { decision: 'grant', who: 'bob', why: 'so', form: {} };
  const first = await reel.ask<Ruling>('POST', `/v1/approvals/${question}`, vote);
  assert.equal(first.body.ruling, 'granted', JSON.stringify(first.body));
  const again = await reel.ask<Ruling>('POST', `/v1/approvals/${question}`, vote);
  assert.deepEqual([again.status, again.body], [200, first.body]);
  const other = await reel.ask('POST', `/v1/approvals/${question}`, { ...vote, why: 'otherwise' });
  assert.equal(other.status, 409);
});

it('of two ends that are asked for at once the one that lost is told so', async () => {
  const { run, question } = await asking();
  const [granted, cancelled] = await Promise.all([
    reel.ask<Ruling>('POST', `/v1/approvals/${question}`, { decision: 'grant', who: 'bob', why: 'so', form: {} }),
    reel.ask<Cancelled>('POST', `/v1/runs/${run}/cancel`, {}),
  ]);
  const { status } = await endOf(run);
  assert.equal(cancelled.status, status === 'cancelled' ? 202 : 409, JSON.stringify([granted, cancelled]));
});

it('a run that is over cannot be cancelled, and that is said', async () => {
  const { run, question } = await asking();
  await cli('approve', question, '--who', 'bob', '--form', '{}');
  await endOf(run);
  const cancelled = await cli('cancel', run);
  assert.equal(cancelled.code, EXIT.conflict);
  assert.match(cancelled.stderr, /The run cannot be cancelled any more: the run is completed/);
  const other = await asking();
  assert.equal((await cli('cancel', other.run)).code, EXIT.done);
  assert.equal((await endOf(other.run)).status, 'cancelled');
  // What was asked for is so.
  assert.equal((await cli('cancel', other.run)).code, EXIT.done);
});
