/** The size of values when they are written as JSON. A shared part counts each time it is written. */

/**
 * True when a value takes more than `most` characters as JSON. Counting stops there, so the cost is bounded by `most`. Escapes are not
 * counted: a value within the limit may have up to six times as many bytes.
 */
export function isLongerThan(value: unknown, most: number): boolean {
  let left = most;
  // A list instead of recursion, since values may be nested deeper than the stack allows.
  const waiting: unknown[] = [value];
  while (waiting.length > 0) {
    const next = waiting.pop();
    if (typeof next === 'string') left -= next.length + 2;
    else if (typeof next !== 'object' || next === null) left -= 1;
    else if (Array.isArray(next)) {
      left -= 1 + next.length;
      if (left >= 0) for (const element of next) waiting.push(element);
    } else {
      for (const key in next) {
        left -= key.length + 4;
        if (left < 0) return true;
        waiting.push((next as { [key: string]: unknown })[key]);
      }
      left -= 1;
    }
    if (left < 0) return true;
  }
  return false;
}
