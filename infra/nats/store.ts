/**
 * A store has one server. The process that starts a server holds the folder while it runs; the server holds the store inside. So a store that
 * is held while its folder is not has a server that outlived its starter.
 */
import { mkdir, readdir, readFile, realpath, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { type Lock, lock, lockWithin } from './lock.ts';
import { type Process, processOf, type StoreProcess, serversIn } from './processes.ts';

/** Somebody works in this folder, and nothing was touched. */
export class InUse extends Error {}

export type Claim = {
  /** The folder, by its one true name. */
  readonly path: string;
  /** For the server to inherit: the store is locked for as long as it runs. */
  readonly store: Lock;
  release(): void;
};

/** How long a server may take to end in good order, and then to be gone when it was killed. */
const ENDING_MS = 20_000;
const KILLING_MS = 10_000;
const GOING_MS = 1000;

/** Who holds a folder. Read only when it is held, and believed only as far as that process runs. */
const HOLDER = 'holder.json';
type Holder = { readonly pid: number; readonly since: string };

/** Holds a folder for this process; made when absent. @throws InUse that says who has it */
export async function hold(folder: string): Promise<Lock> {
  await mkdir(folder, { recursive: true, mode: 0o700 });
  // One that was just killed takes a moment to be gone.
  const held = await lockWithin(folder, GOING_MS);
  if (held === undefined) throw new InUse(await whoHas(folder));
  const since = new Date().toISOString();
  await writeFile(join(folder, HOLDER), JSON.stringify({ pid: process.pid, since } satisfies Holder), { mode: 0o600 });
  return held;
}

/**
 * Holds a folder and the store in it, for a server about to be started. A server that outlived its starter is ended first.
 * @param say hears one line about that. @throws InUse
 */
export async function claim(folder: string, say: (line: string) => void): Promise<Claim> {
  const held = await hold(folder);
  try {
    const path = await realpath(folder);
    const inside = join(path, 'jetstream');
    await mkdir(inside, { recursive: true });
    const store = (await lock(inside)) ?? (await endOrphans(path, inside, say));
    const strangers = await serversIn(path);
    if (strangers.length > 0) {
      store.release();
      const names = await described(path, strangers);
      throw new InUse(`${path}: ${names} works here, and was not started as Reel starts it. Stop it: kill ${pidsOf(strangers)}`);
    }
    const release = (): void => {
      store.release();
      held.release();
    };
    return { path, store, release };
  } catch (error) {
    held.release();
    throw error;
  }
}

/** Ends the servers that work in a store although the one that started them is gone, in good order if they can. */
async function endOrphans(path: string, inside: string, say: (line: string) => void): Promise<Lock> {
  const orphans = await serversIn(path);
  if (orphans.length === 0)
    throw new InUse(
      `${path} is locked by a process that cannot be seen from here: another container, perhaps. Stop the Reel that works in it, or use another folder`,
    );
  const names = await described(path, orphans);
  for (const { pid } of orphans) signal(pid, 'SIGTERM', path);
  // One that was stopped finds the signal when it goes on.
  for (const { pid } of orphans) signal(pid, 'SIGCONT', path);
  let store = await lockWithin(inside, ENDING_MS);
  const how = store === undefined ? `was killed, because it did not end within ${ENDING_MS / 1000} s` : 'was ended in good order';
  if (store === undefined) {
    for (const { pid } of await serversIn(path)) signal(pid, 'SIGKILL', path);
    store = await lockWithin(inside, KILLING_MS);
  }
  if (store === undefined)
    throw new InUse(`${path}: ${names} has outlived its starter, and does not end. Kill it: kill -9 ${pidsOf(orphans)}`);
  say(`${names} had outlived the process that started it, and ${how}: one server works on ${path}`);
  return store;
}

function signal(pid: number, name: NodeJS.Signals, path: string): void {
  try {
    process.kill(pid, name);
  } catch (error) {
    const { code, message } = error as NodeJS.ErrnoException;
    if (code !== 'ESRCH') throw new InUse(`${path}: nats-server ${pid} works here and cannot be ended from here (${message})`);
  }
}

const pidsOf = (processes: readonly Process[]): string => processes.map(({ pid }) => pid).join(' ');

/** Who holds a folder, where and since when, as far as it can be seen from here. */
async function whoHas(folder: string): Promise<string> {
  const path = await realpath(folder);
  const servers = await serversIn(path);
  const holder = await readFile(join(path, HOLDER), 'utf8')
    .then(
      (text) => JSON.parse(text) as Partial<Holder>,
      () => undefined,
    )
    .catch(() => undefined);
  const pid = servers[0]?.parent ?? holder?.pid;
  const starter = pid === undefined ? undefined : await processOf(pid);
  const parts = [
    ...(starter === undefined ? [] : [`process ${starter.pid} (${starter.command.slice(0, 100)}), since ${starter.since.toISOString()}`]),
    ...(servers.length === 0 ? [] : [`with ${await described(path, servers)}`]),
  ];
  return `${path} is in use${parts.length === 0 ? '' : ` by ${parts.join(', ')}`}: stop that one first, or name another folder. Nothing was touched`;
}

async function described(path: string, servers: readonly StoreProcess[]): Promise<string> {
  const all = servers.map(async ({ pid, since, store }) => {
    const port = await portOf(store, pid);
    return `nats-server ${pid}${port === undefined ? '' : ` at port ${port}`} (since ${since.toISOString()})`;
  });
  return (await Promise.all(all)).join(', ') || path;
}

/** The port that a server says it listens at; undefined when it does not say. */
async function portOf(store: string, pid: number): Promise<string | undefined> {
  const folder = join(store, 'ports');
  const file = (await readdir(folder).catch(() => [])).find((name) => name.endsWith(`_${pid}.ports`));
  if (file === undefined) return undefined;
  return await readFile(join(folder, file), 'utf8').then(
    (text) => /"nats:\/\/[^"]*:(\d+)"/.exec(text)?.[1],
    () => undefined,
  );
}
