/** One HTTP server whose answers the cases program, byte by byte: framed rightly, wrongly, or broken off. */
import { once } from 'node:events';
import { createServer, type IncomingMessage } from 'node:http';
import type { AddressInfo, Socket } from 'node:net';
import { setImmediate as nextTurn } from 'node:timers/promises';

/**
 * How the end of a body shows: by its length, its last chunk, the end of the connection. Or not: the length says more than comes, or the
 * chunks end without a last one, or the connection is reset.
 */
export type Framing = 'length' | 'chunked' | 'close' | 'says-more' | 'no-last-chunk' | 'reset';
export const GOOD: readonly Framing[] = ['length', 'chunked', 'close'];
export const BROKEN: readonly Framing[] = ['says-more', 'no-last-chunk', 'reset'];

export type Answer = {
  readonly status: number;
  readonly headers: readonly (readonly [name: string, value: string])[];
  readonly pieces: readonly Buffer[];
  readonly framing: Framing;
  /** It comes after this. */
  readonly after?: Promise<unknown>;
};
/** The answer to a request with this body; undefined: as a server answers that has nothing of its own to say. */
export type Respond = (request: IncomingMessage, body: string) => Answer | undefined;

const NOTHING: Answer = { status: 405, headers: [], pieces: [], framing: 'length' };

async function play(socket: Socket, { status, headers, pieces, framing, after }: Answer): Promise<void> {
  await after;
  const length = pieces.reduce((sum, piece) => sum + piece.length, 0);
  const isChunked = framing === 'chunked' || framing === 'no-last-chunk';
  const end = isChunked
    ? [['transfer-encoding', 'chunked']]
    : framing === 'close'
      ? []
      : [['content-length', String(framing === 'length' ? length : length + 7)]];
  const lines = [...headers, ...end, ['connection', 'close']].map(([name, value]) => `${name}: ${value}\r\n`);
  socket.setNoDelay(true).on('error', () => {});
  socket.write(Buffer.from(`HTTP/1.1 ${status} x\r\n${lines.join('')}\r\n`, 'latin1'));
  for (const piece of pieces) {
    await nextTurn();
    socket.write(isChunked ? Buffer.concat([Buffer.from(`${piece.length.toString(16)}\r\n`), piece, Buffer.from('\r\n')]) : piece);
  }
  if (framing === 'chunked') socket.write('0\r\n\r\n');
  if (framing !== 'reset') return void socket.end();
  await nextTurn();
  socket.resetAndDestroy();
}

export async function startAnswering(respond: Respond): Promise<{ readonly url: string; close(): Promise<void> }> {
  const server = createServer((request) => {
    const pieces: Buffer[] = [];
    request.on('data', (piece: Buffer) => pieces.push(piece));
    request.on('end', () => {
      // No connection is used twice: what one case does to it says nothing about another.
      void play(request.socket, respond(request, Buffer.concat(pieces).toString()) ?? NOTHING);
    });
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const close = async (): Promise<void> => {
    const closed = once(server, 'close');
    server.close();
    server.closeAllConnections();
    await closed;
  };
  return { url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`, close };
}
