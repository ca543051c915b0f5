/** JSON from outside, read without trust: a value that is nested too deeply would overflow the stack of its readers. Pure. */
import { parseJson } from '@reel/contracts/exact-json.ts';

/** Levels of lists and objects that a fact may have: far more than people and tools write, and far from where recursion ends. */
export const DEEPEST = 500;

/** True for a text whose lists and objects go deeper than `most` levels. */
export function isTooDeep(text: string, most = DEEPEST): boolean {
  // As many levels take twice as many letters, and most facts are shorter.
  if (text.length <= 2 * most) return false;
  let depth = 0;
  let quoted = false;
  for (let place = 0; place < text.length; place += 1) {
    const letter = text.charCodeAt(place);
    if (letter === QUOTE) quoted = !quoted;
    else if (quoted) place += letter === BACKSLASH ? 1 : 0;
    else if (letter === LIST || letter === OBJECT) depth += 1;
    else if (letter === LIST_END || letter === OBJECT_END) depth -= 1;
    if (depth > most) return true;
  }
  return false;
}

/** Numbers that no double carries are texts of their digits. @throws Error when it is not JSON, or nested deeper than `DEEPEST`. */
export function readJson(text: string): unknown {
  if (isTooDeep(text)) throw new Error(`its lists and objects go deeper than ${DEEPEST} levels`);
  return parseJson(text);
}

const [QUOTE, BACKSLASH, LIST, LIST_END, OBJECT, OBJECT_END] = ['"', '\\', '[', ']', '{', '}'].map((letter) => letter.charCodeAt(0));
