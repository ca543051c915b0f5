/** Token streams: pieces of a result over core NATS, for those who watch the run. They are not stored. */
import type { Parts, Place } from '@reel/contracts/address.ts';
import type { Msg, NatsConnection } from 'nats';
import { z } from 'zod';
import type { Tokens } from '../edge.ts';
import { veil } from '../runtime/secrets.ts';
import { messageBody } from './message.ts';

/** A model says thirty words a second: a reader's eye needs no more than this many pieces of it. */
const EVERY_MS = 30;

const Body = z.strictObject({ text: z.string() });

export type TokenStream = {
  /** Shows a piece: at once, or together with what follows within 30 ms. */
  show(at: Parts, text: string): void;
  /** Shows what is left of an attempt that is over. */
  clear(run: string, at: Place): void;
};

const subjectOf = ({ shard, run, kind, id, n }: Parts): string => `tokens.${shard}.${run}.${kind}.${id}.${n}`;
const keyOf = (run: string, { kind, id, n }: Place): string => `${run}.${kind}.${id}.${n}`;

/** A longer piece is not streamed: it is in the result. */
const LONGEST_PIECE = 64 * 1024;
/** Every character of a piece may take six in JSON. */
const LONGEST_MESSAGE = 6 * LONGEST_PIECE + 100;

/** The stage of a performer, on its own connection. Nothing that goes wrong here is the performer's concern. */
export function openTokenStream(connection: NatsConnection): TokenStream {
  type Piece = { text: string; readonly subject: string; readonly plain: ReturnType<typeof veil>; timer: NodeJS.Timeout | undefined };
  const open = new Map<string, Piece>();
  const send = (subject: string, text: string): void => {
    if (text === '' || text.length > LONGEST_PIECE || connection.isClosed()) return;
    connection.publish(subject, JSON.stringify({ text }));
  };
  function next(piece: Piece): void {
    piece.timer = undefined;
    if (piece.text === '') return;
    const text = piece.plain.more(piece.text);
    piece.text = '';
    send(piece.subject, text);
    piece.timer = setTimeout(next, EVERY_MS, piece).unref();
  }
  return {
    show: (at, text) => {
      const key = keyOf(at.run, at);
      const piece = open.get(key) ?? { text: '', subject: subjectOf(at), plain: veil(), timer: undefined };
      open.set(key, piece);
      piece.text += text;
      if (piece.timer === undefined) next(piece);
    },
    clear: (run, at) => {
      const piece = open.get(keyOf(run, at));
      if (piece === undefined) return;
      clearTimeout(piece.timer);
      open.delete(keyOf(run, at));
      send(piece.subject, piece.plain.more(piece.text) + piece.plain.rest());
    },
  };
}

/** Watches what is shown of a run. @returns how to stop. */
export function watchRun(connection: NatsConnection, run: string, listener: (tokens: Tokens) => void): () => void {
  const hear = (error: Error | null, message: Msg): void => {
    const tokens = error === null ? tokensIn(message) : undefined;
    if (tokens !== undefined) listener(tokens);
  };
  const subscription = connection.subscribe(`tokens.*.${run}.*.*.*`, { callback: hear });
  return () => {
    if (!connection.isClosed()) subscription.unsubscribe();
  };
}

function tokensIn(message: Msg): Tokens | undefined {
  const [tokens, , , kind, id, n] = message.subject.split('.');
  const { data } = Body.safeParse(message.data.length > LONGEST_MESSAGE ? undefined : messageBody(message));
  if (tokens !== 'tokens' || data === undefined || !/^[1-9]\d{0,14}$/.test(n ?? '')) return undefined;
  return { at: { kind: kind as string, id: id as string, n: Number(n) }, text: data.text };
}
