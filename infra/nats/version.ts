// Which nats-server is new enough, and how to ask one for its version: accepted by comparison, never by its name or folder.
import { execFile } from 'node:child_process';
import { promisify } from 'node:util';

const run = promisify(execFile);

/** The oldest server that Reel runs on. */
export const oldestVersion = '2.14.0';

/** Negative when `a` is older than `b`, zero when they are equal, positive when it is newer. A pre-release counts as its release. */
export function compareVersions(a: string, b: string): number {
  const [left, right] = [a, b].map((version) => version.replace(/^v/, '').split(/[-+]/)[0]!.split('.').map(Number));
  for (let part = 0; part < 3; part++) {
    const difference = (left![part] ?? 0) - (right![part] ?? 0);
    if (difference !== 0) return difference;
  }
  return 0;
}

export const isNewEnough = (version: string): boolean => compareVersions(version, oldestVersion) >= 0;

/** The version that the server at `path` says it is, as `2.15.1`; undefined when it is not there, does not run or says something else. */
export async function versionOf(path: string): Promise<string | undefined> {
  const said = await run(path, ['--version'], { timeout: 10_000 }).catch(() => undefined);
  return said && /nats-server: v?(\d+\.\d+\.\d+\S*)/.exec(said.stdout)?.[1];
}
