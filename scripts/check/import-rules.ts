// Checks who imports whom (the rules are in .dependency-cruiser.cjs), and that the check saw our files at all:
// with the wrong TypeScript beside it, dependency-cruiser reads nothing and is content.

import { print } from '@reel/bus/process/terminal.ts';
import { cruise } from './cruise.ts';
import { root, sources } from './tree.ts';

const { read, violations } = cruise(root);
const ours = sources();
const unseen = ours.filter((file) => !read.has(file));
const complaints = violations.map(({ rule, from, to }) => `${rule}: ${from} -> ${to}`);
if (ours.length <= 20 || unseen.length > ours.length * 0.2) {
  complaints.push(
    `dependency-cruiser read ${ours.length - unseen.length} of our ${ours.length} files; not ${unseen.slice(0, 5).join(', ')} ...`,
  );
}
print([...complaints, `${ours.length - unseen.length} files, ${complaints.length} complaints`].join('\n'));
process.exitCode = complaints.length > 0 ? 1 : 0;
