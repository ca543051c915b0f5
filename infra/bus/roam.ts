/**
 * Leaving a node of the broker that has lost the others: its connections are up, and nothing that is asked of the log over them is
 * answered. An election looks the same for some seconds; to go elsewhere then does no harm.
 */
import type { NatsConnection, ReconnectToServerHandler } from 'nats';

const PATIENCE_MS = 5000;
/** For how long a node that was left is not gone back to while there are others: the others may take two elections. */
const SHUNNED_MS = 20_000;

export type Roam = {
  /** Whether nobody who leads has answered lately: then what is not heard over this connection tells nothing. */
  silent(): boolean;
  /** Whoever leads has answered. */
  fine(): void;
  /** Nobody has, since `sinceMs` (of performance.now), by default since right now. */
  trouble(sinceMs?: number): void;
};

const roams = new WeakMap<NatsConnection, Roam>();
/** The nodes that were left by a connection of this process, and until when they are shunned. */
const left = new Map<string, number>();

/** Which node to connect to: the client's choice, or the next that was not left lately. */
export const elsewhere: ReconnectToServerHandler = (pool) =>
  pool.find(({ listen }) => (left.get(listen) ?? 0) <= performance.now()) ?? null;

/** What is known of a connection; one for all who use it. */
export function roamOf(connection: NatsConnection): Roam {
  const known = roams.get(connection);
  if (known !== undefined) return known;
  let silentSinceMs: number | undefined;
  /** What had not been answered before tells nothing of the node that one is connected to now. */
  let hereSinceMs = 0;
  /** The most nodes that were known of. */
  let most = 0;
  /** A leader that has lost the others goes on answering for ten seconds. It tells its clients at once whom it is still connected to. */
  const isLonely = (): boolean => {
    const nodes = connection.info?.connect_urls?.length ?? 0;
    most = Math.max(most, nodes);
    return nodes * 2 < most;
  };
  const leave = (): void => {
    silentSinceMs = undefined;
    left.set(connection.getServer(), performance.now() + SHUNNED_MS);
    void connection.reconnect();
  };
  void (async () => {
    for await (const { type } of connection.status()) {
      if (type !== 'reconnect') continue;
      hereSinceMs = performance.now();
      silentSinceMs = undefined;
    }
  })();
  const roam: Roam = {
    silent: () => silentSinceMs !== undefined,
    fine: () => {
      if (isLonely()) leave();
      silentSinceMs = undefined;
    },
    trouble: (sinceMs = performance.now()) => {
      silentSinceMs = Math.max(hereSinceMs, Math.min(silentSinceMs ?? Number.POSITIVE_INFINITY, sinceMs));
      if (performance.now() - silentSinceMs < PATIENCE_MS || connection.isClosed() || connection.info?.cluster === undefined) return;
      leave();
    },
  };
  roams.set(connection, roam);
  return roam;
}
