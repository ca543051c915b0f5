/**
 * Deliveries share the event loop fairly. What is read of a run is mostly at hand, so a hundred deliveries could be handled one after
 * another without the loop going round once, and a question over HTTP would wait for all of them.
 */
import { nextTurn } from '@reel/contracts/event-loop.ts';

/** A turn of the event loop that has lasted so long takes up no more deliveries. */
const LONG_MS = 10;

let beganMs: number | undefined;
let last: Promise<void> = Promise.resolve();

/**
 * Resolves at once in a turn of the event loop that has just begun, and otherwise in a turn that has room. Callers are let through one
 * after another: the next is looked at when the one before has done what it does without waiting.
 */
export function fairly(): Promise<void> {
  last = last.then(room);
  return last;
}

async function room(): Promise<void> {
  while (beganMs !== undefined && performance.now() - beganMs > LONG_MS) await nextTurn();
  if (beganMs !== undefined) return;
  beganMs = performance.now();
  setImmediate(() => {
    beganMs = undefined;
  });
}
