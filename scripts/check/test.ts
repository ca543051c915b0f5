// `npm test [part of a path …]`: runs the tests, each file in its own process, against a real nats-server that it provides.
// `npm run test:unit [part of a path …]`: only those that need no server and take no time: what decides, and the bus without a broker.

import { once } from 'node:events';
import { availableParallelism } from 'node:os';
import { join } from 'node:path';
import { run } from 'node:test';
import { spec } from 'node:test/reporters';
import { warn, write } from '@reel/bus/process/terminal.ts';
import { findServer } from '@reel/nats/find.ts';
import { NO_MODEL } from '../local/no-model.ts';
import { filesBelow, rooms, root } from './tree.ts';

const isUnit = process.argv[2] === '--unit';
const wanted = process.argv.slice(isUnit ? 3 : 2);
const UNIT = /^(contracts|infra\/bus|services\/(planner|policy|validator|saga-tracker|gateway|human-executor))\//;
/** These break things, and judge by the clock how soon they mend: each gets the machine to itself, when the others are done, and the time for its long form. */
const ALONE = ['load/burn', 'load/busy', 'faults/chaos', 'cluster/cluster', 'fuzz/gateway', 'load/pressure', 'upgrade/upgrade'].map(
  (name) => `test/${name}.test.ts`,
);
const isWanted = (path: string): boolean =>
  (!isUnit || UNIT.test(path)) && (wanted.length === 0 || wanted.some((part) => path.includes(part)));
const files = filesBelow(rooms, (path) => path.endsWith('.test.ts') && isWanted(path));
if (files.length === 0) {
  warn(wanted.length > 0 ? `No test file has ${wanted.join(' or ')} in its path.` : 'There are no test files.');
  process.exit(1);
}

// Once here, so that the files do not each look for it, or fetch it, at the same time.
if (!isUnit)
  process.env['NATS_SERVER'] = await findServer().catch((error: Error) => {
    warn(error.message);
    process.exit(1);
  });

// No test asks a model that happens to be configured on this machine.
for (const name of Object.keys(NO_MODEL)) delete process.env[name];

type Result = { readonly passed: number; readonly failed: number };

async function play(paths: readonly string[], concurrency: number, timeout: number): Promise<Result> {
  if (paths.length === 0) return { passed: 0, failed: 0 };
  let result: Result = { passed: 0, failed: 1 };
  // A file whose set-up failed may leave something open, and would hold up all others for ever: no time-out ends it.
  const execArgv = ['--test-force-exit'];
  const stream = run({ cwd: root, files: paths.map((path) => join(root, path)), concurrency, timeout, execArgv });
  stream.on('test:summary', ({ file, counts, success }) => {
    // Each file has a summary of its own; the one without a name is that of all.
    if (file !== undefined) return;
    const failed = counts.tests - counts.passed - counts.skipped - counts.todo;
    result = { passed: counts.passed, failed: success ? failed : Math.max(1, failed) };
  });
  const report = stream.compose(spec);
  report.pipe(process.stdout, { end: false });
  await once(report, 'end');
  return result;
}

const started = performance.now();
const together = files.filter((path) => !ALONE.includes(path));
const results = [
  await play(together, Math.max(2, availableParallelism()), 300_000),
  await play(
    files.filter((path) => ALONE.includes(path)),
    1,
    1_500_000,
  ),
];
const sum = (of: (result: Result) => number): number => results.reduce((total, result) => total + of(result), 0);
const seconds = ((performance.now() - started) / 1000).toFixed(1);
write(`\n# files ${files.length}\n# pass ${sum(({ passed }) => passed)}\n# fail ${sum(({ failed }) => failed)}\n# seconds ${seconds}\n`);
process.exitCode = sum(({ failed }) => failed) > 0 ? 1 : 0;
