/** `reel up` killed under load: whatever was acknowledged is there when it is started again, and one broker has its store. */
import assert from 'node:assert/strict';
import { type ChildProcess, execFile, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, readdir, readFile, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, it } from 'node:test';
import { promisify } from 'node:util';
import type { Submitted } from '@reel/gateway/shapes.ts';
import { serversIn } from '@reel/nats/processes.ts';
import { NO_MODEL } from '@reel/scripts/local/no-model.ts';

const ROUNDS = 10;
const RUNS_PER_ROUND = 25;
const command = join(import.meta.dirname, '../../scripts/reel.ts');

let scratch: string;
let dir: string;
let up: Up | undefined;

type Up = { readonly process: ChildProcess; readonly api: string; stderr(): string };

/** Starts `reel up` and waits until it serves. */
async function start(folder = dir): Promise<Up> {
  const child = spawn(process.execPath, [command, 'up', '--dir', folder, '--port', '0', '--nats-port', '0'], {
    env: { ...process.env, ...NO_MODEL },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  let stderr = '';
  child.stderr?.on('data', (chunk: Buffer) => {
    stderr += chunk.toString();
  });
  let stdout = '';
  for await (const chunk of child.stdout) {
    stdout += String(chunk);
    const api = /serves at (http:\S+)/.exec(stdout)?.[1];
    if (api !== undefined) return { process: child, api, stderr: () => stderr };
  }
  throw new Error(`reel up ended: ${stdout}${stderr}`);
}

/** What waits for a person does not end meanwhile. */
const workflow = { name: 'waits', steps: [{ id: 's', kind: 'person', prompt: 'Go on?', form: { type: 'object' }, timeoutMs: 600_000 }] };

/** Submits runs, several at a time, until nobody answers. @returns those that were acknowledged, and when there were enough. */
function load(api: string): { acknowledged: Set<string>; enough: Promise<void>; over: Promise<unknown> } {
  const acknowledged = new Set<string>();
  const enough = Promise.withResolvers<void>();
  const one = async (): Promise<void> => {
    for (;;) {
      const response = await fetch(`${api}/v1/runs`, {
        method: 'POST',
        headers: { 'content-type': 'application/json' },
        body: JSON.stringify({ workflow }),
      }).catch(() => undefined);
      if (response === undefined) return;
      const body = (await response.json().catch(() => undefined)) as Submitted | undefined;
      if (!response.ok || body === undefined) continue;
      acknowledged.add(body.id);
      if (acknowledged.size >= RUNS_PER_ROUND) enough.resolve();
    }
  };
  return { acknowledged, enough: enough.promise, over: Promise.all(Array.from({ length: 4 }, one)) };
}

async function childrenOf(pid: number): Promise<number[]> {
  const { stdout } = await promisify(execFile)('ps', ['-axo', 'pid=,ppid=']);
  return stdout.split('\n').flatMap((line) => {
    const [child, parent] = line.trim().split(/\s+/).map(Number);
    return parent === pid ? [child as number] : [];
  });
}

/** How it is killed, and what becomes of its broker and of the files that tell of it. */
const WAYS = ['alone', 'with its shell', 'broker stopped', 'pid file gone', 'pid file of another', 'by another name'] as const;

async function kill({ process: child }: Up, way: (typeof WAYS)[number]): Promise<void> {
  const [broker] = await serversIn(dir);
  if (way !== 'alone') {
    // What is stopped starts no other shell to end its broker.
    child.kill('SIGSTOP');
    for (const pid of await childrenOf(child.pid as number)) if (pid !== broker?.pid) process.kill(pid, 'SIGKILL');
  }
  if (way === 'broker stopped') process.kill(broker?.pid as number, 'SIGSTOP');
  const gone = once(child, 'exit');
  child.kill('SIGKILL');
  await gone;
  const pidFile = join(dir, 'nats.pid');
  if (way === 'pid file gone') await rm(pidFile);
  if (way === 'pid file of another') await writeFile(pidFile, String(process.pid));
}

before(async () => {
  scratch = await mkdtemp(join(tmpdir(), 'reel-killed-'));
  dir = join(scratch, 'reel');
  await symlink(dir, join(scratch, 'link'));
});
after(async () => {
  up?.process.kill('SIGKILL');
  await rm(scratch, { recursive: true, force: true });
});

it(`has all that it acknowledged, ${ROUNDS} times, and one broker on its store`, { timeout: 300_000 }, async () => {
  const all = new Set<string>();
  up = await start();
  for (let round = 0; round < ROUNDS; round += 1) {
    const way = WAYS[round % WAYS.length] as (typeof WAYS)[number];
    const { acknowledged, enough, over } = load(up.api);
    await enough;
    const [orphan] = await serversIn(dir);
    await kill(up, way);
    await over;
    for (const run of acknowledged) all.add(run);
    up = await start(way === 'by another name' ? join(scratch, 'link') : dir);
    const servers = await serversIn(dir);
    assert.deepEqual([servers.length, servers[0]?.parent], [1, up.process.pid], way);
    assert.notEqual(servers[0]?.pid, orphan?.pid);
    if (way !== 'alone') assert.match(up.stderr(), new RegExp(`nats-server ${orphan?.pid} .*had outlived .* ended in good order`));
    for (const run of all) assert.equal((await fetch(`${up.api}/v1/runs/${run}`)).status, 200, `${way}: ${run} is lost`);
  }
});

it('is refused in a folder where another runs, by its name, and touches nothing', { timeout: 60_000 }, async () => {
  const one = up as Up;
  const [broker] = await serversIn(dir);
  const files = async (): Promise<string[]> =>
    await Promise.all(['nats.conf', 'nats.pid', 'server.json', 'holder.json'].map((file) => readFile(join(dir, file), 'utf8')));
  const before = [...(await readdir(dir)), ...(await files())];
  await assert.rejects(start(), (error: Error) => {
    assert.match(error.message, new RegExp(`in use by process ${one.process.pid} \\(.*since 2.*nats-server ${broker?.pid} at port \\d+ `));
    return true;
  });
  assert.deepEqual([...(await readdir(dir)), ...(await files())], before);
  assert.deepEqual(await serversIn(dir), [broker]);
  const gone = once(one.process, 'exit');
  one.process.kill('SIGTERM');
  assert.deepEqual(await gone, [0, null]);
  assert.deepEqual(await serversIn(dir), []);
});
