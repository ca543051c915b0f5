/** What will happen in the simulator, by virtual time; at the same time, in the order in which it was entered. A binary heap. */

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
  const heap: Entry[] = [];
  let nowMs = startMs;
  let order = 0;

  const before = (a: Entry, b: Entry): boolean => a.atMs < b.atMs || (a.atMs === b.atMs && a.order < b.order);

  function push(entry: Entry): void {
    let i = heap.push(entry) - 1;
    for (let parent = (i - 1) >> 1; i > 0 && before(entry, heap[parent] as Entry); i = parent, parent = (i - 1) >> 1)
      heap[i] = heap[parent] as Entry;
    heap[i] = entry;
  }

  function pop(): Entry | undefined {
    const first = heap[0];
    const last = heap.pop();
    if (first === undefined || last === undefined || first === last) return first;
    let i = 0;
    for (;;) {
      let child = 2 * i + 1;
      if (child >= heap.length) break;
      if (child + 1 < heap.length && before(heap[child + 1] as Entry, heap[child] as Entry)) child += 1;
      if (!before(heap[child] as Entry, last)) break;
      heap[i] = heap[child] as Entry;
      i = child;
    }
    heap[i] = last;
    return first;
  }

  return {
    now: () => nowMs,
    later: (ms, go, task) => {
      const entry: Entry = { atMs: nowMs + Math.max(ms, 0), order: order++, off: false, go, task };
      push(entry);
      return entry;
    },
    next: () => {
      for (let entry = pop(); entry !== undefined; entry = pop()) {
        const { off, task } = entry;
        if (off || task?.dead) continue;
        if (task !== undefined && task.frozenUntilMs > entry.atMs) {
          entry.atMs = task.frozenUntilMs;
          entry.order = order++;
          push(entry);
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
