/** Podman with everything it keeps in a folder of its own, so that nothing of ours is left on the machine, and nobody else's is touched. */
import { execFile, spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync } from 'node:fs';
import { mkdir, mkdtemp, writeFile } from 'node:fs/promises';
import type { Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';

const run = promisify(execFile);

export type Podman = {
  readonly dir: string;
  /** Runs podman. @returns what it printed. @throws with what it complained of. */
  podman(...args: string[]): Promise<string>;
  /** Runs a program in a container. @returns its exit code. @throws when it could not be run. */
  exec(name: string, command: readonly string[]): Promise<number>;
  /** Starts a container in the background. */
  start(name: string, args: readonly string[]): Promise<void>;
  /** Runs another program that keeps its images with this podman. */
  beside(program: string, ...args: string[]): Promise<string>;
  /** Removes containers, networks, images and the folder. */
  close(): Promise<void>;
};

/** runc, cgroupfs and file locks work in every place that was tried, virtual machines without systemd among them. */
const containersConf = (dir: string): string => `[containers]
default_ulimits = ["nofile=20000:20000", "nproc=32768:32768"]
[engine]
runtime = "runc"
cgroup_manager = "cgroupfs"
events_logger = "file"
lock_type = "file"
static_dir = "${dir}/static"
tmp_dir = "${dir}/tmp"
volume_path = "${dir}/volumes"
[network]
network_backend = "netavark"
network_config_dir = "${dir}/networks"
`;

const storageConf = (dir: string): string => `[storage]
driver = "overlay"
graphroot = "${dir}/graph"
runroot = "${dir}/run"
`;

const needed = ['podman', 'buildah', 'runc'];

/** Why containers cannot be run here, in words; undefined when they can. */
export async function lacking(): Promise<string | undefined> {
  const missing: string[] = [];
  for (const program of needed) await run(program, ['--version']).catch(() => missing.push(program));
  if (missing.length > 0)
    return `no ${missing.join(', no ')} on this machine (Debian: apt-get install --no-install-recommends podman buildah runc netavark aardvark-dns iptables)`;
  if (process.getuid?.() !== 0) return 'only root is known to be able to run them here';
  return undefined;
}

/** Prepares a podman. @throws when it does not run on this machine. */
export async function openPodman(): Promise<Podman> {
  const dir = await mkdtemp(join(tmpdir(), 'reel-smoke-'));
  for (const part of ['tmp', 'networks']) await mkdir(join(dir, part));
  await writeFile(join(dir, 'containers.conf'), containersConf(dir));
  await writeFile(join(dir, 'storage.conf'), storageConf(dir));
  const env = {
    ...process.env,
    CONTAINERS_CONF: join(dir, 'containers.conf'),
    CONTAINERS_STORAGE_CONF: join(dir, 'storage.conf'),
  };
  const beside = async (program: string, ...args: string[]): Promise<string> => {
    try {
      return (await run(program, args, { env, maxBuffer: 64 * 1024 * 1024 })).stdout.trim();
    } catch (error) {
      const { stderr, stdout } = error as { stderr?: string; stdout?: string };
      throw new Error(`${program} ${args.slice(0, 3).join(' ')} …: ${stderr || stdout || (error as Error).message}`);
    }
  };
  const podman = (...args: string[]): Promise<string> => beside('podman', ...args);
  async function start(name: string, args: readonly string[]): Promise<void> {
    for (let tries = 5; ; tries -= 1) {
      try {
        await podman('run', '--detach', '--replace', '--name', name, ...args);
        return;
      } catch (error) {
        // Between podman's choice of a free port and its use, somebody else took it.
        if (tries === 0 || !(error as Error).message.includes('address already in use')) throw error;
      }
    }
  }
  async function exec(name: string, command: readonly string[]): Promise<number> {
    try {
      await run('podman', ['exec', name, ...command], { env });
      return 0;
    } catch (error) {
      const { code, stderr } = error as { code?: number | string; stderr?: string };
      // From 125 on it is podman's own, or the runtime's.
      if (typeof code === 'number' && code < 125) return code;
      throw new Error(`podman exec ${name} ${command.join(' ')}: ${stderr || (error as Error).message}`);
    }
  }
  const sweep = sweeper(dir, env);
  return {
    dir,
    podman,
    exec,
    start,
    beside,
    close: sweep,
  };
}

const SWEEP = `read -r _
podman rm --all --force --time 0
podman network prune --force
podman rmi --all --force
rm -rf "$0"`;

/**
 * Somebody who waits to remove everything, and does so as well when this process is killed: then its input ends.
 * @returns how to have it done now
 */
function sweeper(dir: string, env: NodeJS.ProcessEnv): () => Promise<void> {
  const child = spawn('sh', ['-c', SWEEP, dir], { env, stdio: ['pipe', 'ignore', 'ignore'], detached: true });
  const gone = once(child, 'exit');
  child.unref();
  (child.stdin as Socket).unref();
  return async () => {
    child.ref();
    child.stdin.end();
    await gone;
    if (existsSync(dir)) throw new Error(`what was started in ${dir} could not be removed`);
  };
}
