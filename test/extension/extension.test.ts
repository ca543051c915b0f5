/** The examples of the documentation, admitted to a running Reel and started by their path. */
import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { createServer, type Server } from 'node:http';
import { join } from 'node:path';
import { after, before, it } from 'node:test';
import { promisify } from 'node:util';
import { given } from '@reel/bus/testing/given.ts';
import { theRun } from '@reel/contracts/address.ts';
import { closingFailing, runFailed, runRequested } from '@reel/contracts/run.ts';
import { Workflow } from '@reel/contracts/workflow/format.ts';
import { type LocalReel, startReel } from '../fixtures/local-reel.ts';
import bell from './bell.ts';

const root = join(import.meta.dirname, '../..');
const file = (name: string): string => join(import.meta.dirname, '.', name);
const cli = (...args: string[]): Promise<{ stdout: string }> =>
  promisify(execFile)(process.execPath, [join(root, 'scripts/reel.ts'), ...args]);

let reel: LocalReel;
before(async () => {
  reel = await startReel({ modules: [file('discount.ts')] });
});
after(() => reel.close());

/** A server that keeps what it is sent. */
async function listen(
  received: { body: string; key: string | undefined }[],
  onReceived: () => void,
): Promise<{ server: Server; url: string }> {
  const server = createServer((request, response) => {
    let body = '';
    request.on('data', (chunk: Buffer) => {
      body += chunk.toString();
    });
    request.on('end', () => {
      received.push({ body, key: request.headers['idempotency-key'] as string | undefined });
      response.end();
      onReceived();
    });
  }).listen(0, '127.0.0.1');
  await once(server, 'listening');
  return { server, url: `http://127.0.0.1:${(server.address() as { port: number }).port}` };
}

it("the README's workflow runs with its tool", async () => {
  const workflow = /```yaml\n([\s\S]*?)```/.exec(readFileSync(join(root, 'README.md'), 'utf8'))?.[1];
  const run = await reel.finish(workflow, { cents: 5000 });
  assert.deepEqual([run.status, run.answer], ['completed', { cents: 4500 }]);
});

it("the README's service tells of a run that failed", async (context) => {
  const sent = context.mock.method(globalThis, 'fetch', () => Promise.resolve(new Response()));
  const problem = { code: 'full', message: 'no rooms' };
  const workflow = Workflow.parse({ name: 'trip', steps: [{ id: 'book', uses: 'book' }] });
  const facts = [
    runRequested(theRun, { requestedBy: 'ada', workflow, input: {}, tools: {}, deadlineMs: 1e15 }),
    closingFailing(theRun, { problem }),
    runFailed(theRun, { problem, undone: [], remaining: [] }),
  ];
  assert.deepEqual(await given(facts).then(bell, {}), []);
  assert.deepEqual(
    sent.mock.calls.map(({ arguments: [, init] }) => init?.body),
    ['R: no rooms'],
  );
});

it('a new performer is admitted without a restart, and performs steps of its kind under their key', async () => {
  const received: { body: string; key: string | undefined }[] = [];
  const { server, url } = await listen(received, () => {});
  const { stdout } = await cli('admit', file('sms.ts'), '--dir', reel.local.dir);
  assert.match(stdout, /sms-sender is admitted\. It performs steps of kind sms, and may say what becomes of those: step\.start/);
  reel.local.env['SMS_URL'] = url;
  const child = await reel.local.spawn([file('sms.ts')]);
  const run = await reel.finish({ name: 'tell', steps: [{ id: 'sms', kind: 'sms', with: { to: '+351', text: 'hello' } }] });
  assert.deepEqual([run.status, run.answer], ['completed', { sms: { sent: true } }]);
  assert.deepEqual(received, [{ body: '{"to":"+351","text":"hello"}', key: `${run.id}.sms.sms` }]);
  child.kill();
  server.close();
});

it('a new subscriber is admitted without a restart, and hears what it listens for', async () => {
  const received: { body: string; key: string | undefined }[] = [];
  const told = Promise.withResolvers<void>();
  const { server, url } = await listen(received, told.resolve);
  await cli('admit', file('notifier.ts'), '--dir', reel.local.dir);
  reel.local.env['NOTIFIER_URL'] = url;
  const child = await reel.local.spawn([file('notifier.ts')]);
  const run = await reel
    .finish({
      name: 'doomed',
      steps: [{ id: 'a', kind: 'person', prompt: '?', form: { type: 'object' }, timeoutMs: 1000 }],
      deadlineMs: 20_000,
    })
    .catch((error: Error) => error);
  await told.promise;
  assert.ok(!(run instanceof Error), (run as Error).message);
  assert.match(received[0]?.body ?? '', new RegExp(`run ${run.id} failed: `));
  child.kill();
  server.close();
});

it('a service that was not admitted is told what to do', async () => {
  const env = { ...reel.local.env, REEL_CREDENTIALS: join(reel.dir, 'none') };
  const failed = await promisify(execFile)(process.execPath, [join(root, 'services/main.ts'), file('notifier.ts')], { env }).catch(
    (error: { stderr: string }) => error,
  );
  assert.match(failed.stderr, /no credentials for "notifier".*npx reel admit/);
});
