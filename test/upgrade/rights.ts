/**
 * A broker that lets services of an earlier version do what that version did, beside today's: timers and values beside facts had other
 * subjects, at which today's services may do nothing. What both versions share is the log.
 */
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { connect } from '@reel/bus/jetstream/connect.ts';
import { installationIn, provisionAt, rolesIn, writeWhole } from '@reel/scripts/local/installation.ts';
import type { Local } from '@reel/scripts/local/local.ts';

const USER = /^ *\{ nkey: "?(\w+)"?, permissions: \{ publish: \{ allow: \[(.*)\] \}, subscribe: \{ allow: \[(.*)\] \} \} \}$/;
const SHARED = /^ *\{ (service|stream): .*\}$/;

/** Adds the rights and the streams of the version whose files are in `old`. No service may be running. */
export async function addRightsOf(old: string, local: Local): Promise<void> {
  const installation = installationIn(local.dir);
  const config = await readFile(installation.configFile, 'utf8');
  const its = await import(join(old, 'scripts/local/installation.ts'));
  const roles = await its.rolesIn(installation);
  await its.configure(installation, roles, '2m');
  await writeWhole(installation.configFile, joined(config, await readFile(installation.configFile, 'utf8')));
  await local.restartBroker();
  const connection = await connect({ servers: local.nats, credentials: installation.credentials }, 'provisioner');
  const { provision } = await import(join(old, 'infra/bus/provisioning/provision.ts'));
  await provision(connection, { roles, shards: 1, replicas: 1, maxAgeDays: 30 });
  await connection.close();
  await provisionAt(local.nats, installation, await rolesIn(installation));
}

/** A configuration with what another has as well: users may do what either lets them, and what either shares is shared. */
function joined(config: string, other: string): string {
  const lines = other.split('\n');
  const users = new Map(lines.flatMap((line) => (USER.test(line) ? [[USER.exec(line)?.[1], line] as const] : [])));
  const parts = (text: string): string[] => text.split(/exports: \[|imports: \[/);
  const shared = parts(other).map((part) => part.split('\n').filter((line) => SHARED.test(line)));
  const [head = '', ...rest] = parts(config);
  const isNew = (line: string): boolean => !config.includes(line.trim());
  const [exported = '', imported = ''] = rest.map((part, index) => [...(shared[index + 1] ?? []).filter(isNew), ''].join('\n') + part);
  const text = `${head}exports: [\n${exported}imports: [\n${imported}`;
  return text.replace(new RegExp(USER, 'gm'), (line, key: string, publish: string, subscribe: string) => {
    const [, , moreToSay = publish, moreToHear = subscribe] = USER.exec(users.get(key) ?? '') ?? [];
    return line.replace(`[${publish}]`, `[${publish}, ${moreToSay}]`).replace(`[${subscribe}]`, `[${subscribe}, ${moreToHear}]`);
  });
}
