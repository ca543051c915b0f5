/** A number of places, and a queue before them: how many calls a tool is given at a time. */

export type Semaphore = {
  readonly limit: number;
  /** Waits for a place, first come, first served. @returns how to leave it. @throws the signal's reason when it aborts first. */
  take(signal: AbortSignal): Promise<() => void>;
};

export function semaphore(limit: number): Semaphore {
  let free = limit;
  const queue = new Set<() => void>();
  const leave = (): void => {
    const [next] = queue;
    if (next === undefined) free += 1;
    else next();
  };
  return {
    limit,
    async take(signal) {
      signal.throwIfAborted();
      if (free > 0) free -= 1;
      else await turnIn(queue, signal);
      let left = false;
      return () => {
        if (!left) leave();
        left = true;
      };
    },
  };
}

function turnIn(queue: Set<() => void>, signal: AbortSignal): Promise<void> {
  return new Promise((resolve, reject) => {
    const enter = (): void => {
      queue.delete(enter);
      signal.removeEventListener('abort', giveUp);
      resolve();
    };
    const giveUp = (): void => {
      queue.delete(enter);
      reject(signal.reason);
    };
    queue.add(enter);
    signal.addEventListener('abort', giveUp, { once: true });
  });
}
