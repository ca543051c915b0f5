// Finds a nats-server that is new enough, and fetches one when the machine has none: "start Reel" must not begin with an errand.
import { accessSync, constants } from 'node:fs';
import { delimiter, join } from 'node:path';
import { cachedServer, cacheFolders, keep } from './cache.ts';
import { debian } from './debian.ts';
import { release } from './release.ts';
import { isNewEnough, oldestVersion, versionOf } from './version.ts';

/** A place to fetch the server from: `fetch` puts it into the scratch folder and returns its path, or throws why it cannot. */
export type Source = { name: string; fetch: (scratch: string) => Promise<string> };

export type FindOptions = {
  env?: NodeJS.ProcessEnv;
  /** Where a fetched server is kept, the preferred folder first. Default: the user's cache, then the checkout's. */
  folders?: string[];
  /** Where to fetch from when nothing is found. Default: the release on GitHub, then Debian's package. */
  sources?: Source[];
  /** Hears the one line that says a fetch begins. Default: stderr. */
  say?: (line: string) => void;
};

const advice = `Install nats-server ${oldestVersion} or newer, or set $NATS_SERVER to the path of one.`;

/**
 * The path of a nats-server that is new enough: $NATS_SERVER, PATH, the cache, then fetched into the cache.
 * Throws when $NATS_SERVER is set and unusable, and when nothing was found, with all that was tried.
 */
export async function findServer(options: FindOptions = {}): Promise<string> {
  const { env = process.env, folders = cacheFolders(env), sources = [release, debian], say = sayOnStderr } = options;
  if (env['NATS_SERVER']) return accept(env['NATS_SERVER']);
  const tried: string[] = [];
  for (const path of [...onPath(env['PATH'] ?? ''), ...folders.map(cachedServer).filter(isProgram)]) {
    const version = await versionOf(path);
    if (version && isNewEnough(version)) return path;
    tried.push(`${path}: ${version ? `is ${version}` : 'does not run'}`);
  }
  if (tried.length === 0) tried.push(`PATH and the cache (${folders.join(', ')}): not there`);
  if (sources.length > 0) say(`reel: fetching nats-server into ${folders[0]} (once) ...`);
  for (const source of sources) {
    try {
      return await keep(folders, source.fetch);
    } catch (error) {
      tried.push(`${source.name}: ${(error as Error).message}`);
    }
  }
  throw new Error([`No nats-server ${oldestVersion} or newer was found. Tried:`, ...tried.map((line) => `  ${line}`), advice].join('\n'));
}

/** Takes the server that was named explicitly, or says why not: silently taking another one would be a surprise. */
async function accept(path: string): Promise<string> {
  const version = await versionOf(path);
  if (!version) throw new Error(`$NATS_SERVER is ${path}, and no nats-server runs there. Correct it, or unset it to let Reel find one.`);
  if (!isNewEnough(version)) {
    const wrong = `$NATS_SERVER is ${path}, version ${version}; Reel needs ${oldestVersion} or newer.`;
    throw new Error(`${wrong} Point it at a newer server, or unset it to let Reel find one.`);
  }
  return path;
}

const onPath = (path: string): string[] =>
  path
    .split(delimiter)
    .filter(Boolean)
    .map((folder) => join(folder, 'nats-server'))
    .filter(isProgram);

function isProgram(path: string): boolean {
  try {
    accessSync(path, constants.X_OK);
    return true;
  } catch {
    return false;
  }
}

/** Says a line of ours: this folder knows nothing of the bus, and of its way to write to a terminal. */
export const sayOnStderr = (line: string): void => void process.stderr.write(`${line}\n`);
