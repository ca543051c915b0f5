/** Long computations give way to the rest of the process, and to each other. */

let last: Promise<void> = Promise.resolve();
let waiting = 0;

/** Resolves when the event loop has been round once, and every earlier caller has had a turn. */
export function nextTurn(): Promise<void> {
  waiting += 1;
  last = last
    .then(() => new Promise<void>((resolve) => setImmediate(resolve)))
    .then(() => {
      waiting -= 1;
    });
  return last;
}

/** True while a computation waits for its turn. */
export const isTurnAwaited = (): boolean => waiting > 0;
