/** The facts of a run, as JSON or as a stream that resumes after an interruption. */

import type { Edge } from '@reel/bus/edge.ts';
import { type Entry, type History, isInvalid } from '@reel/bus/history.ts';
import { theRun } from '@reel/contracts/address.ts';
import type { CloudEvent, InvalidEntry } from './shapes.ts';

const sequence = (seq: number): string => String(seq).padStart(20, '0');

export function eventOf(entry: Entry): CloudEvent | InvalidEntry {
  const time = new Date(entry.time).toISOString();
  if (isInvalid(entry)) return { invalid: entry.invalid, address: entry.address, time, sequence: sequence(entry.seq) };
  const { address, source, type, cause, traceparent, data, at } = entry;
  return {
    specversion: '1.0',
    id: address,
    source,
    type,
    time,
    datacontenttype: 'application/json',
    runid: at.run,
    causationid: cause,
    ...(traceparent === undefined ? {} : { traceparent }),
    sequence: sequence(entry.seq),
    data: data as never,
  };
}

const isEnd = ({ at }: Entry): boolean => at.kind === 'run' && at.slot === 'outcome';
const frame = (entry: Entry): string =>
  `id: ${entry.seq}\nevent: ${isInvalid(entry) ? 'invalid' : entry.type}\ndata: ${JSON.stringify(eventOf(entry))}\n\n`;

/**
 * The bytes that may be queued for a reader; more is added only when some of it is read. The rest stays in the log. A reader that
 * stops reading costs at most this and one fact.
 */
const QUEUED_BYTES = 65_536;
/** A reader with this much queued is sent no tokens; tokens are never stored. */
const SHOWN_BYTES = 16_384;
const HEARTBEAT_MS = 15_000;
const AGAIN_MS = 1000;

export type Reading = {
  readonly shard: number;
  readonly run: string;
  /** The position of the last fact that the reader knows. */
  readonly lastSeq: number;
  /** Whether tokens of running steps are wanted too. */
  readonly tokens: boolean;
  /** Ends every stream, with the process. */
  readonly closing: AbortSignal;
  /** Called when the stream ends; may be called twice. */
  leave(): void;
};

export const streamHeaders = { 'content-type': 'text/event-stream', 'cache-control': 'no-store', 'x-accel-buffering': 'no' };

/** True when the run has ended and the reader has all of its facts. */
export const nothingLeft = (history: History, lastSeq: number): boolean =>
  history.occupant(theRun, 'outcome') !== undefined && (history.entries().at(-1)?.seq ?? 0) <= lastSeq;

/** Server-sent events of one run, until the run has ended or the reader disconnects. */
export function streamOf(edge: Edge, reading: Reading): Response {
  let stream: ReturnType<typeof openStream> | undefined;
  const body = new ReadableStream<Uint8Array>(
    {
      start: (controller) => {
        stream = openStream(edge, reading, controller);
      },
      pull: () => stream?.goOn(),
      cancel: () => stream?.stop(),
    },
    new ByteLengthQueuingStrategy({ highWaterMark: QUEUED_BYTES }),
  );
  return new Response(body, { headers: streamHeaders });
}

type Controller = Pick<ReadableStreamDefaultController<Uint8Array>, 'enqueue' | 'close' | 'desiredSize'>;

/** Sends a reader the facts of the run from its position, as fast as it reads them, and tokens if wanted. */
function openStream(
  edge: Edge,
  { shard, run, lastSeq, tokens, closing, leave }: Reading,
  controller: Controller,
): { stop(): void; goOn(): void } {
  const encoder = new TextEncoder();
  let sent = lastSeq;
  let open = true;
  let looking = false;
  let more = true;
  let caughtUp = false;
  const room = (): number => controller.desiredSize ?? 0;
  const write = (text: string): void => controller.enqueue(encoder.encode(text));
  const end = (): void => {
    if (!open) return;
    stop();
    controller.close();
  };
  async function send(): Promise<void> {
    const history = await edge.history(shard, run);
    const entries = history.entries();
    for (let next = indexAfter(entries, sent); open && room() > 0; next += 1) {
      const entry = entries[next];
      if (entry === undefined) {
        caughtUp = true;
        if (history.occupant(theRun, 'outcome') !== undefined) end();
        return;
      }
      sent = entry.seq;
      write(frame(entry));
      if (isEnd(entry)) end();
    }
    more ||= open;
  }
  /** Sends as many facts as fit. Facts stored meanwhile are looked for once more. */
  function goOn(): void {
    if (looking || !open || !more || room() <= 0) return;
    looking = true;
    more = false;
    send().then(
      () => {
        looking = false;
        goOn();
      },
      () => {
        // The log is unavailable: try again, without an error to the reader.
        more = true;
        setTimeout(() => {
          looking = false;
          goOn();
        }, AGAIN_MS).unref();
      },
    );
  }
  const unfollow = edge.follow((entry) => {
    if (entry.at.run !== run) return;
    more = true;
    goOn();
  });
  const unwatch = tokens
    ? edge.watch(run, (shown) => {
        if (caughtUp && QUEUED_BYTES - room() < SHOWN_BYTES) write(`event: tokens\ndata: ${JSON.stringify(shown)}\n\n`);
      })
    : () => {};
  const heartbeat = setInterval(() => (room() < QUEUED_BYTES ? undefined : write(': still here\n\n')), HEARTBEAT_MS);
  if (closing.aborted) queueMicrotask(end);
  closing.addEventListener('abort', end, { once: true });
  function stop(): void {
    open = false;
    leave();
    unfollow();
    unwatch();
    clearInterval(heartbeat);
    closing.removeEventListener('abort', end);
  }
  return { stop, goOn };
}

/** The index of the first entry after a position, by binary search: entries are in the order of the log. */
function indexAfter(entries: readonly Entry[], seq: number): number {
  let [low, high] = [0, entries.length];
  while (low < high) {
    const middle = (low + high) >> 1;
    if ((entries[middle] as Entry).seq <= seq) low = middle + 1;
    else high = middle;
  }
  return low;
}
