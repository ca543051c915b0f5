/** A local installation: a folder with the broker's configuration, the credentials of every service, and what was admitted later. */
import { mkdir, readdir, readFile, rename, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { connect } from '@reel/bus/jetstream/connect.ts';
import { ensureCredentials } from '@reel/bus/jetstream/credentials.ts';
import type { Damage } from '@reel/bus/jetstream/lost-end.ts';
import { inspect, isWriteOnce } from '@reel/bus/operator/damage.ts';
import { warn } from '@reel/bus/process/terminal.ts';
import { accountsConfig, serverConfig, streamsOf } from '@reel/bus/provisioning/permissions.ts';
import { durablesOf, provision, type Store } from '@reel/bus/provisioning/provision.ts';
import { type Admitted, faultsOf } from '@reel/bus/runtime/admissible.ts';
import { OPERATOR, PROVISIONER, type Role, roleOf } from '@reel/bus/runtime/role.ts';
import { load, SERVICES } from '@reel/services/main.ts';
import { knownIn, LogDamaged, notAccepted, note } from './losses.ts';

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
 * @param tell is called for each remembered service that cannot be admitted. It is left out, and the others start.
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
    const admitted: Admitted = {
      ...role,
      granted: granted.filter((slot) => role.publishes.some((one) => `${one.about}.${one.slot}` === slot)),
    };
    await writeWhole(join(dir, 'cast', `${role.name}.json`), `${JSON.stringify(admitted, null, 2)}\n`);
  }
}

/** Writes the broker's configuration for these roles; who has no credentials gets them. */
export async function configure(
  installation: Installation,
  roles: readonly Role[],
  syncInterval: string,
  storeBytes?: number,
): Promise<void> {
  const publicKeys = await keysOf(installation, roles);
  await writeWhole(
    installation.configFile,
    serverConfig({ roles, shards: SHARDS, publicKeys, syncInterval, ...(storeBytes === undefined ? {} : { storeBytes }) }),
  );
}

/** Writes the accounts of these roles for a broker elsewhere; who has no credentials gets them. */
export async function configureAccounts(installation: Installation, roles: readonly Role[]): Promise<void> {
  const publicKeys = await keysOf(installation, roles);
  await writeWhole(installation.accountsFile, accountsConfig({ roles, shards: SHARDS, publicKeys }));
}

const keysOf = ({ credentials }: Installation, roles: readonly Role[]): Promise<Map<string, string>> =>
  ensureCredentials(credentials, [PROVISIONER, OPERATOR, ...roles.map(({ name }) => name)]);

export type Provisioning = {
  /** On how many of the broker's nodes each stream is kept. */
  readonly replicas?: number;
  /** Reads everything that is stored, to see whether it can be read. */
  readonly deep?: boolean;
  /** Goes on without what is lost. */
  readonly acceptLoss?: boolean;
  readonly store?: Store | undefined;
};

/**
 * Makes or updates streams and durables at a running broker, when it has everything that was acknowledged.
 * @returns what is lost and was accepted now, or can be had again. @throws LogDamaged for what was not.
 */
export async function provisionAt(
  servers: string,
  { credentials, dir }: Pick<Installation, 'credentials' | 'dir'>,
  roles: readonly Role[],
  { replicas = 1, deep = false, acceptLoss = false, store }: Provisioning = {},
): Promise<readonly Damage[]> {
  const connection = await connect({ servers, credentials }, PROVISIONER);
  try {
    const options = { roles, shards: SHARDS, replicas, maxAgeDays: MAX_AGE_DAYS, store };
    const inspection = await inspect(connection, streamsOf(roles, SHARDS), PROVISIONER);
    const { accepted, ...known } = await knownIn(dir, durablesOf(options));
    // A stream that the broker does not know any more may come back with all that it had when it is made again.
    const there = await inspection.marks();
    const before = (await inspection.lost(known)).filter(({ stream }) => stream in there);
    await provision(connection, options);
    const after = (await inspection.lost(known)).filter(({ stream }) => !(stream in there));
    const found = notAccepted([...before, ...after, ...(deep ? await inspection.unreadable() : [])], accepted);
    // Timers are computed from the log, and set again when the open runs are next looked over; tools are registered when their service starts.
    const lost = found.filter(({ stream }) => isWriteOnce(stream));
    if (lost.length > 0 && !acceptLoss) throw new LogDamaged(lost, dir);
    if (found.length > 0) {
      await inspection.forget(known.durables);
      await provision(connection, options);
    }
    const acceptedAt = new Date().toISOString();
    const marks = { ...known.marks, ...(await inspection.marks()) };
    const now = lost.map((one) => ({ ...one, acceptedAt, last: marks[one.stream]?.last ?? 0 }));
    await note(dir, marks, [...accepted, ...now]);
    return found;
  } finally {
    await connection.close();
  }
}

/** A reader never sees half a file. */
export async function writeWhole(file: string, text: string): Promise<void> {
  await writeFile(`${file}.new`, text, { mode: 0o600 });
  await rename(`${file}.new`, file);
}
