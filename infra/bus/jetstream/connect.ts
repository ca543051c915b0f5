/** A connection to the broker, as one service, checked before anything relies on it. */
import { connect as dial, type NatsConnection } from 'nats';
import { LogUnavailable } from '../log.ts';
import { keepFromAddress } from '../runtime/secrets.ts';
import { authenticatorOf } from './credentials.ts';
import { elsewhere } from './failover.ts';

/** Message schedules as the clock uses them, and the fixes that the write-once slots rely on, are in servers from here on. */
const OLDEST_SERVER = [2, 14, 0] as const;

const PING_MS = 3000;

export type Broker = { readonly servers: string; readonly credentials: string };

/** Connects as `name`. @throws when no server answers, the credentials are refused, or the server is too old. The error says what to do. */
export async function connect(broker: Broker, name: string): Promise<NatsConnection> {
  for (const server of broker.servers.split(',')) keepFromAddress(server, 'REEL_NATS');
  const authenticator = await authenticatorOf(broker.credentials, name);
  let connection: NatsConnection;
  try {
    connection = await dial({
      servers: broker.servers.split(','),
      authenticator,
      name,
      inboxPrefix: `_INBOX_${name}`,
      noAsyncTraces: true,
      maxReconnectAttempts: -1,
      reconnectTimeWait: 100,
      reconnectJitter: 50,
      // A connection over which nothing comes, as when a cable is pulled, is known for dead within three of these.
      pingInterval: PING_MS,
      reconnectToServer: elsewhere,
      ignoreAuthErrorAbort: true,
      timeout: 5000,
    });
  } catch (error) {
    throw new LogUnavailable(
      `${name} cannot connect to ${broker.servers}: ${(error as Error).message}. Is nats-server running there? \`npm start\` brings one; REEL_NATS names another`,
    );
  }
  try {
    refuseOld(connection.info?.version ?? 'unknown', broker.servers);
  } catch (error) {
    await connection.close();
    throw error;
  }
  return connection;
}

/** @throws when a server of this version lacks what Reel's guarantees rest on. */
export function refuseOld(version: string, where: string): void {
  const [major = 0, minor = 0, patch = 0] = version.split(/[.-]/).map(Number);
  const order = major - OLDEST_SERVER[0] || minor - OLDEST_SERVER[1] || patch - OLDEST_SERVER[2];
  if (Number.isNaN(order) || order < 0) {
    throw new Error(
      `nats-server ${version} at ${where} is too old: Reel needs ${OLDEST_SERVER.join('.')} or newer, for message schedules. Upgrade it, or let \`npm start\` bring one`,
    );
  }
}
