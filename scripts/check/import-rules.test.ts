/** Each import rule, broken on purpose in a copy of the tree: it is caught, and nothing else is. */
import assert from 'node:assert/strict';
import { cpSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { basename, join } from 'node:path';
import { test } from 'node:test';
import { cruise } from './cruise.ts';
import { root } from './tree.ts';

/** The rule, a file that breaks it, and what the file imports. */
const BROKEN: readonly (readonly [rule: string, file: string, imports: string])[] = [
  ['contracts-stand-alone', 'contracts/broken.ts', '../services/planner/planner.ts'],
  ['contracts-are-pure', 'contracts/unclean.ts', 'node:fs'],
  ['infra-knows-no-service', 'infra/image/broken.ts', '../../services/main.ts'],
  ['bus-knows-contracts-only', 'infra/bus/broken.ts', '../nats/find.ts'],
  ['runtime-runs-without-a-broker', 'infra/bus/simulator/broken.ts', '../jetstream/connect.ts'],
  ['runtime-knows-no-simulator', 'infra/bus/runtime/broken.ts', '../simulator/random.ts'],
  ['operators-stand-above', 'infra/bus/jetstream/broken.ts', '../operator/damage.ts'],
  ['services-use-what-is-theirs', 'services/gateway/broken.ts', '@reel/bus/jetstream/connect.ts'],
  ['fixtures-serve-tests', 'services/planner/broken.ts', './goal.fixture.ts'],
  ['nats-knows-nobody', 'infra/nats/broken.ts', '../bus/log.ts'],
  ['services-do-not-meet', 'services/validator/broken.ts', '../planner/planner.ts'],
  ['nobody-imports-scripts', 'services/human-executor/broken.ts', '../../scripts/reel.ts'],
  ['nobody-imports-tests', 'scripts/broken.ts', '../test/fixtures/tools.ts'],
  ['only-the-bus-speaks-nats', 'scripts/cli/broken.ts', 'nats'],
  ['decisions-only-compute', 'services/saga-tracker/broken.ts', 'node:fs'],
  ['no-cycles', 'scripts/demo/broken.ts', './broken.ts'],
  ['everything-resolves', 'scripts/bench/broken.ts', './nowhere.ts'],
];

test('each rule about imports catches what breaks it', () => {
  const copy = mkdtempSync(join(tmpdir(), 'reel-imports-'));
  try {
    const skipped = new Set(['.git', '.reel']);
    cpSync(root, copy, {
      recursive: true,
      verbatimSymlinks: true,
      filter: (path) => !skipped.has(basename(path)) && !/node_modules\/(?:\.pnpm|\.cache)/.test(path),
    });
    symlinkSync(join(root, 'node_modules/.pnpm'), join(copy, 'node_modules/.pnpm'));
    for (const [, file, imports] of BROKEN)
      writeFileSync(join(copy, file), `import * as it from '${imports}';\nexport const broken = it;\n`);
    const { violations } = cruise(copy);
    for (const [rule, file] of BROKEN)
      assert.ok(
        violations.some((one) => one.rule === rule && one.from === file),
        `${rule} does not catch ${file}: ${JSON.stringify(violations.filter(({ from }) => from === file))}`,
      );
    const strays = violations.filter(({ from }) => !BROKEN.some(([, file]) => file === from));
    assert.deepEqual(strays, []);
  } finally {
    rmSync(copy, { recursive: true, force: true });
  }
});
