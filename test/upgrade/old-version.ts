/** An earlier version of Reel, taken out of the repository's history into a folder of its own, to be run beside today's. */
import { execFile } from 'node:child_process';
import { existsSync } from 'node:fs';
import { cp, mkdir, readFile, realpath, symlink } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { promisify } from 'node:util';
import { root } from '@reel/scripts/check/tree.ts';

const run = promisify(execFile);
const git = (...args: string[]): Promise<string> => run('git', args, { cwd: root }).then(({ stdout }) => stdout);

type Package = { name: string; dependencies?: Record<string, string>; devDependencies?: Record<string, string> };

/** True when the commit is here: a shallow clone, or a copy without history, does not have it. */
export const hasCommit = (commit: string): Promise<boolean> =>
  git('cat-file', '-e', `${commit}^{commit}`).then(
    () => true,
    () => false,
  );

/** Puts the files of that commit below `dir`; it uses the packages that are installed for today's version. */
export async function takeOut(commit: string, dir: string): Promise<void> {
  await mkdir(dir, { recursive: true });
  await git('archive', '--format=tar', '--output', `${dir}.tar`, commit);
  await run('tar', ['-xf', `${dir}.tar`, '-C', dir]);
  const files = (await git('ls-tree', '-r', '--name-only', commit)).split('\n').filter((file) => /(^|\/)package\.json$/.test(file));
  const packages = await Promise.all(
    files.map(async (file) => ({ at: dirname(file), ...(JSON.parse(await readFile(join(dir, file), 'utf8')) as Package) })),
  );
  const own = new Map(packages.map(({ name, at }) => [name, join(dir, at)]));
  for (const { at, dependencies = {}, devDependencies = {} } of packages) {
    for (const name of Object.keys({ ...dependencies, ...devDependencies })) {
      const installed = join(root, at, 'node_modules', name);
      const target = own.get(name) ?? (existsSync(installed) ? await realpath(installed) : undefined);
      const link = join(dir, at, 'node_modules', name);
      if (target === undefined) continue;
      await mkdir(dirname(link), { recursive: true });
      await symlink(target, link);
    }
  }
}

/** Puts a module with tools beside those of the earlier version, so that it finds that version's packages. */
export async function giveModule(file: string, dir: string): Promise<string> {
  const to = join(dir, 'test', file);
  await cp(join(root, 'test', file), to);
  return to;
}
