/** `reel` as an operator calls it, in a process of its own, about a Reel that a test has started. */
import { execFile } from 'node:child_process';
import { join } from 'node:path';
import type { LocalReel } from './local-reel.ts';

export type Done = { readonly code: number; readonly stdout: string; readonly stderr: string };
type Where = { readonly cwd?: string; readonly env?: NodeJS.ProcessEnv };

const command = join(import.meta.dirname, '../scripts/reel.ts');

/** What the command says, and with which code it ends. */
export const callReel = ({ api, local }: LocalReel, args: readonly string[], { cwd, env = {} }: Where = {}): Promise<Done> =>
  new Promise((resolve) => {
    const options = { cwd, env: { ...process.env, REEL_API: api, REEL_DIR: local.dir, ...env }, maxBuffer: 1 << 26 };
    execFile(process.execPath, [command, ...args], options, (error, stdout, stderr) =>
      resolve({ code: error === null ? 0 : typeof error.code === 'number' ? error.code : 1, stdout, stderr }),
    );
  });
