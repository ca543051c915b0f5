import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { chmod, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { connect } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { startServer } from './server.ts';

let scratch: string;
let folders = 0;
const folder = (): string => join(scratch, `data-${folders++}`);

before(async () => {
  scratch = await mkdtemp(join(tmpdir(), 'reel-nats-'));
});
after(() => rm(scratch, { recursive: true, force: true }));

/** The first line a client hears: the server introduces itself. */
async function greeting(port: number): Promise<string> {
  const socket = connect(port, '127.0.0.1');
  for await (const chunk of socket) return String(chunk);
  throw new Error('the server hung up');
}

test('a started server greets clients, and is gone after stop', async () => {
  const pidFile = join(scratch, 'server.pid');
  const server = await startServer({ dataDir: folder(), pidFile });
  assert.equal(server.url, `nats://127.0.0.1:${server.port}`);
  assert.match(await greeting(server.port), /^INFO .*"jetstream":true/);
  assert.equal(Number(await readFile(pidFile, 'utf8')), server.pid);
  await server.stop();
  await server.stop();
  await assert.rejects(greeting(server.port), { code: 'ECONNREFUSED' });
});

test('a killed server comes back on its own port and folder', async () => {
  const dataDir = folder();
  const { port, stop } = await startServer({ dataDir });
  await stop('SIGKILL');
  const again = await startServer({ dataDir, port });
  assert.equal(again.port, port);
  await again.stop();
});

test('a port in use is refused in the words of the server, with what to do', async () => {
  const first = await startServer({ dataDir: folder() });
  await assert.rejects(startServer({ dataDir: folder(), port: first.port }), (error: Error) => {
    assert.match(error.message, /address already in use/);
    assert.match(error.message, new RegExp(`Port ${first.port} is taken: stop what listens there, or choose another port`));
    return true;
  });
  await first.stop();
});

test('a configuration with a mistake is refused with its place', async () => {
  const configFile = join(scratch, 'mistake.conf');
  await writeFile(configFile, 'max_payload: 1MB\nauthorization {');
  await assert.rejects(startServer({ dataDir: folder(), configFile }), (error: Error) => {
    assert.match(error.message, /Parse error on line 2/);
    assert.match(error.message, /Correct .*mistake\.conf/);
    return true;
  });
});

test('a reload takes the new configuration, and keeps the old one when the new one is wrong', async () => {
  const configFile = join(scratch, 'reload.conf');
  await writeFile(configFile, 'max_payload: 1MB\n');
  const server = await startServer({ dataDir: folder(), configFile });
  assert.match(await greeting(server.port), /"max_payload":1048576/);

  await writeFile(configFile, 'max_payload: 2MB\n');
  await server.reload();
  assert.match(await greeting(server.port), /"max_payload":2097152/);

  await writeFile(configFile, 'max_payload {');
  await assert.rejects(server.reload(), /keeps its configuration.*Parse error/);
  assert.match(await greeting(server.port), /"max_payload":2097152/);
  await server.stop();
});

test('a reload without a configuration file is refused, and one after the end too', async () => {
  const server = await startServer({ dataDir: folder() });
  await assert.rejects(server.reload(), /can only reload config when a file is provided/);
  await server.stop();
  await assert.rejects(server.reload(), /nats-server is not running/);
});

test('a server that dies without a word is reported with its exit code', async () => {
  const broken = join(scratch, 'broken');
  await writeFile(broken, '#!/bin/sh\n[ "$1" = --version ] && echo "nats-server: v2.15.1" && exit 0\nexit 7\n');
  await chmod(broken, 0o755);
  const given = process.env['NATS_SERVER'];
  process.env['NATS_SERVER'] = broken;
  try {
    await assert.rejects(startServer({ dataDir: folder() }), /nats-server exited with code 7/);
  } finally {
    if (given === undefined) delete process.env['NATS_SERVER'];
    else process.env['NATS_SERVER'] = given;
  }
});

for (const [how, ending] of [
  ['returns', 'process.exit()'],
  ['is terminated', "process.kill(process.pid, 'SIGTERM')"],
]) {
  test(`a server ends when the process that started it ${how}`, async () => {
    const program = `
      import { startServer } from ${JSON.stringify(join(import.meta.dirname, 'server.ts'))};
      const server = await startServer({ dataDir: ${JSON.stringify(folder())} });
      process.stdout.write(String(server.port), () => ${ending});`;
    const parent = spawn(process.execPath, ['--input-type=module', '-e', program], { stdio: ['ignore', 'pipe', 'inherit'] });
    let said = '';
    for await (const chunk of parent.stdout) said += chunk;
    const port = Number(said);
    assert.ok(port > 0);
    // A connection that is open while the server goes is closed by it; one that comes later is refused.
    const socket = connect(port, '127.0.0.1').resume();
    await new Promise<void>((resolve) => socket.once('close', () => resolve()).once('error', () => {}));
  });
}
