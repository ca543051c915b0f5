/** The facts of a run as readers get them: JSON at once, or a stream that resumes where it was cut off. */

import type { Door } from '@reel/bus/door.ts';
import { type Entry, isVoid } from '@reel/bus/history.ts';
import type { CloudEvent, VoidEntry } from './shapes.ts';

const sequence = (seq: number): string => String(seq).padStart(20, '0');

export function eventOf(entry: Entry): CloudEvent | VoidEntry {
  const time = new Date(entry.time).toISOString();
  if (isVoid(entry)) return { void: entry.void, address: entry.address, time, sequence: sequence(entry.seq) };
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
  `id: ${entry.seq}\nevent: ${isVoid(entry) ? 'void' : entry.type}\ndata: ${JSON.stringify(eventOf(entry))}\n\n`;

/** A reader who is this far behind is let go: it can resume. */
const QUEUED = 1000;
/** A reader who is this far behind is spared what is only shown: it is not kept for anybody. */
const SHOWN = 32;
const HEARTBEAT_MS = 15_000;

export type Reading = {
  readonly shard: number;
  readonly run: string;
  /** The position of the last fact that the reader knows. */
  readonly lastSeq: number;
  /** Whether the pieces are wanted that are shown of what the run is making. */
  readonly tokens: boolean;
  /** Ends every stream, with the process. */
  readonly closing: AbortSignal;
};

/** Server-sent events of one run, until it is over or the reader has gone. */
export function streamOf(door: Door, reading: Reading): Response {
  let stop = (): void => {};
  const start = async (controller: ReadableStreamDefaultController<Uint8Array>): Promise<void> => {
    const opened = tell(door, reading, controller);
    stop = opened.stop;
    await opened.caughtUp().catch((error: Error) => {
      opened.stop();
      throw error;
    });
  };
  const body = new ReadableStream<Uint8Array>({ start, cancel: () => stop() }, { highWaterMark: 0 });
  return new Response(body, { headers: { 'content-type': 'text/event-stream', 'cache-control': 'no-store', 'x-accel-buffering': 'no' } });
}

type Controller = Pick<ReadableStreamDefaultController<Uint8Array>, 'enqueue' | 'close' | 'desiredSize'>;

/** Tells a reader what is said and shown from now on; what was said before, once `caughtUp` is called. */
function tell(door: Door, reading: Reading, controller: Controller): { stop(): void; caughtUp(): Promise<void> } {
  const { shard, run, tokens, closing } = reading;
  const encoder = new TextEncoder();
  let sent = reading.lastSeq;
  let open = true;
  // What is said while the past is being read waits for its turn, so that there is neither a gap nor a repetition.
  let waiting: Entry[] | undefined = [];
  const behind = (): number => -(controller.desiredSize ?? 0);
  const write = (text: string): void => controller.enqueue(encoder.encode(text));
  const end = (): void => {
    stop();
    controller.close();
  };
  const send = (entry: Entry): void => {
    if (!open || entry.seq <= sent) return;
    sent = entry.seq;
    write(frame(entry));
    if (isEnd(entry) || behind() > QUEUED) end();
  };
  const unfollow = door.follow((entry) => {
    if (entry.at.run !== run) return;
    if (waiting === undefined) send(entry);
    else waiting.push(entry);
  });
  const unwatch = tokens
    ? door.watch(run, (shown) => {
        if (waiting === undefined && behind() < SHOWN) write(`event: tokens\ndata: ${JSON.stringify(shown)}\n\n`);
      })
    : () => {};
  const heartbeat = setInterval(() => (behind() > 0 ? undefined : write(': still here\n\n')), HEARTBEAT_MS);
  closing.addEventListener('abort', end, { once: true });
  function stop(): void {
    open = false;
    unfollow();
    unwatch();
    clearInterval(heartbeat);
    closing.removeEventListener('abort', end);
  }
  const caughtUp = async (): Promise<void> => {
    const past = (await door.look(shard, run)).entries();
    const queued = waiting ?? [];
    waiting = undefined;
    for (const entry of [...past, ...queued]) send(entry);
    if (open && past.some(isEnd)) end();
  };
  return { stop, caughtUp };
}
