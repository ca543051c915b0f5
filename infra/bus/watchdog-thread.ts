/** The thread of watchdog.ts. It counts its own ticks: while the whole process is stopped or the machine sleeps, it does not tick either. */
import { writeSync } from 'node:fs';
import { workerData } from 'node:worker_threads';
import { BUSY, begunLast, STOOD_STILL, TOOK_MEMORY, TURNS, type Watched } from './watchdog.ts';

const watched = workerData as Watched;
const { words, stillMs, busyMs, maxBytes = Number.POSITIVE_INFINITY } = watched;
const TICK_MS = 250;

let seen = Atomics.load(words, TURNS);
let stillTicks = 0;
setInterval(() => {
  const turns = Atomics.load(words, TURNS);
  stillTicks = turns === seen ? stillTicks + 1 : 0;
  seen = turns;
  const limitMs = words[BUSY] === 1 ? busyMs : stillMs;
  if (stillTicks * TICK_MS > limitMs) end(STOOD_STILL, `Its event loop has stood still for ${limitMs / 1000} s`);
  if (process.memoryUsage.rss() > maxBytes) end(TOOK_MEMORY, `It took more than ${Math.round(maxBytes / 2 ** 20)} MiB of memory`);
}, TICK_MS);

/** Nothing in the process can be asked to do this: whatever it was doing is delivered again. */
function end(signal: NodeJS.Signals, why: string): void {
  writeSync(2, `Process ${process.pid} is ended (${signal}). ${why}. Begun last: ${begunLast(watched) ?? 'nothing that is noted'}\n`);
  process.kill(process.pid, signal);
}
