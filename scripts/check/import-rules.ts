// Checks who imports whom (the rules are in .dependency-cruiser.cjs), and that the check saw our files at all:
// with the wrong TypeScript beside it, dependency-cruiser reads nothing and is content.

import { spawnSync } from 'node:child_process';
import { join } from 'node:path';
import { print } from '@reel/bus/process/terminal.ts';
import { rooms, root, sources } from './tree.ts';

type Violation = { rule: { name: string }; from: string; to: string; cycle?: { name: string }[] };
type Cruise = { modules: { source: string }[]; summary: { violations: Violation[] } };

const cruise = spawnSync(
  join(root, 'node_modules/.bin/depcruise'),
  ['--config', '.dependency-cruiser.cjs', '--output-type', 'json', ...rooms],
  {
    cwd: root,
    encoding: 'utf8',
    maxBuffer: 1 << 28,
  },
);
if (!cruise.stdout) throw new Error(`dependency-cruiser said nothing: ${cruise.stderr}`);
const { modules, summary } = JSON.parse(cruise.stdout) as Cruise;

const ours = sources();
const seen = new Set(modules.map(({ source }) => source));
const unseen = ours.filter((file) => !seen.has(file));
const complaints = summary.violations.map(({ rule, from, to, cycle }) => {
  const path = cycle ? cycle.map(({ name }) => name).join(' -> ') : to;
  return `${rule.name}: ${from} -> ${path}`;
});
if (ours.length <= 20 || unseen.length > ours.length * 0.2) {
  complaints.push(
    `dependency-cruiser read ${ours.length - unseen.length} of our ${ours.length} files; not ${unseen.slice(0, 5).join(', ')} ...`,
  );
}
print([...complaints, `${ours.length - unseen.length} files, ${complaints.length} complaints`].join('\n'));
process.exitCode = complaints.length > 0 ? 1 : 0;
