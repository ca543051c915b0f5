/** Who imports whom in a checkout, held to the rules of .dependency-cruiser.cjs. */
import { spawnSync } from 'node:child_process';
import { join } from 'node:path';
import { rooms, root } from './tree.ts';

type Violation = { rule: { name: string }; from: string; to: string; cycle?: { name: string }[] };
type Cruise = { modules: { source: string }[]; summary: { violations: Violation[] } };

export type Cruised = {
  /** The files that were read. */
  readonly read: ReadonlySet<string>;
  readonly violations: readonly { readonly rule: string; readonly from: string; readonly to: string }[];
};

/** Cruises the checkout at `folder`. @throws when dependency-cruiser says nothing */
export function cruise(folder: string): Cruised {
  const { stdout, stderr } = spawnSync(
    join(root, 'node_modules/.bin/depcruise'),
    ['--config', '.dependency-cruiser.cjs', '--output-type', 'json', ...rooms],
    { cwd: folder, encoding: 'utf8', maxBuffer: 1 << 28 },
  );
  if (!stdout) throw new Error(`dependency-cruiser said nothing: ${stderr}`);
  const { modules, summary } = JSON.parse(stdout) as Cruise;
  return {
    read: new Set(modules.map(({ source }) => source)),
    violations: summary.violations.map(({ rule, from, to, cycle }) => ({
      rule: rule.name,
      from,
      to: cycle ? cycle.map(({ name }) => name).join(' -> ') : to,
    })),
  };
}
