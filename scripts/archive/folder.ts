/** A folder as the place of an archive. */
import { link, mkdir, open, readdir, readFile, rename, rm } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import type { ArchiveStore } from '@reel/bus/operator/archive-store.ts';

/** What is not complete carries this at its end, and may be thrown away. */
const UNFINISHED = '.new';

export function folderShelf(path: string): ArchiveStore {
  const folder = resolve(path);
  return {
    place: folder,
    names: async () => {
      const names = await readdir(folder).catch((error: NodeJS.ErrnoException) => {
        if (error.code === 'ENOENT') return undefined;
        throw error;
      });
      return names?.filter((name) => !name.endsWith(UNFINISHED));
    },
    read: (name) => readFile(join(folder, name)),
    write: (name, content) => placed(folder, name, content, rename),
    writeOnce: (name, content) =>
      placed(folder, name, content, async (from, to) => {
        await link(from, to).catch((error: NodeJS.ErrnoException) => {
          throw error.code === 'EEXIST' ? new Error(`${to} is there already: somebody else is archiving to this folder`) : error;
        });
        await rm(from);
      }),
  };
}

type Name = (from: string, to: string) => Promise<void>;

/** On disk under another name first: what the log forgets because it is archived must not be lost with the power. */
async function placed(folder: string, name: string, content: Buffer, give: Name): Promise<void> {
  await mkdir(folder, { recursive: true, mode: 0o700 });
  const path = join(folder, name);
  const unfinished = `${path}.${process.pid}${UNFINISHED}`;
  const file = await open(unfinished, 'w', 0o600);
  try {
    await file.writeFile(content);
    await file.sync();
  } finally {
    await file.close();
  }
  try {
    await give(unfinished, path);
  } catch (error) {
    await rm(unfinished, { force: true });
    throw error;
  }
  const parent = await open(folder, 'r');
  try {
    await parent.sync();
  } finally {
    await parent.close();
  }
}
