/** How large values are when they are written out: what they share counts as often as it is written. */

/**
 * True for a value of which more than `most` characters would be written, as JSON. It stops counting there, so that it never takes longer
 * than reading as much. Escapes are not counted: what it calls small enough may have up to six times as many bytes.
 */
export function isLongerThan(value: unknown, most: number): boolean {
  let left = most;
  // Whatever is nested deeper than the stack allows is larger than any limit that is asked for.
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
