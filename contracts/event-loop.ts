/** Long computations take turns with everything else that the process does, and with each other. */

let last: Promise<void> = Promise.resolve();

/** Resolves when the event loop has been round, and whoever waits already has had a turn of their own. */
export function nextTurn(): Promise<void> {
  last = last.then(() => new Promise((resolve) => setImmediate(resolve)));
  return last;
}
