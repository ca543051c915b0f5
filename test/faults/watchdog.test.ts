/** The watchdog ends what stands still, and neither what is stopped from outside nor what a tool keeps busy. */
import assert from 'node:assert/strict';
import { type ChildProcess, fork } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import { it, type TestContext } from 'node:test';

const timeout = 60_000;

async function begun(context: TestContext): Promise<{ child: ChildProcess; said: Promise<string> }> {
  const child = fork(join(import.meta.dirname, 'watchdog-process.ts'), [], { execArgv: [], stdio: ['ignore', 'ignore', 'pipe', 'ipc'] });
  context.after(() => child.kill('SIGKILL'));
  const said = text(child.stderr as NonNullable<ChildProcess['stderr']>);
  await once(child, 'message');
  return { child, said };
}

it('a process that hangs is ended, and what it was doing is named', { timeout }, async (context) => {
  const { child, said } = await begun(context);
  child.send('hang');
  assert.deepEqual(await once(child, 'exit'), [null, 'SIGALRM']);
  assert.match(
    await said,
    /has (computed for 1 s without a turn of its event loop|stood still for 3 s)\. Begun last: somebody handling hang/,
  );
});

it('a process that what it handles ends names it on the way out', { timeout }, async (context) => {
  const { child, said } = await begun(context);
  child.send('exit');
  assert.deepEqual(await once(child, 'exit'), [7, null]);
  assert.match(await said, /ends with code 7\. Begun last: somebody handling exit/);
});

it('a process that is stopped for longer goes on when it is continued', { timeout }, async (context) => {
  const [stopped, clock] = await Promise.all([begun(context), begun(context)]);
  stopped.child.kill('SIGSTOP');
  // The end of another one tells that so much time has passed as ends whoever stands still.
  clock.child.send('hang');
  await once(clock.child, 'exit');
  stopped.child.kill('SIGCONT');
  stopped.child.send('answer');
  assert.deepEqual((await once(stopped.child, 'message'))[0], 'here');
});

it('a process may be busy for longer with a call than with a fact', { timeout }, async (context) => {
  const { child } = await begun(context);
  child.send('work');
  assert.deepEqual((await once(child, 'message'))[0], 'here');
});
