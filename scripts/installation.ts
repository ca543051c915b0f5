/** A local installation: a folder with the broker's configuration, the credentials of every service, and what was admitted later. */
import { mkdir, readdir, readFile, rename, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { accountsConfig, OPERATOR, serverConfig } from '@reel/bus/accounts.ts';
import { connect } from '@reel/bus/connect.ts';
import { ensureCredentials } from '@reel/bus/credentials.ts';
import { provision } from '@reel/bus/provision.ts';
import { type Role, roleOf } from '@reel/bus/role.ts';
import { load, SERVICES } from '@reel/services/main.ts';

export type Installation = {
  readonly dir: string;
  readonly configFile: string;
  /** The broker's accounts alone, for one that runs elsewhere. */
  readonly accountsFile: string;
  readonly credentials: string;
  readonly pidFile: string;
};

/** Where things are in an installation. */
export const installationIn = (dir: string): Installation => ({
  dir,
  configFile: join(dir, 'nats.conf'),
  accountsFile: join(dir, 'accounts.conf'),
  credentials: join(dir, 'credentials'),
  pidFile: join(dir, 'nats.pid'),
});

export const SHARDS = 1;
/** Facts are kept for so long; a run may take half of it. */
const MAX_AGE_DAYS = 30;

/** The roles of Reel's own services and of those admitted to this installation. */
export async function rolesIn({ dir }: Installation): Promise<Role[]> {
  const own = await Promise.all(SERVICES.map(async (name) => roleOf(await load(name))));
  const folder = join(dir, 'cast');
  const files = (await readdir(folder).catch(() => [])).filter((file) => file.endsWith('.json'));
  const admitted = await Promise.all(files.map(async (file) => JSON.parse(await readFile(join(folder, file), 'utf8')) as Role));
  return [...own, ...admitted.filter(({ name }) => !own.some((role) => role.name === name))];
}

/** Remembers a role beyond Reel's own. */
export async function remember({ dir }: Installation, role: Role): Promise<void> {
  await mkdir(join(dir, 'cast'), { recursive: true });
  await writeWhole(join(dir, 'cast', `${role.name}.json`), `${JSON.stringify(role, null, 2)}\n`);
}

/** Writes the broker's configuration for these roles; who has no credentials gets them. */
export async function configure(installation: Installation, roles: readonly Role[], syncInterval: string): Promise<void> {
  const publicKeys = await keysOf(installation, roles);
  await writeWhole(installation.configFile, serverConfig({ roles, shards: SHARDS, publicKeys, syncInterval }));
}

/** Writes the accounts of these roles for a broker elsewhere; who has no credentials gets them. */
export async function configureAccounts(installation: Installation, roles: readonly Role[]): Promise<void> {
  const publicKeys = await keysOf(installation, roles);
  await writeWhole(installation.accountsFile, accountsConfig({ roles, shards: SHARDS, publicKeys }));
}

const keysOf = ({ credentials }: Installation, roles: readonly Role[]): Promise<Map<string, string>> =>
  ensureCredentials(credentials, ['provisioner', OPERATOR, ...roles.map(({ name }) => name)]);

/** Makes or updates streams and durables at a running broker. @param replicas on how many of its nodes each stream is kept. */
export async function provisionAt(
  servers: string,
  { credentials }: Pick<Installation, 'credentials'>,
  roles: readonly Role[],
  replicas = 1,
): Promise<void> {
  const connection = await connect({ servers, credentials }, 'provisioner');
  try {
    await provision(connection, { roles, shards: SHARDS, replicas, maxAgeDays: MAX_AGE_DAYS });
  } finally {
    await connection.close();
  }
}

/** A reader never sees half a file. */
export async function writeWhole(file: string, text: string): Promise<void> {
  await writeFile(`${file}.new`, text, { mode: 0o600 });
  await rename(`${file}.new`, file);
}
