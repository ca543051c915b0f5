// Where a fetched nats-server is kept, so that it is fetched once for every checkout on the machine.
import { accessSync, constants, existsSync, mkdirSync } from 'node:fs';
import { mkdir, mkdtemp, rename, rm } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { isNewEnough, oldestVersion, versionOf } from './version.ts';

const projectRoot = join(import.meta.dirname, '..', '..');

/** The folders a server may be kept in, the preferred one first: the user's cache, then the checkout's own for a user without a home. */
export function cacheFolders(env: NodeJS.ProcessEnv): string[] {
  const folders: string[] = [];
  if (env['XDG_CACHE_HOME']) folders.push(join(env['XDG_CACHE_HOME'], 'reel'));
  if (env['HOME'] && existsSync(env['HOME'])) folders.push(join(env['HOME'], '.cache', 'reel'));
  return [...folders, join(projectRoot, '.reel', 'cache')];
}

/** Where the server lies inside a cache folder. */
export const cachedServer = (folder: string): string => join(folder, 'nats-server');

/**
 * Fills the cache: `fetch` works in a scratch folder and returns the path of the server it put there.
 * The move at the end is atomic, so two processes that fetch at the same time do not see each other's half files.
 */
export async function keep(folders: string[], fetch: (scratch: string) => Promise<string>): Promise<string> {
  const folder = folders.find(isWritable);
  if (!folder) throw new Error(`none of these folders can be written: ${folders.join(', ')}`);
  const scratch = await mkdtemp(join(folder, 'fetch-'));
  try {
    const fetched = await fetch(scratch);
    const version = await versionOf(fetched);
    if (!version) throw new Error('what was fetched does not run on this machine');
    if (!isNewEnough(version)) throw new Error(`it has only ${version}, and ${oldestVersion} or newer is needed`);
    const kept = cachedServer(folder);
    await mkdir(dirname(kept), { recursive: true });
    await rename(fetched, kept);
    return kept;
  } finally {
    await rm(scratch, { recursive: true, force: true });
  }
}

function isWritable(folder: string): boolean {
  try {
    mkdirSync(folder, { recursive: true });
    accessSync(folder, constants.W_OK);
    return true;
  } catch {
    return false;
  }
}
