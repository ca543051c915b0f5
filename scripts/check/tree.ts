// The files of this checkout that people write: what the test runner, the import rules and the tidiness rules go through.
// By walking, not by asking git, so that it works in an unpacked archive and in a container image too.
import { globSync } from 'node:fs';
import { join } from 'node:path';

export const root = join(import.meta.dirname, '../..');

/** The folders that hold our sources. */
export const rooms = ['contracts', 'infra', 'services', 'scripts', 'test'];

const foreign = new Set(['node_modules', '.git', '.reel', 'dist', 'coverage']);

/** Paths below the checkout, sorted, as `infra/nats/find.ts`. */
export function filesBelow(folders: string[], matches: (path: string) => boolean = () => true): string[] {
  // A star does not match a leading dot, and the checkout's own dot folders are ours too.
  const patterns = folders.flatMap((folder) => (folder === '.' ? ['**/{*,.*}', '.*/**/{*,.*}'] : `${folder}/**/{*,.*}`));
  const entries = globSync(patterns, { cwd: root, withFileTypes: true, exclude: (entry) => foreign.has(entry.name) });
  return entries
    .filter((entry) => entry.isFile())
    .map((entry) => join(entry.parentPath, entry.name).slice(root.length + 1))
    .filter(matches)
    .sort();
}

/** Our TypeScript, tests included. */
export const sources = (): string[] => filesBelow(rooms, (path) => /\.tsx?$/.test(path));
