/** Finds what was probably meant, for messages about a name that nobody knows. */

/** `; did you mean "search"?`, or nothing when no name is near. */
export function didYouMean(word: string, names: Iterable<string>): string {
  const name = nearest(word, names);
  return name === undefined ? '' : `; did you mean "${name}"?`;
}

/** A longer word is no misspelt name, and among more names than these none is looked for: both in number, so that every reader is told the same. */
const LONGEST = 64;
const MOST = 1_000;

/** The name with the fewest edits from `word`, if they are few for its length. */
export function nearest(word: string, names: Iterable<string>): string | undefined {
  if (word.length > LONGEST) return undefined;
  let best: string | undefined;
  let bestEdits = Math.max(2, Math.floor(word.length / 3)) + 1;
  let looked = 0;
  for (const name of names) {
    if (name === '' || Math.abs(name.length - word.length) >= bestEdits) continue;
    looked += 1;
    if (looked > MOST) break;
    const edits = distance(word.toLowerCase(), name.toLowerCase());
    if (edits < bestEdits && edits < Math.max(word.length, name.length)) [best, bestEdits] = [name, edits];
  }
  return best;
}

/** Edits from one to the other, a swap of neighbours counting as one. */
function distance(a: string, b: string): number {
  let beforeLast: number[] = [];
  let last = Array.from({ length: b.length + 1 }, (_, j) => j);
  for (let i = 1; i <= a.length; i++) {
    const row = [i];
    for (let j = 1; j <= b.length; j++) {
      const same = a[i - 1] === b[j - 1];
      let edits = Math.min((last[j] as number) + 1, (row[j - 1] as number) + 1, (last[j - 1] as number) + (same ? 0 : 1));
      if (i > 1 && j > 1 && a[i - 1] === b[j - 2] && a[i - 2] === b[j - 1]) edits = Math.min(edits, (beforeLast[j - 2] as number) + 1);
      row.push(edits);
    }
    [beforeLast, last] = [last, row];
  }
  return last[b.length] as number;
}
