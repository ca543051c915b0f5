// Fetches nats-server from its makers' releases, checked against the sums that are published beside them.
import { execFile } from 'node:child_process';
import { createHash } from 'node:crypto';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';

const run = promisify(execFile);
const version = '2.15.1';
const releases = 'https://github.com/nats-io/nats-server/releases/download';
const architectures: Record<string, string> = { x64: 'amd64', arm64: 'arm64' };

export const release = { name: `the ${version} release on GitHub`, fetch: fetchRelease };

async function fetchRelease(scratch: string): Promise<string> {
  const architecture = architectures[process.arch];
  if (!architecture || !['linux', 'darwin'].includes(process.platform)) {
    throw new Error(`not looked up for ${process.platform} on ${process.arch}`);
  }
  const name = `nats-server-v${version}-${process.platform}-${architecture}`;
  // The sums come first: they are small, and show within seconds whether the place can be reached at all.
  const sums = await download('SHA256SUMS', 5_000);
  const expected = sums
    .toString()
    .split('\n')
    .find((line) => line.endsWith(` ${name}.tar.gz`) || line.endsWith(`*${name}.tar.gz`))
    ?.split(/\s/)[0];
  if (!expected) throw new Error(`its SHA256SUMS do not list ${name}.tar.gz`);
  const tarball = await download(`${name}.tar.gz`, 180_000);
  const actual = createHash('sha256').update(tarball).digest('hex');
  if (actual !== expected) throw new Error(`${name}.tar.gz has the SHA-256 ${actual}, and ${expected} was published`);
  const packed = join(scratch, 'release.tar.gz');
  await writeFile(packed, tarball);
  await run('tar', ['-xzf', packed, '-C', scratch]);
  return join(scratch, name, 'nats-server');
}

async function download(file: string, timeoutMs: number): Promise<Buffer> {
  const url = `${releases}/v${version}/${file}`;
  const response = await fetch(url, { signal: AbortSignal.timeout(timeoutMs) }).catch((error: Error) => {
    const cause = error.cause instanceof Error ? `: ${error.cause.message}` : '';
    throw new Error(`${url}: ${error.message}${cause}`);
  });
  if (!response.ok) throw new Error(`${url}: answered ${response.status}`);
  return Buffer.from(await response.arrayBuffer());
}
