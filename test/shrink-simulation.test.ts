/** What fails is cut down to a script that a person can read, and that fails again. */
import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { it } from 'node:test';
import { promisify } from 'node:util';
import { handle } from '@reel/bus/simulator.ts';
import type { Change } from '@reel/scripts/simulate/play.ts';
import { failureOf, fewest, type Reproduction, shrink } from '@reel/scripts/simulate/shrink.ts';
import { workflows } from '@reel/scripts/simulate/workflows.ts';
import { stringify } from 'yaml';

const command = join(import.meta.dirname, '../scripts/simulate/simulate.ts');

/** What the command prints, and with which code it ends. */
const simulate = (...args: string[]): Promise<{ code: number; stdout: string; stderr: string }> =>
  promisify(execFile)(process.execPath, [command, ...args]).then(
    (done) => ({ code: 0, ...done }),
    (error: { code: number; stdout: string; stderr: string }) => error,
  );

const acknowledgedFirst: Change = {
  bus: () => ({
    handle: async (...delivery) => {
      handle(...delivery).catch(() => {});
      return 'handled';
    },
  }),
};

it('faults are left out for as long as it still fails', async () => {
  const lines = Array.from({ length: 100 }, (_, i) => String(i));
  let tries = 0;
  const fails = async (kept: readonly string[]): Promise<boolean> => {
    tries += 1;
    return kept.includes('17') && kept.includes('80');
  };
  assert.deepEqual(await fewest(lines, fails), ['17', '80']);
  assert.ok(tries < 60, `${tries} tries`);
});

it('a bus that acknowledges first is shown by one step and one fault', async () => {
  let found: Reproduction | undefined;
  for (let seed = 1; found === undefined; seed += 1) found = await shrink(workflows, seed, acknowledgedFirst);
  const { steps } = found.data as { steps: object[] };
  assert.deepEqual([steps.length, found.faults.length], [1, 1], JSON.stringify(found));
  assert.match(found.faults[0] as string, /: (dies|dies-after|unstored)$/);
  // It takes no seed to fail again, and does not fail on the bus as it is.
  assert.equal((await failureOf(workflows, found.data as never, 0, found.faults, acknowledgedFirst))?.message, found.message);
  assert.equal(await failureOf(workflows, found.data as never, 0, found.faults), undefined);
});

it('the command plays seeds, and a script again', { timeout: 120_000 }, async () => {
  const { code, stdout } = await simulate('--seeds', '4', '--story', 'workflows', '--jobs', '1');
  assert.equal(code, 0, stdout);
  assert.match(stdout, /4 seeds from 1 on, 0 failed, [\d.]+ seeds\/s, 1 processes/);
  const dir = await mkdtemp(join(tmpdir(), 'reel-script-'));
  const file = join(dir, 'script.yaml');
  const data = { steps: [{ uses: 'book', after: [], does: [], undo: [] }] };
  await writeFile(file, stringify({ story: 'workflows', data, faults: ['planner hears R.run.run.1.verdict: late 40'], message: '' }));
  const replayed = await simulate('--replay', file);
  assert.match(
    replayed.stdout,
    / {2}planner hears R\.run\.run\.1\.verdict: late 40\n.*run\.outcome\.completed by saga-tracker\n\nIt does not fail\./s,
  );
  const never = ['planner hears R.tool.nowhere.1.verdict: late 40', 'planner hears R.run.run.1.verdict #9: late 4'];
  await writeFile(file, stringify({ story: 'workflows', data, faults: ['planner hears R.run.run.1.verdict: late 40', ...never] }));
  const idle = await simulate('--replay', file);
  assert.equal(idle.code, 0);
  const end = `It does not fail.\n\nThese faults never happened, because their moment never came or had another:\n  ${never.join('\n  ')}\n`;
  assert.ok(idle.stdout.endsWith(`\n\n${end}`), idle.stdout);
  await rm(dir, { recursive: true });
});

it('what the command is called with and cannot do is told in a sentence', async () => {
  const dir = await mkdtemp(join(tmpdir(), 'reel-script-'));
  const file = join(dir, 'script.yaml');
  const data = { steps: [{ uses: 'book', after: [], does: [], undo: [] }] };
  const script = async (script: object): Promise<string[]> => {
    await writeFile(file, stringify(script));
    return ['--replay', file];
  };
  const misfit = 'planner hears R.run.run.1.verdict: rubbish';
  for (const [args, why] of [
    [['--bogus'], /^Unknown option '--bogus'\n$/],
    [await script({ story: 'workflows', data, faults: [misfit] }), new RegExp(`^"${misfit}" is no fault: "rubbish" can happen at .*\n$`)],
  ] as const) {
    const { code, stdout, stderr } = await simulate(...args);
    assert.deepEqual([code, stdout], [1, ''], stderr);
    assert.match(stderr, why);
  }
  const without = await simulate(...(await script({ story: 'workflows', data })));
  assert.deepEqual([without.code, without.stdout], [1, '']);
  assert.match(without.stderr, /is no script that was printed here:[\s\S]*at faults/);
  await rm(dir, { recursive: true });
});
