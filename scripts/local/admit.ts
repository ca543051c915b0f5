/** Admits a service to a running installation: a durable, credentials and permissions for it, without a restart of anything. */
import { setTimeout as delay } from 'node:timers/promises';
import { connect } from '@reel/bus/jetstream/connect.ts';
import { type Role, roleOf } from '@reel/bus/runtime/role.ts';
import { serversIn } from '@reel/nats/processes.ts';
import { load } from '@reel/services/main.ts';
import { configure, type Installation, installationIn, provisionAt, remember, rolesIn } from './installation.ts';
import { reachable } from './local.ts';

/**
 * Admits the service that is the default export of the module at `path`.
 * @param maySay the slots that people fill through the gateway, and this service may as well (`vote.request`).
 * @throws when nothing runs in `dir`, when it cannot be admitted, or the broker refuses.
 */
export async function admit(path: string, dir: string, maySay: readonly string[] = []): Promise<Role> {
  const installation = installationIn(dir);
  const running = await reachable(dir);
  if (running === undefined)
    throw new Error(`nothing was started in ${dir}: \`npx reel up\` first, or --dir names the folder of a running one`);
  const role = roleOf(await load(path));
  await remember(installation, [role], maySay);
  const roles = await rolesIn(installation);
  await configure(installation, roles, running.syncInterval ?? '2m', running.storeBytes);
  await reload(dir);
  await signsIn(running.nats, installation, role.name);
  await provisionAt(running.nats, installation, roles, { replicas: running.replicas ?? 1 });
  return role;
}

/** What runs is asked, not a file with process ids: another process may have an id by now, and SIGHUP ends most. */
async function reload(dir: string): Promise<void> {
  const servers = await serversIn(dir);
  if (servers.length === 0) throw new Error(`no nats-server of ${dir} runs on this machine: admit where \`npx reel up\` runs`);
  for (const { pid } of servers) process.kill(pid, 'SIGHUP');
}

/** The server reads its configuration some moments after the signal: it has done so when the newcomer is let in. */
async function signsIn(servers: string, { credentials }: Installation, name: string): Promise<void> {
  for (let tries = 50; ; tries -= 1) {
    try {
      const connection = await connect({ servers, credentials }, name);
      await connection.close();
      return;
    } catch (error) {
      if (tries === 0) throw error;
      await delay(100);
    }
  }
}
