// Starts a nats-server as a child process and says when it is ready: for `reel up`, the demo and every test on a real server.
import { type ChildProcess, spawn } from 'node:child_process';
import { mkdir, readdir, readFile, rm } from 'node:fs/promises';
import { join } from 'node:path';
import type { Readable } from 'node:stream';
import { setTimeout as delay } from 'node:timers/promises';
import { leash } from './child-cleanup.ts';
import { findServer, sayOnStderr } from './find.ts';
import { followLog, type Log } from './log.ts';
import { claim } from './store.ts';

export type ServerOptions = {
  /** Where streams are kept; made when absent. One running server per folder. */
  dataDir: string;
  configFile?: string;
  /** Default: any free port, also when the configuration names one. Start again with the same port to let clients reconnect. */
  port?: number;
  host?: string;
  pidFile?: string;
  /** Further arguments for nats-server. */
  args?: string[];
  /** Hears every line of the server's log. */
  onLog?: (line: string) => void;
  /** Hears in a line that another server worked on the store, and what became of it. Default: stderr. */
  say?: (line: string) => void;
  /** How long the server may take to recover its streams. Default: 60,000. */
  readyTimeoutMs?: number;
};

export type Server = {
  /** For clients, as `nats://127.0.0.1:4222`. */
  url: string;
  port: number;
  /** Where other servers of its cluster reach it, and where it tells about itself over HTTP, if its configuration says so. */
  routePort: number | undefined;
  monitorPort: number | undefined;
  pid: number;
  process: ChildProcess;
  /** Settles when the server is gone, however it ended. */
  exited: Promise<void>;
  /** Sends the signal (SIGTERM) and waits until the server is gone. Harmless when it already is. */
  stop: (signal?: NodeJS.Signals) => Promise<void>;
  /** Makes the server read its configuration again; rejects with its words when it refuses, and then it keeps the old one. */
  reload: () => Promise<void>;
};

/**
 * Starts a server and resolves when clients can connect. Rejects with the server's own words when it does not come up, and with InUse when
 * somebody works in the folder.
 */
export async function startServer(options: ServerOptions): Promise<Server> {
  const { host = '127.0.0.1', say = (line: string) => sayOnStderr(`reel: ${line}`) } = options;
  const binary = await findServer();
  const claimed = await claim(options.dataDir, say);
  const dataDir = claimed.path;
  const portsDir = join(dataDir, 'ports');
  // A server that was killed leaves its ports file behind, which would be taken for the new one's.
  await rm(portsDir, { recursive: true, force: true })
    .then(() => mkdir(portsDir, { recursive: true }))
    .catch((error: Error) => {
      claimed.release();
      throw error;
    });

  const inherited = ['ignore', 'ignore', 'pipe', claimed.store.fd] as const;
  const child = spawn(binary, serverArguments({ ...options, dataDir }, host, portsDir), { stdio: [...inherited] });
  leash(child);
  // From here on the server alone has its store.
  claimed.store.release();
  const log = followLog(child.stderr as Readable, options.onLog);
  let gone: string | undefined;
  const exited = new Promise<void>((resolve) => {
    child.once('error', (error) => {
      gone = error.message;
      claimed.release();
      resolve();
    });
    child.once('close', (code, signal) => {
      gone ??= signal ? `was ended by ${signal}` : `exited with code ${code}`;
      claimed.release();
      resolve();
    });
  });

  const stop = async (signal: NodeJS.Signals = 'SIGTERM'): Promise<void> => {
    if (gone === undefined) child.kill(signal);
    await exited;
  };

  const { readyTimeoutMs = 60_000 } = options;
  const deadline = performance.now() + readyTimeoutMs;
  let ports: Ports | undefined;
  while (ports === undefined) {
    ports = await readPorts(portsDir);
    if (gone !== undefined) throw new Error(explain(gone, log, options));
    if (ports === undefined && performance.now() > deadline) {
      await stop('SIGKILL');
      throw new Error(explain(`was not ready after ${readyTimeoutMs} ms`, log, options));
    }
    // Another look in a moment: a folder watch would be one more thing that a container can lack.
    if (ports === undefined) await Promise.race([delay(5), exited]);
  }

  let reloading = Promise.resolve();
  const reload = (): Promise<void> => {
    if (gone !== undefined) return Promise.reject(new Error(`nats-server is not running: it ${gone}`));
    // One at a time, because the log does not say which signal a line answers.
    reloading = reloading.catch(() => {}).then(() => reloadOnce(child, log));
    return reloading;
  };

  const reachable = host === '0.0.0.0' || host === '::' ? '127.0.0.1' : host;
  const { port, routePort, monitorPort } = ports;
  return { url: `nats://${reachable}:${port}`, port, routePort, monitorPort, pid: child.pid!, process: child, exited, stop, reload };
}

function serverArguments({ dataDir, configFile, port, pidFile, args = [] }: ServerOptions, host: string, portsDir: string): string[] {
  const fixed = ['-a', host, '-p', String(port || -1), '-js', '-sd', dataDir, '--ports_file_dir', portsDir];
  return [...fixed, ...(configFile ? ['-c', configFile] : []), ...(pidFile ? ['-P', pidFile] : []), ...args];
}

type Ports = { port: number; routePort: number | undefined; monitorPort: number | undefined };

/** The ports from the file that the server writes when it listens; undefined while there is none, or only half of one. */
async function readPorts(portsDir: string): Promise<Ports | undefined> {
  const file = (await readdir(portsDir)).find((name) => name.endsWith('.ports'));
  if (!file) return undefined;
  try {
    const urls = JSON.parse(await readFile(join(portsDir, file), 'utf8')) as { nats?: string[]; cluster?: string[]; monitoring?: string[] };
    const portOf = (url: string | undefined): number | undefined => (url ? Number(new URL(url).port) : undefined);
    const port = portOf(urls.nats?.[0]);
    return port === undefined ? undefined : { port, routePort: portOf(urls.cluster?.[0]), monitorPort: portOf(urls.monitoring?.[0]) };
  } catch {
    return undefined;
  }
}

async function reloadOnce(child: ChildProcess, log: Log): Promise<void> {
  const answer = log.next(/Reloaded server configuration|Failed to reload server configuration/);
  child.kill('SIGHUP');
  const said = await answer;
  if (said.startsWith('Failed')) throw new Error(`nats-server keeps its configuration. It says: ${said}`);
}

/** The server's words and what to do about them. */
function explain(what: string, log: Log, { port, configFile, dataDir }: ServerOptions): string {
  const said = log.complaint();
  let advice = `Look at its data folder, ${dataDir}${configFile ? `, and its configuration, ${configFile}` : ''}.`;
  if (/address already in use/.test(said)) advice = `Port ${port} is taken: stop what listens there, or choose another port.`;
  else if (configFile && /^nats-server: /m.test(said)) advice = `Correct ${configFile}.`;
  return [`nats-server ${what}.${said ? ` It says:\n${said}` : ''}`, advice].join('\n');
}
