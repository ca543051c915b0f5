/** What others say comes to the terminal of an operator, who reads it, and copies what is suggested: neither the terminal nor a shell obeys it. */
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { chmod, mkdir, mkdtemp, readdir, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, it } from 'node:test';
import type { Submitted } from '@reel/gateway/shapes.ts';
import { follow } from '@reel/scripts/cli/api.ts';
import { callReel, type Done } from '../fixtures/cli.ts';
import { type LocalReel, startReel } from '../fixtures/local-reel.ts';

let reel: LocalReel;
let dir: string;
before(async () => {
  reel = await startReel({ modules: [join(import.meta.dirname, '../fixtures/tools.ts')] });
  process.env['REEL_API'] = reel.api;
  dir = await mkdtemp(join(tmpdir(), 'reel-words-'));
});
after(async () => {
  await rm(dir, { recursive: true, force: true });
  await reel.close();
});

const HIDDEN = /(?!\n)[\p{Cc}\p{Cf}\p{Cs}\p{Zl}\p{Zp}\p{Default_Ignorable_Code_Point}]/u;
const ORDERS = '\u001b]0;mine\u0007\u001b[2J\u009b2J\r\b\u007f\u202e\u2066\u200b\u{e0041}\u2028';
const fields = ['$(touch x)', '`touch x`', "'; touch x; '", '"', 'a\nb', '-rf', '\\', '\u202e', '$HOME', '…'];
const form = { type: 'object', properties: Object.fromEntries(fields.map((name) => [name, { type: 'number' }])) };
const workflow = {
  name: `w${ORDERS}\nrun x completed`,
  description: ORDERS,
  steps: [{ id: 'p', kind: 'person', prompt: `well?${ORDERS}\nnpx reel approve it`, form }],
  escalate: [{ to: `ann${ORDERS}`, withinMs: 60_000 }],
};

it('nothing of it acts or hides, whichever command shows it', async () => {
  const { body: run } = await reel.ask<Submitted>('POST', '/v1/runs', { workflow, requestedBy: `ann${ORDERS}\nroot` });
  for await (const told of follow(run.id, AbortSignal.timeout(20_000))) if ('type' in told && told.type === 'step.verdict.held') break;
  await writeFile(join(dir, 'wrong.yaml'), JSON.stringify({ ...workflow, steps: [{ id: 'a', uses: `ecko${ORDERS}` }] }));
  const id = `0.${run.id}.person.p.1`;
  const commands: string[][] = [
    ['runs'],
    ['runs', '--json'],
    ['show', run.id],
    ['show', run.id, '--json'],
    ['approvals'],
    ['approvals', '--json'],
    ['run', 'wrong.yaml'],
    ['run', `nowhere${ORDERS}.yaml`],
    ['runs', `--nope${ORDERS}`],
    ['show', `nope${ORDERS}`],
    ['settle', run.id, `step${ORDERS}`, '--retry', '--who', 'ann'],
    ['approve', id, '--who', `ann${ORDERS}`, '--form', `{"x":"${ORDERS}"}`],
    ['cancel', run.id, '--who', `ann${ORDERS}`, '--why', ORDERS],
    ['tail', run.id],
    ['tail', run.id, '--json'],
    ['verify', run.id],
  ];
  for (const args of commands) {
    const { stdout, stderr }: Done = await callReel(reel, args, { cwd: dir });
    assert.doesNotMatch(stdout + stderr, HIDDEN, args.join(' '));
    assert.doesNotMatch(stdout + stderr, /^(run x completed|root|npx reel approve it)$/m, args.join(' '));
    if (args.includes('--json') && args[0] !== 'tail') assert.ok(stdout.includes('\\u202e') && JSON.parse(stdout), args.join(' '));
  }
});

it('what is suggested gives a shell exactly the fields there are, and no order', async () => {
  const { body: run } = await reel.ask<Submitted>('POST', '/v1/runs', { workflow });
  for await (const told of follow(run.id, AbortSignal.timeout(20_000))) if ('type' in told && told.type === 'step.verdict.held') break;
  await reel.ask('POST', `/v1/runs/${run.id}/cancel`, {});
  const { stdout } = await callReel(reel, ['tail', run.id], { cwd: dir });
  const suggested = stdout.split('\n').filter((line) => line.trim().startsWith('npx reel approve 0.'));
  assert.equal(suggested.length, 1);
  const bin = join(dir, 'bin');
  await mkdir(bin);
  await writeFile(join(bin, 'npx'), `#!${process.execPath}\nprocess.stdout.write(JSON.stringify(process.argv.slice(2)));\n`);
  await chmod(join(bin, 'npx'), 0o700);
  const files = await readdir(dir);
  const words = JSON.parse(
    execFileSync('/bin/sh', ['-c', suggested[0] as string], { cwd: dir, env: { PATH: `${bin}:/bin:/usr/bin` }, encoding: 'utf8' }),
  ) as string[];
  assert.deepEqual(await readdir(dir), files);
  assert.deepEqual(words.slice(0, -1), ['reel', 'approve', `0.${run.id}.person.p.1`, '--who', 'YOU', '--form']);
  const filled = JSON.parse((words.at(-1) as string).replaceAll(':…', ':1')) as object;
  assert.deepEqual(Object.keys(filled).sort(), [...fields].sort());
});
