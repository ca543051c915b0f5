/** One request over a socket of its own, byte by byte as it is given, and what comes back: no client that mends or refuses anything. */
import { connect, type Socket } from 'node:net';

export type Answer = {
  readonly status: number;
  readonly headers: ReadonlyMap<string, string>;
  readonly body: string;
};

/** `closed`: the connection was closed without an answer. `silent`: neither an answer nor an end came in time. */
export type Exchange = { readonly answers: readonly Answer[]; readonly end: 'answered' | 'closed' | 'silent' };

export type Sent = {
  readonly bytes: Uint8Array;
  /** How many answers are waited for; after these the connection is closed from here. */
  readonly answers?: number;
  /** The answer to HEAD has no body, whatever its headers say. */
  readonly headOnly?: boolean;
  /** Closes the sending side once all is sent. */
  readonly half?: boolean;
};

/** What is generous for a request on a busy machine, and short for silence. */
const PATIENCE_MS = 20_000;

/** Sends, and reads until the answers are complete, the connection ends, or patience does. */
export function exchange(port: number, { bytes, answers: wanted = 1, headOnly = false, half = false }: Sent): Promise<Exchange> {
  return new Promise((resolve) => {
    let received: Buffer = Buffer.alloc(0);
    const answers: Answer[] = [];
    const socket: Socket = connect({ port, host: '127.0.0.1', allowHalfOpen: true });
    const finish = (end: Exchange['end']): void => {
      clearTimeout(patience);
      socket.destroy();
      resolve({ answers, end });
    };
    const patience = setTimeout(() => finish('silent'), PATIENCE_MS);
    const take = (ended: boolean): void => {
      for (let next = parse(received, headOnly, ended); next !== undefined; next = parse(received, headOnly, ended)) {
        received = received.subarray(next.length);
        if (next.answer.status >= 200) answers.push(next.answer);
        if (answers.length < wanted) continue;
        finish('answered');
        return;
      }
      if (ended) finish(answers.length > 0 ? 'answered' : 'closed');
    };
    socket.on('data', (chunk: Buffer) => {
      received = Buffer.concat([received, chunk]);
      take(false);
    });
    socket.on('end', () => take(true));
    socket.on('error', () => take(true));
    socket.on('connect', () => (half ? socket.end(bytes) : socket.write(bytes)));
  });
}

/** The first complete answer, and how many bytes it took. A stream of events is complete with its headers: it may go on for ever. */
function parse(received: Buffer, headOnly: boolean, ended: boolean): { answer: Answer; length: number } | undefined {
  const end = received.indexOf('\r\n\r\n');
  if (end === -1) return undefined;
  const [line = '', ...rest] = received.subarray(0, end).toString('latin1').split('\r\n');
  const status = Number(/^HTTP\/1\.1 (\d{3}) /.exec(`${line} `)?.[1]);
  if (Number.isNaN(status)) throw new Error(`this is no HTTP: ${line}`);
  const headers = new Map(rest.map((one) => [one.slice(0, one.indexOf(':')).toLowerCase(), one.slice(one.indexOf(':') + 1).trim()]));
  const start = end + 4;
  const whole = (body: string, length: number): { answer: Answer; length: number } => ({ answer: { status, headers, body }, length });
  if (headOnly || status < 200 || status === 204 || headers.get('content-type') === 'text/event-stream') return whole('', start);
  const length = headers.get('content-length');
  if (length !== undefined) {
    const until = start + Number(length);
    return received.length < until ? undefined : whole(received.subarray(start, until).toString(), until);
  }
  if (headers.get('transfer-encoding') !== 'chunked')
    return ended ? whole(received.subarray(start).toString(), received.length) : undefined;
  return chunks(received, start, whole);
}

function chunks<T>(received: Buffer, start: number, whole: (body: string, length: number) => T): T | undefined {
  const pieces: Buffer[] = [];
  for (let at = start; ; ) {
    const lineEnd = received.indexOf('\r\n', at);
    if (lineEnd === -1) return undefined;
    const size = Number.parseInt(received.subarray(at, lineEnd).toString('latin1'), 16);
    const begin = lineEnd + 2;
    if (received.length < begin + size + 2) return undefined;
    if (size === 0) return whole(Buffer.concat(pieces).toString(), begin + 2);
    pieces.push(received.subarray(begin, begin + size));
    at = begin + size + 2;
  }
}
