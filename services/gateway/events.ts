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
const HEARTBEAT_MS = 15_000;

/** Server-sent events of one run from after `lastSeq`, until the run is over. `closing` ends it with the process. */
export function streamOf(door: Door, shard: number, run: string, lastSeq: number, closing: AbortSignal): Response {
  const encoder = new TextEncoder();
  let stop = (): void => {};
  const body = new ReadableStream<Uint8Array>(
    {
      start: async (controller) => {
        let sent = lastSeq;
        let waiting: Entry[] | undefined = [];
        const end = (): void => {
          stop();
          controller.close();
        };
        const send = (entry: Entry): void => {
          if (entry.seq <= sent) return;
          sent = entry.seq;
          controller.enqueue(encoder.encode(frame(entry)));
          if (isEnd(entry) || (controller.desiredSize ?? 0) < -QUEUED) end();
        };
        // What is said while the past is being read waits for its turn, so that there is neither a gap nor a repetition.
        const unfollow = door.follow((entry) => {
          if (entry.at.run !== run) return;
          if (waiting === undefined) send(entry);
          else waiting.push(entry);
        });
        const heartbeat = setInterval(() => controller.enqueue(encoder.encode(': still here\n\n')), HEARTBEAT_MS);
        closing.addEventListener('abort', end, { once: true });
        let open = true;
        stop = () => {
          open = false;
          unfollow();
          clearInterval(heartbeat);
          closing.removeEventListener('abort', end);
        };
        const past = (await door.look(shard, run)).entries();
        const queued = waiting;
        waiting = undefined;
        for (const entry of [...past, ...queued]) if (open) send(entry);
        if (open && past.some(isEnd)) end();
      },
      cancel: () => stop(),
    },
    { highWaterMark: 0 },
  );
  return new Response(body, { headers: { 'content-type': 'text/event-stream', 'cache-control': 'no-store', 'x-accel-buffering': 'no' } });
}
