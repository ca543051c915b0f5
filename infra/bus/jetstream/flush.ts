/** Waiting until what was said has arrived, unless the broker is away: then it never does. */
import type { NatsConnection } from 'nats';

const PATIENCE_MS = 1000;

/** Resolves when the broker has heard all that was said, or a second later. */
export async function flush(connection: NatsConnection): Promise<void> {
  if (connection.isClosed()) return;
  const patience = Promise.withResolvers<void>();
  const late = setTimeout(patience.resolve, PATIENCE_MS);
  await Promise.race([connection.flush().catch(() => {}), patience.promise]);
  clearTimeout(late);
}
