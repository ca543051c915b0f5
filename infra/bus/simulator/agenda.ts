/** What will happen in the simulator, by virtual time; at the same time, in the order in which it was entered. */
import TinyQueue from 'tinyqueue';

/** Something that somebody does. Nothing more is done by the dead, and by the frozen not before they thaw. */
export type Task = { readonly name: string; readonly frail: boolean; dead: boolean; frozenUntilMs: number };

export type Entry = { atMs: number; order: number; off: boolean; readonly go: () => void; readonly task: Task | undefined };

export type Agenda = {
  /** @param ms from now. Set `off` of what is returned to take it back. */
  later(ms: number, go: () => void, task?: Task): Entry;
  /** Lets the next thing happen. @returns false when there is nothing left. */
  next(): boolean;
  now(): number;
};

export function openAgenda(startMs: number): Agenda {
  const queue = new TinyQueue<Entry>([], (a, b) => a.atMs - b.atMs || a.order - b.order);
  let nowMs = startMs;
  let order = 0;
  return {
    now: () => nowMs,
    later: (ms, go, task) => {
      const entry: Entry = { atMs: nowMs + Math.max(ms, 0), order: order++, off: false, go, task };
      queue.push(entry);
      return entry;
    },
    next: () => {
      for (let entry = queue.pop(); entry !== undefined; entry = queue.pop()) {
        const { off, task } = entry;
        if (off || task?.dead) continue;
        if (task !== undefined && task.frozenUntilMs > entry.atMs) {
          entry.atMs = task.frozenUntilMs;
          entry.order = order++;
          queue.push(entry);
          continue;
        }
        nowMs = entry.atMs;
        entry.go();
        return true;
      }
      return false;
    },
  };
}
