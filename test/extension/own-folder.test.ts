/** What `reel new` writes, in a folder outside the repository: it is typed, tested, admitted and run as it was written, with the SDK installed there or not. */
import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { once } from 'node:events';
import { cp, mkdtemp, readdir, readFile, realpath, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, it } from 'node:test';
import { pathToFileURL } from 'node:url';
import { promisify } from 'node:util';
import { keepSecret, withoutSecrets } from '@reel/bus/runtime/secrets.ts';
import { Failure, Fatal, InDoubt, Unsent } from '@reel/bus/service.ts';
import type { ToolList } from '@reel/gateway/shapes.ts';
import { EXIT } from '@reel/scripts/cli/exit-codes.ts';
import { until } from '@reel/scripts/local/until.ts';
import { packSdk } from '@reel/scripts/sdk/pack.ts';
import { load } from '@reel/services/main.ts';
import { callReel, type Done } from '../fixtures/cli.ts';
import { type LocalReel, startReel } from '../fixtures/local-reel.ts';

const root = join(import.meta.dirname, '../..');
/** The first of each kind has the SDK installed. */
const OWN = { tools: ['hello', 'hey'], service: ['bell', 'gong'], performer: ['shout', 'cry'], workflow: ['pay', 'class'] };
const INSTALLED = ['hello', 'bell', 'shout', 'pay'];
let dir: string;
let reel: LocalReel;
const cli = (...args: string[]): Promise<Done> => callReel(reel, args, { cwd: dir });
const node = async (cwd: string, ...args: string[]): Promise<string> => {
  const { NODE_TEST_CONTEXT: _, ...env } = process.env;
  return (await promisify(execFile)(process.execPath, args, { cwd, env })).stdout;
};

before(async () => {
  dir = await realpath(await mkdtemp(join(tmpdir(), 'reel-own-')));
  for (const name of OWN.tools) await node(dir, join(root, 'scripts/reel.ts'), 'new', 'tools', name);
  await promisify(execFile)('npm', ['install', '--prefix', join(dir, 'hello'), '--prefer-offline', '--no-audit', '--no-fund']);
  reel = await startReel({ modules: OWN.tools.map((name) => join(dir, name, `${name}.ts`)) });
  process.env['REEL_API'] = reel.api;
  for (const kind of ['service', 'performer', 'workflow'] as const) {
    for (const name of OWN[kind]) {
      const { code, stderr } = await cli('new', kind, name);
      assert.equal(code, EXIT.done, stderr);
    }
  }
  // All have the same libraries.
  for (const name of INSTALLED.slice(1)) await symlink(join(dir, 'hello/node_modules'), join(dir, name, 'node_modules'));
});
after(async () => {
  await reel?.close();
  await rm(dir, { recursive: true, force: true });
});

it('has types, and tests that pass, by what is installed in the folder alone', { timeout: 180_000 }, async () => {
  const proven = async (name: string): Promise<void> => {
    await promisify(execFile)(join(dir, name, 'node_modules/.bin/tsc'), ['-p', join(dir, name)]);
    assert.match(await node(join(dir, name), '--test'), /pass [1-9]/);
    for (const file of await readdir(join(dir, name)))
      if (/\.(ts|json|yaml)$/.test(file)) {
        const text = await readFile(join(dir, name, file), 'utf8');
        assert.ok(!text.includes(root) && !text.includes(dir), `${name}/${file} can be taken anywhere`);
        for (const [, from = ''] of text.matchAll(/from '([^']+)'/g))
          assert.match(from, /^(@reel\/sdk(\/\w+)?|node:.*|\.\/.*\.ts)$/, `${name}/${file}`);
      }
  };
  await Promise.all(INSTALLED.map(proven));
});

it('has tests that pass where nothing is installed, by the Reel that is there', { timeout: 120_000 }, async () => {
  for (const name of ['hey', 'gong', 'cry', 'class'])
    assert.match(await node(join(dir, name), '--import', join(root, 'infra/bus/process/register-modules.ts'), '--test'), /pass [1-9]/);
});

it('the package asks for few libraries, none of which is a broker, and is typed without looking away', { timeout: 120_000 }, async () => {
  const { dependencies } = JSON.parse(await readFile(join(dir, 'hello/node_modules/@reel/sdk/package.json'), 'utf8')) as {
    dependencies: { [name: string]: string };
  };
  const names = ['@eslint-community/regexpp', '@types/node', 'ajv', 'ajv-formats', 'jsonata', 'leven', 're2js', 'yaml', 'zod'];
  assert.deepEqual(Object.keys(dependencies).sort(), names);
  const installed = await readdir(join(dir, 'hello/node_modules'));
  assert.deepEqual(
    installed.filter((name) => /nats|otel|opentelemetry|pino/.test(name)),
    [],
  );
  const strict = join(dir, 'bell/strict.json');
  await writeFile(strict, JSON.stringify({ extends: './tsconfig.json', compilerOptions: { skipLibCheck: false }, include: ['*.ts'] }));
  await promisify(execFile)(join(dir, 'bell/node_modules/.bin/tsc'), ['-p', strict]);
  await assert.rejects(packSdk(join(dir, 'bell')), /is there already/);
});

it('is admitted and serves from where it lies, installed or not', { timeout: 180_000 }, async () => {
  const files = [...OWN.service, ...OWN.performer].map((name) => join(dir, name, `${name}.ts`));
  for (const file of files) {
    const admitted = await cli('admit', file, '--dir', reel.local.dir);
    assert.equal(admitted.code, EXIT.done, admitted.stderr);
  }
  const child = await reel.local.spawn(files);
  await until(async () => {
    const { body } = await reel.ask<ToolList>('GET', '/v1/tools');
    return OWN.tools.every((tool) => body.tools.some(({ name }) => name === tool));
  });
  for (const [kind, tool] of [
    ['shout', 'hello'],
    ['cry', 'hey'],
  ] as const) {
    const steps = [
      { id: 's', kind, with: { text: 'loud' } },
      { id: 'h', uses: tool, with: { to: 'Ada' } },
    ];
    const run = await reel.finish({ name: 'own', steps, answer: { value: { s: '= steps.s', h: '= steps.h' } } });
    assert.deepEqual([run.status, run.answer], ['completed', { s: { said: 'loud' }, h: { text: 'Hello, Ada' } }]);
    // A Failure says that nothing was done. Anything else would leave the step in doubt, and the run stranded.
    const failed = await reel.finish({ name: 'own', steps: [{ id: 's', kind, with: { text: 1 } }] });
    assert.deepEqual([failed.status, failed.problem?.code], ['failed', 'no-text']);
  }
  const ended = once(child, 'exit');
  child.kill();
  await ended;
  for (const name of OWN.workflow) {
    const paid = await cli('run', join(dir, name, `${name}.yaml`), '--input', '{"total":90.5}', '--follow');
    assert.equal(paid.code, EXIT.done, paid.stderr);
    assert.match(paid.stdout, /"total":90\.5/);
  }
});

it('a copy of its own makes no difference: errors are known, and secrets kept, across copies', async () => {
  const copy = (await import(pathToFileURL(join(dir, 'hello/node_modules/@reel/sdk/infra/sdk/sdk.js')).href)) as typeof import('@reel/sdk');
  assert.notEqual(copy.Failure, Failure);
  const problem = { code: 'x', message: 'x' };
  const classes = [Fatal, Failure, Unsent, InDoubt];
  const made = [new copy.Fatal('x'), new copy.Failure(problem), new copy.Unsent(problem), new copy.InDoubt(problem)];
  const known = made.map((error) => classes.map((one) => error instanceof one));
  assert.deepEqual(known, [
    [true, false, false, false],
    [false, true, false, false],
    [false, true, true, false],
    [false, false, false, true],
  ]);
  assert.ok(new Failure(problem) instanceof copy.Failure);
  // A class of one's own is told apart from its brothers, and what is no error from all.
  class Full extends copy.Failure {}
  assert.deepEqual([new Full(problem) instanceof Failure, new Full(problem) instanceof Full, made[1] instanceof Full], [true, true, false]);
  for (const other of [undefined, null, 'x', problem, new Error('x')])
    assert.deepEqual(
      classes.filter((one) => other instanceof one),
      [],
    );
  copy.keepSecret('s3cret-of-the-copy', 'COPY');
  keepSecret('s3cret-of-reel', 'REEL');
  assert.equal(withoutSecrets('a s3cret-of-the-copy, a s3cret-of-reel'), 'a (secret), a (secret)');
});

it('an import that fails is told as what it is', async () => {
  await cp(join(dir, 'gong'), join(dir, 'broken'), { recursive: true });
  const file = join(dir, 'broken/gong.ts');
  await writeFile(file, `import 'no-such-package';\n${await readFile(file, 'utf8')}`);
  await assert.rejects(load(file), { message: /broken\/gong\.ts cannot be loaded: Cannot find package 'no-such-package'/ });
  await assert.rejects(load(join(dir, 'nowhere.ts')), { message: /there is no service ".*nowhere\.ts"/ });
});

it('nothing is written over or left half, and only what can be admitted is made', { timeout: 60_000 }, async () => {
  const before = await readdir(dir);
  const codes: number[] = [];
  for (const [kind, name] of [
    ['service', 'bell'],
    ['spaceship', 'x'],
    ['service', '../x'],
    ['service', 'planner'],
    ['performer', 'tool'],
    ['performer', 'run'],
    ['performer', 'undo-sms'],
  ] as const)
    codes.push((await cli('new', kind, name)).code);
  assert.deepEqual(codes, [EXIT.conflict, ...Array<number>(6).fill(EXIT.usage)]);
  assert.deepEqual(await readdir(dir), before);
});
