/**
 * The watchdog of a process: a thread that ends it when its event loop stands still for good, since a process that hangs holds up
 * everything in it, and looks alive to its supervisor. What was begun last is named on the way out, however the process ends.
 */
import { writeSync } from 'node:fs';
import { url as inspectorUrl } from 'node:inspector';
import { Worker } from 'node:worker_threads';

/** What the thread is given: words that the event loop writes, and what was begun last, in UTF-8. */
export type Watched = {
  readonly words: Int32Array;
  readonly text: Uint8Array;
  readonly stillMs: number;
  readonly busyMs: number;
  /** The most memory that the process may take, where it has a limit. */
  readonly maxBytes?: number | undefined;
};

/** The words: how often the event loop has turned, the length of the text, and whether what was begun may be busy for longer. */
export const TURNS = 0;
export const LENGTH = 1;
export const BUSY = 2;

/** The signal by which a process ends whose event loop stood still, and the one for memory, as V8 has it too. */
export const STOOD_STILL: NodeJS.Signals = 'SIGALRM';
export const TOOK_MEMORY: NodeJS.Signals = 'SIGABRT';

/** How long a handler may compute, in processor time; and how long anything may take, as `beater.ts` speaks for it, by the clock. */
export const STILL_MS = 10_000;
const BUSY_MS = 60_000;
const TURN_MS = 100;
const TEXT_BYTES = 512;

const words = new Int32Array(new SharedArrayBuffer(12));
const text = new Uint8Array(new SharedArrayBuffer(TEXT_BYTES));
const encoder = new TextEncoder();
let last = 0;

/**
 * Notes what begins now, in a microsecond. Several things may be under way: the last one that was begun is named.
 * @param isBusy it may compute for up to a minute. @returns how to note that it is over.
 */
export function begin(what: string, isBusy = false): () => void {
  last += 1;
  const own = last;
  words[LENGTH] = encoder.encodeInto(what, text).written;
  words[BUSY] = isBusy ? 1 : 0;
  return () => {
    if (last !== own) return;
    words[LENGTH] = 0;
    words[BUSY] = 0;
  };
}

export type GuardOptions = { readonly stillMs?: number; readonly busyMs?: number; readonly maxBytes?: number };

/** Begins to watch this process. A debugger makes it stand still on purpose, so one that has an inspector is not watched. */
export function guard({ stillMs = STILL_MS, busyMs = BUSY_MS, maxBytes }: GuardOptions = {}): void {
  if (inspectorUrl() !== undefined) return;
  const watched: Watched = { words, text, stillMs, busyMs, maxBytes };
  const thread = new Worker(new URL('./watchdog-thread.ts', import.meta.url), { workerData: watched });
  thread.unref();
  thread.on('error', (error) => lastWords(`This process is not watched any more: ${error.message}`));
  setInterval(() => Atomics.add(words, TURNS, 1), TURN_MS).unref();
  process.once('exit', (code) => {
    if (begunLast(watched) !== undefined) lastWords(`The process ends with code ${code}. Begun last: ${begunLast(watched)}`);
  });
}

/** Says something at once: there may be no turn of the event loop any more. What is named are addresses, which hold no signs of others. */
export const lastWords = (text: string): void => void writeSync(2, `${text}\n`);

/** What was begun last and is not over. */
export function begunLast(watched: Pick<Watched, 'words' | 'text'>): string | undefined {
  const length = watched.words[LENGTH] as number;
  return length === 0 ? undefined : Buffer.from(watched.text.subarray(0, length)).toString();
}
