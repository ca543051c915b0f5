/**
 * Leaving a node of the broker that has lost the others: its connections are up, and nothing that is asked of the log over them is
 * answered. An election looks the same for some seconds.
 */
import type { NatsConnection, ReconnectToServerHandler } from 'nats';

/**
 * An election takes up to nine seconds, and goes by sooner for who stays: what was asked for through a node that one has left is sent to
 * that node, and lost.
 */
const PATIENCE_MS = 10_000;
const LOOK_MS = 1000;
/** A node that is alone, and has a leader to answer after so long, is no remainder: there are no more nodes. */
const ALONE_MS = 30_000;

export type Failover = {
  /** True when no leader answered lately. Then silence on this connection says nothing. */
  silent(): boolean;
  /** A leader has answered. */
  fine(): void;
  /** No leader has answered since `sinceMs` (of performance.now), by default since now. */
  trouble(sinceMs?: number): void;
};

const roams = new WeakMap<NatsConnection, Failover>();

/** Which node to connect to: the one that was tried the longest ago, rather than one just left, or one that is down again and again. */
export const elsewhere: ReconnectToServerHandler = (pool) =>
  pool.reduce((oldest, node) => (node.lastConnect < oldest.lastConnect ? node : oldest));

/** What is known of a connection; one for all who use it. */
export function failoverOf(connection: NatsConnection): Failover {
  const known = roams.get(connection);
  if (known !== undefined) return known;
  let silentSinceMs: number | undefined;
  let lonelySinceMs: number | undefined;
  let hereMs = performance.now();
  /** When somebody answered, or the connection was made: what had been asked before, and was not answered, tells nothing of the node. */
  let fineMs = hereMs;
  const nodes = (): number => connection.info?.connect_urls?.length ?? 0;
  /** The most nodes that were known of. */
  let most = nodes();
  /** A node that has lost the others tells its clients so at once. A leader among such goes on answering for ten seconds. */
  const isLonely = (): boolean => nodes() * 2 < most;
  const fine = (): void => {
    fineMs = performance.now();
    silentSinceMs = undefined;
    if (lonelySinceMs !== undefined && fineMs - lonelySinceMs > ALONE_MS) most = 0;
  };
  const look = (): void => {
    const now = performance.now();
    most = Math.max(most, nodes());
    lonelySinceMs = isLonely() ? (lonelySinceMs ?? now) : undefined;
    const isMute = silentSinceMs !== undefined && now - silentSinceMs >= PATIENCE_MS;
    // Each of the others once, without delay; where all are as lonely, there is no hurry any more.
    const isInVain = lonelySinceMs !== undefined && now - lonelySinceMs >= PATIENCE_MS && now - hereMs < PATIENCE_MS;
    if (connection.info?.cluster === undefined || isInVain || (lonelySinceMs === undefined && !isMute)) return;
    silentSinceMs = undefined;
    void connection.reconnect();
  };
  const looking = setInterval(look, LOOK_MS).unref();
  void (async () => {
    for await (const { type } of connection.status()) {
      if (type !== 'reconnect') continue;
      hereMs = fineMs = performance.now();
      silentSinceMs = undefined;
    }
    clearInterval(looking);
  })();
  const roam: Failover = {
    silent: () => silentSinceMs !== undefined || isLonely(),
    fine,
    trouble: (sinceMs = performance.now()) => {
      silentSinceMs = Math.max(fineMs, Math.min(silentSinceMs ?? Number.POSITIVE_INFINITY, sinceMs));
    },
  };
  roams.set(connection, roam);
  return roam;
}
