/** The keys that services sign in with: one nkey pair each, the seed in a file that only its owner can read. */
import { mkdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { createUser, fromSeed } from '@nats-io/nkeys';
import { nkeyAuthenticator } from 'nats';

const seedFile = (folder: string, name: string): string => join(folder, `${name}.nk`);

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
