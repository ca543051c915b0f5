import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { parse } from 'yaml';

const suite = fileURLToPath(import.meta.resolve('@modelcontextprotocol/conformance/dist/index.js'));
const fixture = (name: string): string => join(import.meta.dirname, 'fixtures', name);
const conformance = async (...args: string[]): Promise<string> => {
  const { stdout, stderr } = await promisify(execFile)(process.execPath, [suite, ...args], { cwd: dirname(suite) });
  return `${stdout}${stderr}`;
};
const { client: excused } = parse(readFileSync(fixture('conformance-baseline.yaml'), 'utf8')) as { client: string[] };
const scenarios = [...(await conformance('list', '--client')).matchAll(/^ {2}- (\S+)/gm)].map(([, name]) => name as string);

test('the conformance suite has every scenario that is excused, and more', () => {
  assert.deepEqual(
    excused.filter((name) => !scenarios.includes(name)),
    [],
  );
  assert.ok(scenarios.length > excused.length);
});

for (const scenario of scenarios.filter((name) => !excused.includes(name))) {
  test(`our MCP client does what the conformance suite asks of it: ${scenario}`, async () => {
    const command = `${process.execPath} ${fixture('conformance.ts')}`;
    const tried = (): Promise<string> => conformance('client', '--command', command, '--scenario', scenario, '--timeout', '20000');
    // It counts as wrong what comes a fifth of a second late, on whatever machine: the second time it has to be right.
    await tried()
      .catch(tried)
      .catch((error: { stdout: string; stderr: string }) => assert.fail(`${error.stdout}${error.stderr}`));
  });
}
