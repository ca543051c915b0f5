/** A local installation: a folder with the broker's configuration, the credentials of every service, and what was admitted later. */
import { mkdir, readdir, readFile, rename, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { accountsConfig, OPERATOR, PROVISIONER, serverConfig } from '@reel/bus/accounts.ts';
import { type Admitted, faultsOf } from '@reel/bus/admissible.ts';
import { connect } from '@reel/bus/connect.ts';
import { ensureCredentials } from '@reel/bus/credentials.ts';
import { provision } from '@reel/bus/provision.ts';
import { type Role, roleOf } from '@reel/bus/role.ts';
import { warn } from '@reel/bus/terminal.ts';
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

const ownRoles = (): Promise<Role[]> => Promise.all(SERVICES.map(async (name) => roleOf(await load(name))));

/** A service that was admitted once and is no longer: what it may not be, or be called, was not looked at in earlier versions. */
const leftOut = (file: string, faults: readonly string[]): void =>
  warn(`${file} is left out: ${faults.join('; ')}. Admit the service again (\`npx reel admit PATH\`), or delete the file`);

/**
 * The roles of Reel's own services and of those admitted to this installation.
 * @param tell hears of each that was remembered and cannot be admitted: it is left out, and keeps nobody else from starting.
 */
export async function rolesIn({ dir }: Pick<Installation, 'dir'>, tell = leftOut): Promise<Role[]> {
  const own = await ownRoles();
  const folder = join(dir, 'cast');
  const files = (await readdir(folder).catch(() => [])).filter((file) => file.endsWith('.json')).sort();
  const admitted: Admitted[] = [];
  for (const file of files) {
    const role = await readFile(join(folder, file), 'utf8')
      .then(JSON.parse)
      .catch((error: Error) => error);
    const faults = role instanceof Error ? [role.message] : faultsOf(role, own, admitted);
    if (faults.length === 0 && file !== `${role.name}.json`) faults.push(`it is the role of ${role.name}`);
    if (faults.length === 0) admitted.push(role);
    else tell(join(folder, file), faults);
  }
  return [...own, ...admitted];
}

/**
 * Remembers roles beyond Reel's own: all of them, or none.
 * @param granted the slots of people that they are expressly let fill, as `vote.request`.
 * @throws when one of them cannot be admitted, with the reasons; then nothing is remembered.
 */
export async function remember({ dir }: Pick<Installation, 'dir'>, roles: readonly Role[], granted: readonly string[] = []): Promise<void> {
  const own = await ownRoles();
  const before = (await rolesIn({ dir }, () => {})).slice(own.length);
  const wrong = roles.flatMap((role, index) => {
    const others = [...before, ...roles.slice(0, index)];
    const twice = roles.slice(0, index).some(({ name }) => name === role.name)
      ? [`its name is "${role.name}", as is that of another at once`]
      : [];
    return [...faultsOf({ ...role, granted }, own, others), ...twice].map((fault) => `it cannot be admitted: ${fault}`);
  });
  if (wrong.length > 0) throw new Error(wrong.join('\n'));
  await mkdir(join(dir, 'cast'), { recursive: true });
  for (const role of roles) {
    const admitted: Admitted = { ...role, granted: granted.filter((slot) => role.says.some((one) => `${one.about}.${one.slot}` === slot)) };
    await writeWhole(join(dir, 'cast', `${role.name}.json`), `${JSON.stringify(admitted, null, 2)}\n`);
  }
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
  ensureCredentials(credentials, [PROVISIONER, OPERATOR, ...roles.map(({ name }) => name)]);

/** Makes or updates streams and durables at a running broker. @param replicas on how many of its nodes each stream is kept. */
export async function provisionAt(
  servers: string,
  { credentials }: Pick<Installation, 'credentials'>,
  roles: readonly Role[],
  replicas = 1,
): Promise<void> {
  const connection = await connect({ servers, credentials }, PROVISIONER);
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
