/** Finds what was probably meant, for messages about a name that is not known. */
import leven from 'leven';

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
    const edits = leven(word.toLowerCase(), name.toLowerCase(), { maxDistance: bestEdits });
    if (edits < bestEdits && edits < Math.max(word.length, name.length)) [best, bestEdits] = [name, edits];
  }
  return best;
}
