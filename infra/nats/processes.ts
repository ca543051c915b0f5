/** The nats-servers that run on this machine with a store in some folder, as the operating system knows them: no file has to be believed. */
import { execFile } from 'node:child_process';
import { readdir, readFile, readlink, realpath } from 'node:fs/promises';
import { isAbsolute, join, resolve, sep } from 'node:path';
import { promisify } from 'node:util';

export type Process = { readonly pid: number; readonly parent: number; readonly since: Date; readonly command: string };
export type StoreProcess = Process & { readonly store: string };

type Running = Process & { readonly words: readonly string[]; readonly cwd: () => Promise<string> };

/** Those with a store in this folder or below it. */
export async function serversIn(folder: string): Promise<StoreProcess[]> {
  const root = await realpath(folder);
  const found: StoreProcess[] = [];
  for (const { words, cwd, ...process } of await running()) {
    const option = words.findIndex((word) => word === '-sd' || word === '--store_dir');
    const named = option > 0 ? words[option + 1] : undefined;
    if (named === undefined) continue;
    const path = isAbsolute(named) ? named : resolve(await cwd(), named);
    const store = await realpath(path).catch(() => path);
    if (store === root || store.startsWith(root + sep)) found.push({ ...process, store });
  }
  return found;
}

/** One process; undefined when it does not run. */
export const processOf = async (pid: number): Promise<Process | undefined> => (await running()).find((one) => one.pid === pid);

const running = (): Promise<Running[]> => (process.platform === 'linux' ? fromProc() : fromPs());

/** The unit of times in the kernel's files. */
const TICKS_PER_SECOND = 100;

async function fromProc(): Promise<Running[]> {
  const bootS = Number(/^btime (\d+)$/m.exec(await readFile('/proc/stat', 'utf8'))?.[1]);
  const pids = (await readdir('/proc')).filter((name) => /^\d+$/.test(name));
  const found = await Promise.all(
    pids.map(async (pid): Promise<Running | undefined> => {
      try {
        const [commandLine, stat] = await Promise.all([readFile(`/proc/${pid}/cmdline`, 'utf8'), readFile(`/proc/${pid}/stat`, 'utf8')]);
        const words = commandLine.split('\0').filter((word) => word !== '');
        // A program's name may hold spaces and brackets. What follows the last bracket begins with the third field.
        const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
        const since = new Date((bootS + Number(fields[19]) / TICKS_PER_SECOND) * 1000);
        const cwd = (): Promise<string> => readlink(join('/proc', pid, 'cwd')).catch(() => '/');
        return { pid: Number(pid), parent: Number(fields[1]), since, command: words.join(' '), words, cwd };
      } catch {
        // It has ended meanwhile.
        return undefined;
      }
    }),
  );
  // One that has ended, and whose end has not been noticed yet, has no command line.
  return found.filter((one) => one !== undefined && one.words.length > 0) as Running[];
}

async function fromPs(): Promise<Running[]> {
  const { stdout } = await promisify(execFile)('ps', ['-axwwo', 'pid=,ppid=,lstart=,command='], { env: { ...process.env, LC_ALL: 'C' } });
  return stdout.split('\n').flatMap((line) => {
    const [, pid, parent, since, command] = /^\s*(\d+)\s+(\d+)\s+(\w+\s+\w+\s+\d+\s+[\d:]+\s+\d+)\s+(.*)$/.exec(line) ?? [];
    if (pid === undefined || command === undefined) return [];
    // `ps` does not say where a word ends; the store of a server of ours is followed by an option.
    const store = / -sd (.*?) --ports_file_dir /.exec(command)?.[1];
    const words = store === undefined ? command.split(' ') : ['nats-server', '-sd', store];
    return [{ pid: Number(pid), parent: Number(parent), since: new Date(since as string), command, words, cwd: async () => '/' }];
  });
}
