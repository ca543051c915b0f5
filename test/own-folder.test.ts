/** What `reel new` writes, in a folder outside the repository: it is typed, tested, admitted and run as it was written. */
import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { cp, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, it } from 'node:test';
import { promisify } from 'node:util';
import type { ToolList } from '@reel/gateway/shapes.ts';
import { EXIT } from '@reel/scripts/exit-codes.ts';
import { until } from '@reel/scripts/until.ts';
import { load } from '@reel/services/main.ts';
import { callReel, type Done } from './cli.ts';
import { type LocalReel, startReel } from './local-reel.ts';

const root = join(import.meta.dirname, '..');
let dir: string;
let reel: LocalReel;
const cli = (...args: string[]): Promise<Done> => callReel(reel, args, { cwd: dir });
const node = async (...args: string[]): Promise<string> => {
  const { NODE_TEST_CONTEXT: _, ...env } = process.env;
  return (await promisify(execFile)(process.execPath, args, { cwd: dir, env })).stdout;
};

before(async () => {
  dir = await mkdtemp(join(tmpdir(), 'reel-own-'));
  await node(join(root, 'scripts/reel.ts'), 'new', 'tools', 'hello');
  reel = await startReel({ modules: [join(dir, 'hello/hello.ts')] });
  process.env['REEL_API'] = reel.api;
  for (const [kind, name] of [
    ['service', 'bell'],
    ['performer', 'shout'],
    ['workflow', 'pay'],
  ]) {
    const { code, stderr } = await cli('new', kind as string, name as string);
    assert.equal(code, EXIT.done, stderr);
  }
});
after(async () => {
  await reel?.close();
  await rm(dir, { recursive: true, force: true });
});

it('has types, and tests that pass', { timeout: 120_000 }, async () => {
  for (const name of ['hello', 'bell', 'shout']) await promisify(execFile)(join(root, 'node_modules/.bin/tsc'), ['-p', join(dir, name)]);
  const told = await node('--import', join(root, 'infra/bus/lend.ts'), '--test', join(dir, 'bell/bell.test.ts'));
  assert.match(told, /pass 1/);
});

it('is admitted and serves from where it lies', { timeout: 120_000 }, async () => {
  for (const name of ['bell', 'shout']) {
    const file = join(dir, `${name}/${name}.ts`);
    const admitted = await cli('admit', file, '--dir', reel.local.dir);
    assert.equal(admitted.code, EXIT.done, admitted.stderr);
  }
  const child = await reel.local.spawn([join(dir, 'shout/shout.ts'), join(dir, 'bell/bell.ts')]);
  await until(async () => (await reel.ask<ToolList>('GET', '/v1/tools')).body.tools.some(({ name }) => name === 'hello'));
  const steps = [
    { id: 's', kind: 'shout', with: { text: 'loud' } },
    { id: 'h', uses: 'hello', with: { to: 'Ada' } },
  ];
  const run = await reel.finish({ name: 'own', steps, answer: { value: { s: '= steps.s', h: '= steps.h' } } });
  assert.deepEqual([run.status, run.answer], ['completed', { s: { said: 'loud' }, h: { text: 'Hello, Ada' } }]);
  child.kill();
  const paid = await cli('run', join(dir, 'pay/pay.yaml'), '--input', '{"total":90.5}', '--follow');
  assert.equal(paid.code, EXIT.done, paid.stderr);
  assert.match(paid.stdout, /"total":90\.5/);
});

it('an import that fails is told as what it is', async () => {
  await cp(join(dir, 'bell'), join(dir, 'broken'), { recursive: true });
  const file = join(dir, 'broken/bell.ts');
  await writeFile(file, `import 'no-such-package';\n${await readFile(file, 'utf8')}`);
  await assert.rejects(load(file), { message: /broken\/bell\.ts cannot be loaded: Cannot find package 'no-such-package'/ });
  await assert.rejects(load(join(dir, 'nowhere.ts')), { message: /there is no service ".*nowhere\.ts"/ });
});

it('nothing is written over, and only what there is can be made', async () => {
  assert.deepEqual(
    [(await cli('new', 'service', 'bell')).code, (await cli('new', 'spaceship', 'x')).code, (await cli('new', 'service', '../x')).code],
    [EXIT.conflict, EXIT.usage, EXIT.usage],
  );
});
