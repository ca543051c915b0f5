/** Those who follow the log: each run comes to them in order, large values included. */

import type { Entry } from '../history.ts';
import type { Raw } from '../log.ts';
import { mayHaveBlobs } from '../runtime/large-values.ts';

export type Listeners = {
  readonly any: boolean;
  /** @returns how to stop. */
  add(listener: (entry: Entry) => void): () => void;
  /** Tells what was heard. `plain`: the entry, where it needs no large value; `complete`: what it is with them, in time. */
  tell(raw: Raw, plain: () => Entry | undefined, complete: () => Promise<Entry | undefined>): void;
};

export function openListeners(): Listeners {
  const listeners = new Set<(entry: Entry) => void>();
  /** By run, what is told of it next. */
  const telling = new Map<string, Promise<void>>();
  const announce = (entry: Entry | undefined): void => {
    if (entry !== undefined) for (const listener of listeners) listener(entry);
  };
  return {
    get any() {
      return listeners.size > 0;
    },
    add: (listener) => {
      listeners.add(listener);
      return () => listeners.delete(listener);
    },
    // A large value holds up what follows it in its run, and no other run.
    tell: (raw, plain, complete) => {
      const run = raw.subject.split('.')[2] as string;
      const now = (): Promise<void> | undefined => {
        if (mayHaveBlobs(raw.body)) return complete().then(announce);
        announce(plain());
        return undefined;
      };
      const before = telling.get(run);
      const current = before === undefined ? now() : before.then(now);
      if (current === undefined) return;
      telling.set(run, current);
      void current.then(() => {
        if (telling.get(run) === current) telling.delete(run);
      });
    },
  };
}
