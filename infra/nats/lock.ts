/**
 * Locks on folders, kept by the kernel. A lock ends with the last process that has it open, so that none has to be cleaned up. The folder
 * itself is locked, not a file in it: no link and no deleted file leads around that.
 */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { closeSync, openSync } from 'node:fs';

export type Lock = {
  /** Open in this process. A child that inherits it has the lock too. */
  readonly fd: number;
  /** This process lets go. */
  release(): void;
};

/** Node has no flock(2). The lock is of the open folder, which the program shares with us, so that it stays when the program has ended. */
const PROGRAMS: readonly { readonly name: string; readonly now: readonly string[]; readonly wait: readonly string[] }[] = [
  { name: 'flock', now: ['-n', '3'], wait: ['3'] },
  { name: 'perl', now: ['-e', perl(6)], wait: ['-e', perl(2)] },
];

function perl(operation: number): string {
  return `open(my $folder, '<&=', 3) or exit 2; exit(flock($folder, ${operation}) ? 0 : $!{EWOULDBLOCK} ? 1 : 2)`;
}

/** Locks a folder. @returns undefined when it is locked already, if not by another process then by this one. @throws when it cannot be. */
export async function lock(folder: string): Promise<Lock | undefined> {
  const held = opened(folder);
  try {
    if (await flocked(held.fd, folder, 'now')) return held;
  } catch (error) {
    held.release();
    throw error;
  }
  held.release();
  return undefined;
}

/** Waits until a folder can be locked. @returns undefined when that takes longer than `ms`. */
export async function lockWithin(folder: string, ms: number): Promise<Lock | undefined> {
  const held = opened(folder);
  if (await flocked(held.fd, folder, 'wait', AbortSignal.timeout(ms))) return held;
  held.release();
  return undefined;
}

function opened(folder: string): Lock {
  const fd = openSync(folder, 'r');
  let open = true;
  return {
    fd,
    release: () => {
      if (open) closeSync(fd);
      open = false;
    },
  };
}

async function flocked(fd: number, folder: string, how: 'now' | 'wait', signal?: AbortSignal): Promise<boolean> {
  for (const program of PROGRAMS) {
    const child = spawn(program.name, program[how], {
      stdio: ['ignore', 'ignore', 'pipe', fd],
      ...(signal === undefined ? {} : { signal }),
    });
    let said = '';
    child.stderr?.on('data', (chunk: Buffer) => {
      said += chunk.toString();
    });
    try {
      const [code] = (await once(child, 'close')) as [number | null];
      if (code === 0) return true;
      if (code === 1) return false;
      throw new Error(`${folder} cannot be locked (${program.name} says: ${said.trim() || `exit ${code}`}): use a folder on a local disk`);
    } catch (error) {
      if (signal?.aborted) return false;
      if ((error as NodeJS.ErrnoException).code !== 'ENOENT') throw error;
    }
  }
  throw new Error(`${folder} cannot be locked: that takes \`flock\` (util-linux) or \`perl\`, and neither is on PATH`);
}
