// Ends a child process when this one goes, however it goes, so that no test or Ctrl-C leaves a server behind.
// (After a SIGKILL nobody can act, but the child's next line of log then meets a closed pipe, which ends it.)
import type { ChildProcess } from 'node:child_process';

const signals = ['SIGINT', 'SIGTERM', 'SIGHUP'] as const;
const leashed = new Set<ChildProcess>();

export function leash(child: ChildProcess): void {
  if (leashed.size === 0) watch();
  leashed.add(child);
  child.once('exit', () => {
    leashed.delete(child);
    if (leashed.size === 0) unwatch();
  });
}

function endAll(): void {
  for (const child of leashed) child.kill('SIGTERM');
}

/** A signal that nobody else handles would end this process without its exit event. Whoever handles it decides alone when to stop. */
function onSignal(signal: NodeJS.Signals): void {
  if (process.listenerCount(signal) > 1) return;
  endAll();
  unwatch();
  process.kill(process.pid, signal);
}

function watch(): void {
  process.on('exit', endAll);
  // First in line: a listener that handles a signal once is gone from the count after its turn.
  for (const signal of signals) process.prependListener(signal, onSignal);
}

function unwatch(): void {
  process.off('exit', endAll);
  for (const signal of signals) process.off(signal, onSignal);
}
