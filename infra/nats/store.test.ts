/** A store has one server, however the process that started it ended, and whatever became of the files beside it. */
import assert from 'node:assert/strict';
import { type ChildProcess, execFile, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, readdir, readFile, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { promisify } from 'node:util';
import { lock } from './lock.ts';
import { type StoreProcess, serversIn } from './processes.ts';
import { startServer } from './server.ts';
import { InUse } from './store.ts';

let scratch: string;
let folders = 0;
const folder = (): string => join(scratch, `data-${folders++}`);

before(async () => {
  scratch = await mkdtemp(join(tmpdir(), 'reel-store-'));
});
after(() => rm(scratch, { recursive: true, force: true }));

/** A process of its own that has started a server on the folder. */
async function starter(dataDir: string): Promise<ChildProcess> {
  const program = `
    import { startServer } from ${JSON.stringify(join(import.meta.dirname, 'server.ts'))};
    const server = await startServer({ dataDir: ${JSON.stringify(dataDir)}, pidFile: ${JSON.stringify(`${dataDir}.pid`)} });
    process.stdout.write('started');`;
  const child = spawn(process.execPath, ['--input-type=module', '-e', program], { stdio: ['ignore', 'pipe', 'inherit'] });
  await once(child.stdout, 'data');
  return child;
}

/** The processes that a process has started. */
async function childrenOf(pid: number): Promise<number[]> {
  const { stdout } = await promisify(execFile)('ps', ['-axo', 'pid=,ppid=']);
  return stdout.split('\n').flatMap((line) => {
    const [child, parent] = line.trim().split(/\s+/).map(Number);
    return parent === pid ? [child as number] : [];
  });
}

/** Kills a starter together with the shell that would have ended its server. @returns the server's process, which lives on */
async function orphaned(dataDir: string): Promise<number> {
  const parent = await starter(dataDir);
  const server = (await serversIn(dataDir))[0] as StoreProcess;
  assert.equal(server.parent, parent.pid);
  // What is stopped starts no other shell.
  parent.kill('SIGSTOP');
  for (const pid of await childrenOf(parent.pid as number)) if (pid !== server.pid) process.kill(pid, 'SIGKILL');
  const gone = once(parent, 'exit');
  parent.kill('SIGKILL');
  await gone;
  assert.deepEqual(
    (await serversIn(dataDir)).map(({ pid }) => pid),
    [server.pid],
  );
  return server.pid;
}

/** Starts again; the server that lived on is gone, and one works on the folder. */
async function startsAnew(dataDir: string, orphan: number, at = dataDir): Promise<void> {
  const said: string[] = [];
  const again = await startServer({ dataDir: at, say: (line) => said.push(line) });
  assert.deepEqual(
    (await serversIn(dataDir)).map(({ pid }) => pid),
    [again.pid],
  );
  assert.equal(said.length, 1);
  assert.match(
    said[0] as string,
    new RegExp(`^nats-server ${orphan} at port \\d+ \\(since .*\\) had outlived .*, and was ended in good order`),
  );
  await again.stop();
  assert.deepEqual(await serversIn(dataDir), []);
}

test('a server whose starter was killed ends by itself, also while it is stopped', async () => {
  for (const stopped of [false, true]) {
    const dataDir = folder();
    const parent = await starter(dataDir);
    const [server] = await serversIn(dataDir);
    if (stopped) process.kill(server?.pid as number, 'SIGSTOP');
    parent.kill('SIGKILL');
    const again = await startServer({ dataDir, say: () => {} });
    assert.deepEqual(
      (await serversIn(dataDir)).map(({ pid }) => pid),
      [again.pid],
    );
    await again.stop();
  }
});

test('a server that outlived its starter is ended before another works on its store', async () => {
  const dataDir = folder();
  await startsAnew(dataDir, await orphaned(dataDir));
});

test('the same one while it is stopped', async () => {
  const dataDir = folder();
  const orphan = await orphaned(dataDir);
  process.kill(orphan, 'SIGSTOP');
  await startsAnew(dataDir, orphan);
});

test('the same one when the files that tell of it are gone, are rubbish, or name another process', async () => {
  const dataDir = folder();
  const stranger = spawn('sleep', ['600'], { stdio: 'ignore' });
  for (const rubbish of [undefined, 'rubbish', String(stranger.pid), JSON.stringify({ pid: stranger.pid, since: 'then' })]) {
    const orphan = await orphaned(dataDir);
    for (const file of [`${dataDir}.pid`, join(dataDir, 'holder.json')]) {
      await rm(file);
      if (rubbish !== undefined) await writeFile(file, rubbish);
    }
    await startsAnew(dataDir, orphan);
  }
  assert.equal(stranger.exitCode ?? stranger.signalCode, null, 'a stranger is left alone');
  stranger.kill();
});

test('the same one when its folder is reached by another name', async () => {
  const dataDir = folder();
  const link = folder();
  const orphan = await orphaned(dataDir);
  await symlink(dataDir, link);
  await startsAnew(dataDir, orphan, link);
});

test('a folder that is in use is refused by who has it, where and since when, and nothing is touched', async () => {
  const dataDir = folder();
  const link = folder();
  const parent = await starter(dataDir);
  await symlink(dataDir, link);
  const [server] = await serversIn(dataDir);
  const files = async (): Promise<string> =>
    JSON.stringify([
      await readFile(`${dataDir}.pid`, 'utf8'),
      await readFile(join(dataDir, 'holder.json'), 'utf8'),
      await readdir(join(dataDir, 'ports')),
    ]);
  const before = await files();
  for (const name of [dataDir, link]) {
    await assert.rejects(startServer({ dataDir: name, pidFile: `${dataDir}.pid` }), (error: Error) => {
      assert.ok(error instanceof InUse);
      assert.match(
        error.message,
        new RegExp(`in use by process ${parent.pid} \\(.*since 2.*nats-server ${server?.pid} at port \\d+ .*Nothing was touched`),
      );
      return true;
    });
  }
  assert.equal(await files(), before);
  assert.deepEqual(await serversIn(dataDir), [server]);
  const gone = once(parent, 'exit');
  parent.kill();
  await gone;
});

test('of many that start at once on one folder, one does', async () => {
  const dataDir = folder();
  const starts = await Promise.allSettled(Array.from({ length: 6 }, () => startServer({ dataDir })));
  const started = starts.filter((one) => one.status === 'fulfilled');
  assert.equal(started.length, 1);
  for (const one of starts) if (one.status === 'rejected') assert.ok(one.reason instanceof InUse, String(one.reason));
  assert.equal((await serversIn(dataDir)).length, 1);
  await started[0]?.value.stop();
});

test('a server that somebody else started on the folder is left alone, and refused by its name', async () => {
  const dataDir = folder();
  const first = await startServer({ dataDir });
  await first.stop();
  const other = spawn(first.process.spawnfile, ['-a', '127.0.0.1', '-p', '-1', '-js', '-sd', dataDir], {
    stdio: ['ignore', 'ignore', 'pipe'],
  });
  await once(other.stderr, 'data');
  await assert.rejects(
    startServer({ dataDir }),
    new RegExp(`nats-server ${other.pid} .*not started as Reel starts it. Stop it: kill ${other.pid}`),
  );
  assert.equal(other.exitCode ?? other.signalCode, null);
  const gone = once(other, 'exit');
  other.kill();
  await gone;
  await (await startServer({ dataDir })).stop();
});

test('a lock is of the folder, and is gone with who had it', async () => {
  const dir = await mkdtemp(join(scratch, 'lock-'));
  const held = await lock(dir);
  assert.equal(await lock(dir), undefined);
  held?.release();
  const again = await lock(dir);
  assert.notEqual(again, undefined);
  again?.release();
});
