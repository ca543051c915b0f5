/** The thread of watchdog.ts. It counts its own ticks: while the whole process is stopped or the machine sleeps, it does not tick either. */
import { workerData } from 'node:worker_threads';
import { BUSY, begunLast, lastWords, STOOD_STILL, TOOK_MEMORY, TURNS, type Watched } from './watchdog.ts';

const watched = workerData as Watched;
const { words, stillMs, busyMs, maxBytes = Number.POSITIVE_INFINITY } = watched;
const TICK_MS = 250;

let seen = Atomics.load(words, TURNS);
let stillTicks = 0;
let used = process.cpuUsage();
setInterval(() => {
  const turns = Atomics.load(words, TURNS);
  if (turns !== seen) used = process.cpuUsage();
  stillTicks = turns === seen ? stillTicks + 1 : 0;
  seen = turns;
  // On a machine that is overloaded a process that only waits for its share does not turn either: what it has computed tells them apart.
  const { user, system } = process.cpuUsage(used);
  const computedMs = stillTicks === 0 ? 0 : (user + system) / 1000;
  if (computedMs > stillMs && words[BUSY] !== 1)
    end(STOOD_STILL, `It has computed for ${stillMs / 1000} s without a turn of its event loop`);
  if (stillTicks * TICK_MS > busyMs) end(STOOD_STILL, `Its event loop has stood still for ${busyMs / 1000} s`);
  if (process.memoryUsage.rss() > maxBytes) end(TOOK_MEMORY, `It took more than ${Math.round(maxBytes / 2 ** 20)} MiB of memory`);
}, TICK_MS);

/** The main thread cannot do this any more. Its work is delivered again. */
function end(signal: NodeJS.Signals, why: string): void {
  lastWords(`Process ${process.pid} is ended (${signal}). ${why}. Begun last: ${begunLast(watched) ?? 'nothing that is noted'}`);
  process.kill(process.pid, signal);
}
