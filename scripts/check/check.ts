// `npm run check`: types, lint, import rules, dead code, topology and the tests without a server, in one table. Only failures show their output.

import { spawn } from 'node:child_process';
import { join } from 'node:path';
import { print } from '@reel/bus/process/terminal.ts';
import { root } from './tree.ts';

type Check = { name: string; command: string[] };

const bin = (name: string): string => join(root, 'node_modules', '.bin', name);
const script = (name: string, ...args: string[]): string[] => [process.execPath, join(root, 'scripts', name), ...args];

// The longest first: the others then run beside it.
const checks: Check[] = [
  { name: 'tests', command: script('check/test.ts', '--unit') },
  { name: 'types', command: [bin('tsc'), '--noEmit'] },
  { name: 'imports', command: script('check/import-rules.ts') },
  { name: 'format', command: [bin('biome'), 'check', '--error-on-warnings'] },
  { name: 'lint', command: [bin('oxlint'), '--type-aware', '--deny-warnings'] },
  { name: 'dead code', command: [bin('knip'), '--no-progress', '--no-config-hints'] },
  { name: 'topology', command: script('reel.ts', 'topology', '--check') },
];

type Outcome = { name: string; code: number; seconds: number; output: string };

function run({ name, command: [program, ...args] }: Check): Promise<Outcome> {
  const started = performance.now();
  const child = spawn(program!, args, { cwd: root, stdio: ['ignore', 'pipe', 'pipe'] });
  let output = '';
  const outcome = (code: number): Outcome => ({ name, code, seconds: (performance.now() - started) / 1000, output });
  for (const stream of [child.stdout, child.stderr]) stream.setEncoding('utf8').on('data', (chunk: string) => (output += chunk));
  return new Promise((resolve) => {
    child.once('error', (error) => {
      output += error.message;
      resolve(outcome(1));
    });
    child.once('close', (code) => resolve(outcome(code ?? 1)));
  });
}

/** Two at a time: one is the tests, which last; the other is everything else, one after the other. */
async function runAll(): Promise<Outcome[]> {
  const queue = [...checks];
  const outcomes: Outcome[] = [];
  const lane = async (): Promise<void> => {
    for (let check = queue.shift(); check; check = queue.shift()) outcomes.push(await run(check));
  };
  await Promise.all([lane(), lane()]);
  return checks.map(({ name }) => outcomes.find((outcome) => outcome.name === name)!);
}

const outcomes = await runAll();
const failed = outcomes.filter(({ code }) => code !== 0);
for (const { name, output } of failed) print(`── ${name} ──\n${output.trimEnd()}\n`);
for (const { name, code, seconds } of outcomes) {
  print(`${name.padEnd(10)} ${code === 0 ? 'ok    ' : 'failed'} ${seconds.toFixed(1).padStart(6)} s`);
}
process.exitCode = failed.length > 0 ? 1 : 0;
