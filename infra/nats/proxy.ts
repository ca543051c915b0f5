// A TCP proxy to break connections with: what goes through it can be delayed, cut, or silently swallowed, and healed again.
import { once } from 'node:events';
import { type AddressInfo, createServer, connect as dial, type Socket } from 'node:net';

export type TcpProxy = {
  /** Where it listens, on loopback. Stays the same for as long as it is open. */
  readonly port: number;
  /** Where to from now on; new connections wait for the first word of it. */
  aim(port: number): void;
  /** `closed`: every connection ends, and new ones end at once. `silent`: they stay, and nothing gets through, as with a cable that is pulled. */
  cut(how?: 'closed' | 'silent'): void;
  /** Holds back everything by so many ms from now on, in order; 0 for no longer. */
  delay(ms: number): void;
  /** Undoes a cut. What a silent one has held back gets through now. */
  heal(): void;
  close(): Promise<void>;
};

/** Opens a proxy on any free port of loopback; `target` is a port there, too, and can be told later. */
export async function openProxy(target?: number): Promise<TcpProxy> {
  const pairs = new Set<Pair>();
  const state: State = { target, cut: undefined, delayMs: 0 };
  const server = createServer({ noDelay: true }, (from) => {
    if (state.cut === 'closed' || state.target === undefined) return void from.destroy();
    const pair = joined(from, dial({ port: state.target, host: '127.0.0.1', noDelay: true }), state);
    pairs.add(pair);
    void pair.over.then(() => pairs.delete(pair));
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const endAll = (): void => {
    for (const { end } of pairs) end();
  };
  return {
    port: (server.address() as AddressInfo).port,
    aim: (port) => {
      state.target = port;
    },
    cut: (how = 'closed') => {
      state.cut = how;
      if (how === 'closed') endAll();
    },
    delay: (ms) => {
      state.delayMs = ms;
    },
    heal: () => {
      state.cut = undefined;
      for (const { flow } of pairs) flow();
    },
    close: async () => {
      const closed = once(server, 'close');
      server.close();
      endAll();
      await closed;
    },
  };
}

type State = { target: number | undefined; cut: 'closed' | 'silent' | undefined; delayMs: number };
type Pair = { end(): void; flow(): void; readonly over: Promise<void> };

/** Two sockets as one connection: each passes on what the other hears, and ends when the other does. */
function joined(from: Socket, to: Socket, state: State): Pair {
  const { promise: over, resolve } = Promise.withResolvers<void>();
  // Not resetAndDestroy: after it a process was found spinning for ever, in one of five runs of the cluster's tests (Node 24).
  const end = (): void => {
    from.destroy();
    to.destroy();
    resolve();
  };
  const ways = [oneWay(from, to, state), oneWay(to, from, state)];
  let open = 2;
  for (const socket of [from, to]) socket.on('error', end).on('close', () => --open === 0 && resolve());
  return {
    end,
    over,
    flow: () => {
      for (const flow of ways) flow();
    },
  };
}

/** Passes on what `from` hears, each piece when its time has come and never past an earlier one. @returns how to go on after a cut. */
function oneWay(from: Socket, to: Socket, state: State): () => void {
  const held: { readonly bytes: Buffer; readonly dueMs: number }[] = [];
  let timer: NodeJS.Timeout | undefined;
  let ended = false;
  const pass = (bytes: Buffer): void => {
    if (!to.write(bytes)) from.pause();
  };
  to.on('drain', () => from.resume());
  const flow = (): void => {
    clearTimeout(timer);
    timer = undefined;
    while (state.cut === undefined && held[0] !== undefined) {
      const waitMs = held[0].dueMs - performance.now();
      if (waitMs > 0.5) {
        timer = setTimeout(flow, waitMs);
        return;
      }
      pass((held.shift() as { bytes: Buffer }).bytes);
    }
    if (ended && held.length === 0) to.end();
  };
  from.on('data', (bytes) => {
    if (state.cut === undefined && state.delayMs === 0 && held.length === 0) return pass(bytes);
    // Data that is not read is buffered as in a network: up to a limit.
    if (held.push({ bytes, dueMs: performance.now() + state.delayMs }) > PIECES) from.pause();
    if (timer === undefined) flow();
  });
  from.on('end', () => {
    ended = true;
    flow();
  });
  to.on('close', () => clearTimeout(timer));
  return () => {
    from.resume();
    flow();
  };
}

/** So many pieces are held back for each direction of a connection; then the sender has to wait. */
const PIECES = 256;
