/** The keys that services sign in with: one nkey pair each, the seed in a file that only its owner can read. */
import { mkdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { createUser, fromSeed } from '@nats-io/nkeys';
import { nkeyAuthenticator } from 'nats';

/** @throws when the name would lead out of the folder, or to a file of another kind. */
function seedFile(folder: string, name: string): string {
  if (!/^[A-Za-z0-9_-]{1,64}$/.test(name))
    throw new Error(`${JSON.stringify(name)} cannot be the name of a service: 1 to 64 of A-Z a-z 0-9 _ - are`);
  return join(folder, `${name}.nk`);
}

/** The public keys of these names; what has no seed yet gets one. */
export async function ensureCredentials(folder: string, names: readonly string[]): Promise<Map<string, string>> {
  await mkdir(folder, { recursive: true, mode: 0o700 });
  const keys = new Map<string, string>();
  for (const name of names) {
    const seed = await readSeed(folder, name);
    const pair = seed === undefined ? createUser() : fromSeed(seed);
    if (seed === undefined) await writeFile(seedFile(folder, name), pair.getSeed(), { mode: 0o600, flag: 'wx' });
    keys.set(name, pair.getPublicKey());
  }
  return keys;
}

/** How a client signs in as `name`. @throws when there is no seed for it, saying how to get one. */
export async function authenticatorOf(folder: string, name: string): Promise<ReturnType<typeof nkeyAuthenticator>> {
  const seed = await readSeed(folder, name);
  if (seed === undefined) {
    throw new Error(
      `no credentials for "${name}" in ${folder}: \`npx reel admit PATH\` gives a service its credentials; REEL_CREDENTIALS names the folder`,
    );
  }
  return nkeyAuthenticator(seed);
}

async function readSeed(folder: string, name: string): Promise<Uint8Array | undefined> {
  try {
    return new TextEncoder().encode((await readFile(seedFile(folder, name), 'utf8')).trim());
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined;
    throw error;
  }
}
