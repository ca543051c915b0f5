/** The image's health check, as a container's engine runs it; and that both ways to build the image make the same one. */
import assert from 'node:assert/strict';
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, it } from 'node:test';
import { type Health, openHealth } from '@reel/bus/health.ts';
import { root } from '@reel/scripts/check/tree.ts';
import { writeCredentials } from '@reel/scripts/local/deployment.ts';

let dir: string;
let service: ChildProcess;
let port: number;
/** The exit code of the health check, 0 for well. */
async function codeAt(healthPort: number): Promise<number> {
  const env = { ...process.env, REEL_HEALTH_PORT: String(healthPort) };
  const check = spawn(process.execPath, [join(root, 'infra/image/alive.ts')], { env, stdio: ['ignore', 'ignore', 'inherit'] });
  const [code] = (await once(check, 'exit')) as [number];
  return code;
}
async function codeFor(health: Health): Promise<number> {
  const endpoint = await openHealth(0, () => health);
  try {
    return await codeAt(endpoint.port);
  } finally {
    await endpoint.close();
  }
}

before(async () => {
  dir = await mkdtemp(join(tmpdir(), 'reel-alive-'));
  await writeCredentials(dir, []);
  // Somebody's port that is free again.
  const endpoint = await openHealth(0, () => ({ live: true, ready: true }));
  await endpoint.close();
  port = endpoint.port;
  const env = {
    ...process.env,
    // Nobody is there, and it waits.
    REEL_NATS: 'nats://127.0.0.1:1',
    REEL_CREDENTIALS: join(dir, 'credentials'),
    REEL_HEALTH_PORT: String(port),
    REEL_LOG: 'silent',
  };
  service = spawn(process.execPath, [join(root, 'services/main.ts'), 'planner'], { env, stdio: 'ignore' });
});
after(async () => {
  service.kill('SIGKILL');
  await rm(dir, { recursive: true, force: true });
});

it('is content with a service that is alive, though it is not ready', { timeout: 60_000 }, async () => {
  while ((await codeAt(port)) !== 0) assert.equal(service.exitCode, null);
  assert.equal((await fetch(`http://127.0.0.1:${port}/readyz`)).status, 503);
});

it('is not with one that is frozen, until it goes on', { timeout: 60_000 }, async () => {
  service.kill('SIGSTOP');
  assert.equal(await codeAt(port), 1);
  service.kill('SIGCONT');
  assert.equal(await codeAt(port), 0);
});

it('is not with one that has ended', { timeout: 60_000 }, async () => {
  const left = once(service, 'exit');
  service.kill('SIGKILL');
  await left;
  assert.equal(await codeAt(port), 1);
});

it('is not with one that says that it has to be started again', { timeout: 60_000 }, async () => {
  assert.equal(await codeFor({ live: false, ready: false }), 1);
  assert.equal(await codeFor({ live: true, ready: false }), 0);
});

const read = (file: string): Promise<string> => readFile(join(root, 'infra/image', file), 'utf8');
const words = (text: string): string[] => text.split(/\s+/).filter(Boolean);

it('is in the image of the Dockerfile and in that of build.sh, which say the same of themselves in all else too', async () => {
  const lines = (await read('Dockerfile')).replace(/\\\n/g, ' ').split('\n');
  const stage = lines.slice(lines.findLastIndex((line) => line.startsWith('FROM ')));
  const told = (instruction: string): string =>
    stage.find((line) => line.startsWith(`${instruction} `))?.slice(instruction.length + 1) ?? '';
  const script = (await read('build.sh')).replace(/\\\n/g, ' ');
  const [, command = ''] = script.match(/^buildah config (.*)$/m) ?? [];
  // Others drop the health check without a word.
  assert.match(script, /^buildah commit .*--format docker /m);
  const flags = (name: string): string[] =>
    [...command.matchAll(new RegExp(`--${name} ('[^']*'|\\S+)`, 'g'))].map(([, value = '']) => value.replaceAll("'", ''));
  const [check = '', test = ''] = told('HEALTHCHECK').split(' CMD ');
  assert.deepEqual(
    {
      workingdir: flags('workingdir'),
      user: flags('user'),
      'stop-signal': flags('stop-signal'),
      port: flags('port'),
      // The Dockerfile's base has a PATH.
      env: flags('env').filter((one) => !one.startsWith('PATH=')),
      entrypoint: JSON.parse(flags('entrypoint').join()) as unknown,
      healthcheck: flags('healthcheck').flatMap(words),
      often: ['interval', 'timeout', 'start-period'].map((name) => `--${name}=${flags(`healthcheck-${name}`).join()}`),
    },
    {
      workingdir: [told('WORKDIR')],
      user: [told('USER')],
      'stop-signal': [told('STOPSIGNAL')],
      port: words(told('EXPOSE')),
      env: words(told('ENV')),
      entrypoint: JSON.parse(told('ENTRYPOINT')) as unknown,
      healthcheck: ['CMD', ...(JSON.parse(test) as string[])],
      often: words(check),
    },
  );
});
