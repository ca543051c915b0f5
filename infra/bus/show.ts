/** What is being made, shown while it is made: pieces of text over core NATS, for whoever is watching. Nothing of it enters the log. */
import type { Parts, Place } from '@reel/contracts/address.ts';
import type { Msg, NatsConnection } from 'nats';
import { z } from 'zod';
import { plainBody } from './plain.ts';

/** A piece of what a step is making. Pieces of one attempt come in order; some may be missing. */
export type Tokens = { readonly at: Place; readonly text: string };

/** A model says thirty words a second: a reader's eye needs no more than this many pieces of it. */
const EVERY_MS = 30;

const Body = z.strictObject({ text: z.string() });

export type Stage = {
  /** Shows a piece: at once, or together with what follows within 30 ms. */
  show(at: Parts, text: string): void;
  /** Shows what is left of an attempt that is over. */
  clear(run: string, at: Place): void;
};

const subjectOf = ({ shard, run, kind, id, n }: Parts): string => `tokens.${shard}.${run}.${kind}.${id}.${n}`;
const keyOf = (run: string, { kind, id, n }: Place): string => `${run}.${kind}.${id}.${n}`;

/** The stage of a performer, on its own connection. Nothing that goes wrong here is the performer's concern. */
export function openStage(connection: NatsConnection): Stage {
  const open = new Map<string, { text: string; readonly subject: string; readonly timer: NodeJS.Timeout }>();
  const send = (subject: string, text: string): void => {
    try {
      if (text !== '' && !connection.isClosed()) connection.publish(subject, JSON.stringify({ text }));
    } catch {
      // Too large for a message: whoever watches will see it in the result.
    }
  };
  const wait = (key: string, subject: string): void => {
    open.set(key, { text: '', subject, timer: setTimeout(next, EVERY_MS, key).unref() });
  };
  function next(key: string): void {
    const waiting = open.get(key);
    open.delete(key);
    if (waiting === undefined || waiting.text === '') return;
    send(waiting.subject, waiting.text);
    wait(key, waiting.subject);
  }
  return {
    show: (at, text) => {
      const key = keyOf(at.run, at);
      const waiting = open.get(key);
      if (waiting !== undefined) {
        waiting.text += text;
        return;
      }
      send(subjectOf(at), text);
      wait(key, subjectOf(at));
    },
    clear: (run, at) => {
      const waiting = open.get(keyOf(run, at));
      if (waiting === undefined) return;
      clearTimeout(waiting.timer);
      open.delete(keyOf(run, at));
      send(waiting.subject, waiting.text);
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
  const { data } = Body.safeParse(plainBody(message));
  if (tokens !== 'tokens' || data === undefined || !/^[1-9]\d{0,14}$/.test(n ?? '')) return undefined;
  return { at: { kind: kind as string, id: id as string, n: Number(n) }, text: data.text };
}
