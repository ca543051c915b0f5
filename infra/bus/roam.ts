/**
 * Leaving a node of the broker that has lost the others: its connections are up, and nothing that is asked of the log over them is
 * answered. An election looks the same for some seconds; to go elsewhere then does no harm.
 */
import type { NatsConnection } from 'nats';

const PATIENCE_MS = 5000;

export type Roam = {
  /** Whether nobody who leads has answered lately: then what is not heard over this connection tells nothing. */
  silent(): boolean;
  /** Whoever leads has answered. */
  fine(): void;
  /** Nobody has, since `sinceMs` (of performance.now), by default since right now. */
  trouble(sinceMs?: number): void;
};

const roams = new WeakMap<NatsConnection, Roam>();

/** What is known of a connection; one for all who use it. */
export function roamOf(connection: NatsConnection): Roam {
  const known = roams.get(connection);
  if (known !== undefined) return known;
  let silentSinceMs: number | undefined;
  const roam: Roam = {
    silent: () => silentSinceMs !== undefined,
    fine: () => {
      silentSinceMs = undefined;
    },
    trouble: (sinceMs = performance.now()) => {
      silentSinceMs = Math.min(silentSinceMs ?? Number.POSITIVE_INFINITY, sinceMs);
      if (performance.now() - silentSinceMs < PATIENCE_MS || connection.isClosed() || connection.info?.cluster === undefined) return;
      silentSinceMs = undefined;
      void connection.reconnect();
    },
  };
  roams.set(connection, roam);
  return roam;
}
