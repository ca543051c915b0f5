/** A small disk of its own for the broker's store, in memory, for chaos to fill: it takes root, and Linux. */
import { execFile } from 'node:child_process';
import { cp, mkdir, rename, rm, statfs, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';

const run = promisify(execFile);

/** `close` leaves what was on it in its place. */
export type Disk = { fill(): Promise<void>; empty(): Promise<void>; close(): Promise<void> };

/** Mounts one at `path`. @throws when that is not allowed here */
export async function openDisk(path: string, megabytes: number): Promise<Disk> {
  await mkdir(path, { recursive: true });
  await run('mount', ['-t', 'tmpfs', '-o', `size=${megabytes}m`, 'tmpfs', path]);
  const ballast = join(path, 'ballast');
  return {
    fill: async () => {
      const { bavail, bsize } = await statfs(path);
      // A concurrent writer may take the last of the room first.
      await writeFile(ballast, Buffer.alloc(bavail * bsize)).catch((error: NodeJS.ErrnoException) => {
        if (error.code !== 'ENOSPC') throw error;
      });
    },
    empty: () => rm(ballast, { force: true }),
    close: async () => {
      await cp(path, `${path}.kept`, { recursive: true });
      await run('umount', [path]);
      await rename(`${path}.kept`, path);
    },
  };
}
