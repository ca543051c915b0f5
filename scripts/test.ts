// `npm test [part of a path …]`: runs the tests, each file in its own process, against a real nats-server that it provides.
import { availableParallelism } from 'node:os';
import { join } from 'node:path';
import { run } from 'node:test';
import { spec } from 'node:test/reporters';
import { findServer } from '@reel/nats/find.ts';
import { filesBelow, rooms, root } from './tree.ts';

const wanted = process.argv.slice(2);
/** These break things for minutes, and judge by the clock how soon they mend: they want a machine to themselves, and to be asked for by name. */
const LONG = ['busy', 'chaos', 'cluster', 'pressure', 'upgrade'].map((name) => `test/${name}.test.ts`);
const isWanted = (path: string): boolean => (wanted.length === 0 ? !LONG.includes(path) : wanted.some((part) => path.includes(part)));
const files = filesBelow(rooms, (path) => path.endsWith('.test.ts') && isWanted(path));
if (files.length === 0) {
  console.error(wanted.length > 0 ? `No test file has ${wanted.join(' or ')} in its path.` : 'There are no test files.');
  process.exit(1);
}

// Once here, so that the files do not each look for it, or fetch it, at the same time.
process.env['NATS_SERVER'] = await findServer().catch((error: Error) => {
  console.error(error.message);
  process.exit(1);
});

const started = performance.now();
let result = { passed: 0, failed: 1 };
const stream = run({
  cwd: root,
  files: files.map((file) => join(root, file)),
  concurrency: Math.max(2, availableParallelism()),
  timeout: 300_000,
});
stream.on('test:summary', ({ file, counts, success }) => {
  // Each file has a summary of its own; the one without a name is that of all.
  if (file !== undefined) return;
  const failed = counts.tests - counts.passed - counts.skipped - counts.todo;
  result = { passed: counts.passed, failed: success ? failed : Math.max(1, failed) };
});
const report = stream.compose(spec);
report.pipe(process.stdout);
report.once('end', () => {
  const seconds = ((performance.now() - started) / 1000).toFixed(1);
  process.stdout.write(`\n# files ${files.length}\n# pass ${result.passed}\n# fail ${result.failed}\n# seconds ${seconds}\n`);
  process.exitCode = result.failed > 0 ? 1 : 0;
});
