// Fetches nats-server from Debian, through the mirror the machine already uses, for machines that reach nothing else.
// Debian's stable suites carry a server that is too old; the package of a newer one runs on them all the same.
// Nothing is installed: apt gets a private state, and the package is unpacked into the scratch folder. It needs no root.
import { execFile } from 'node:child_process';
import { existsSync } from 'node:fs';
import { mkdir, readdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';

const run = promisify(execFile);
const suites = ['forky', 'sid'];
const keyrings = ['/usr/share/keyrings/debian-archive-keyring.gpg', '/usr/share/keyrings/debian-archive-keyring.pgp'];

export const debian = { name: `Debian's package (${suites.join(', ')})`, fetch: fetchPackage };

async function fetchPackage(scratch: string): Promise<string> {
  const keyring = keyrings.find(existsSync);
  if (!keyring) throw new Error('this machine has no Debian keyring');
  const mirrors = await mirrorsOf(scratch);
  if (mirrors.length === 0) throw new Error("this machine's apt names no mirror");
  const refusals: string[] = [];
  for (const suite of suites) {
    for (const mirror of mirrors) {
      const folder = join(scratch, `${suite}-${refusals.length}`);
      try {
        return await unpack(folder, `deb [signed-by=${keyring}] ${mirror} ${suite} main\n`);
      } catch (error) {
        refusals.push(`${suite}: ${inShort(error)}`);
      }
    }
  }
  throw new Error(refusals.join('; '));
}

/** The mirrors that apt would update from. Asked with an empty state, because a fresh machine has no lists yet. */
async function mirrorsOf(scratch: string): Promise<string[]> {
  const state = join(scratch, 'apt');
  await mkdir(join(state, 'lists', 'partial'), { recursive: true });
  const { stdout } = await apt(['-o', `Dir::State=${state}`, '--print-uris', 'update'], scratch);
  const mirrors = [...stdout.matchAll(/^'(\S+?)dists\/[^']*\/InRelease'/gm)].map((match) => match[1]!);
  return [...new Set(mirrors)].filter((mirror) => !mirror.includes('-security'));
}

async function unpack(folder: string, source: string): Promise<string> {
  for (const part of ['state/lists/partial', 'cache/archives/partial', 'parts', 'package']) {
    await mkdir(join(folder, part), { recursive: true });
  }
  await writeFile(join(folder, 'sources.list'), source);
  const settings = [
    `Dir::State=${folder}/state`,
    `Dir::Cache=${folder}/cache`,
    `Dir::Etc::sourcelist=${folder}/sources.list`,
    `Dir::Etc::sourceparts=${folder}/parts`,
    'APT::Sandbox::User=root', // apt's own user may not enter the scratch folder; without root this changes nothing
    'Acquire::Languages=none',
    'Acquire::Retries=2',
  ].flatMap((setting) => ['-o', setting]);
  await apt([...settings, '-q', '--error-on=any', 'update'], folder);
  await apt([...settings, '-q', 'download', 'nats-server'], folder);
  const packed = (await readdir(folder)).find((file) => file.endsWith('.deb'));
  if (!packed) throw new Error('apt-get download left no package');
  await run('dpkg', ['-x', join(folder, packed), join(folder, 'package')]);
  return join(folder, 'package', 'usr', 'sbin', 'nats-server');
}

const apt = (args: string[], cwd: string) => run('apt-get', args, { cwd, env: { ...process.env, LC_ALL: 'C' }, timeout: 300_000 });

/** What went wrong, without the pages that apt prints before it. */
function inShort(error: unknown): string {
  const { code, stderr, message } = error as { code?: unknown; stderr?: string; message: string };
  if (code === 'ENOENT') return 'this machine has no apt-get';
  return stderr?.split('\n').find((line) => line.startsWith('E: ')) ?? message;
}
