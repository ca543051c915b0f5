/** Stays connected to one server: tells what it offers and that it is gone, and comes back to it for as long as it takes. */
import { placeOf } from '@reel/bus/runtime/secrets.ts';
import type { Logger } from '@reel/bus/service.ts';
import { explain } from './answer.ts';
import type { Server } from './config.ts';
import { type Connection, connect } from './mcp.ts';
import type { Listed } from './mcp-shapes.ts';
import { once } from './once.ts';

const CONNECT_MS = 30_000;
const CHECK_MS = 10_000;
const FIRST_WAIT_MS = 100;
const LONGEST_WAIT_MS = 30_000;
/** Whoever stayed for this long is not one that falls over as soon as it stands. */
const STEADY_MS = 30_000;

export type Told = {
  /** The server is there, and these are its tools now; `listed` asks anew, and resolves when what is told is what it has from then on. */
  offers(list: Listed, connection: Connection, listed: () => Promise<void>): unknown;
  /** The server is not there any more. */
  gone(): unknown;
};

export type ServerConnection = {
  /** Resolves when it was tried once. */
  readonly tried: Promise<void>;
  close(): Promise<void>;
};

export function keepConnected(name: string, server: Server, told: Told, log: Logger, connectMs = CONNECT_MS): ServerConnection {
  const what =
    'url' in server ? { server: name, url: placeOf(server.url) } : { server: name, command: [server.command, ...server.args].join(' ') };
  const stop = new AbortController();
  let opening = Promise.resolve();
  let current: Connection | undefined;
  let waitMs = FIRST_WAIT_MS;
  let timer: NodeJS.Timeout | undefined;
  const after = (ms: number, doIt: () => void): void => {
    clearTimeout(timer);
    if (!stop.signal.aborted) timer = setTimeout(doIt, ms).unref();
  };
  const again = (): void => {
    after(waitMs, () => {
      opening = open();
    });
    waitMs = Math.min(waitMs * 2, LONGEST_WAIT_MS);
  };

  async function open(): Promise<void> {
    const openedMs = Date.now();
    let connection: Connection | undefined;
    let state: 'new' | 'standing' | 'over' = 'new';
    let strange = 0;
    let before = '';
    const lose = (why: string): void => {
      const stood = state === 'standing';
      state = 'over';
      connection?.retire();
      if (!stood || stop.signal.aborted) return;
      current = undefined;
      told.gone();
      if (Date.now() - openedMs >= STEADY_MS) waitMs = FIRST_WAIT_MS;
      log.warn(
        { ...what, why, againInMs: waitMs },
        `The server "${name}" is gone, and its tools with it; it will be looked for until it is back.`,
      );
      again();
    };
    // What has ended before it stood is looked for again, like what did not begin.
    const stood = (): boolean => state === 'standing' || stop.signal.aborted;
    const look = once(async () => {
      const why = await connection?.check();
      if (why !== undefined) lose(why);
    });
    const refresh: () => Promise<void> = once(async () => {
      const list = await connection?.list();
      if (list === undefined || connection === undefined || state === 'over' || stop.signal.aborted) return;
      state = 'standing';
      current = connection;
      const now = JSON.stringify(list);
      if (now !== before) told.offers(list, connection, refresh);
      before = now;
    });
    const trouble = (error: Error): void => {
      log[strange++ === 0 ? 'warn' : 'debug'](
        { ...what, error: explain(error) },
        `The server "${name}" said what is not understood, or was not reached.`,
      );
      void look();
    };
    const toolsChanged = (): void => void refresh().catch((error) => lose(explain(error)));
    const watch = (): void => after(CHECK_MS, () => void look().finally(() => state === 'over' || watch()));
    try {
      connection = await connect(server, { closed: lose, toolsChanged, trouble }, server.startMs ?? connectMs, stop.signal);
      await refresh();
      if (!stood()) throw new Error('the connection closed at once');
    } catch (error) {
      await connection?.close().catch(() => {});
      if (stop.signal.aborted) return;
      log.error({ ...what, why: explain(error), againInMs: waitMs }, complaint(name, server));
      return again();
    }
    if (stood()) watch();
  }

  opening = open();
  return {
    tried: opening,
    async close() {
      stop.abort(new Error('the tool-executor stops'));
      clearTimeout(timer);
      await Promise.all([opening, current?.close().catch(() => {})]);
    },
  };
}

const complaint = (name: string, server: Server): string =>
  'url' in server
    ? `The server "${name}" cannot be used, so its tools are not offered: check that it runs and that its url and headers are right.`
    : `The server "${name}" does not start, so its tools are not offered: run its command by hand in ${server.cwd}, and check its env.`;
