/** JSON in what a model says: alone, in a fence, or somewhere in its prose. */
import type { Json } from '@reel/contracts/envelope.ts';
import { parseJson } from '@reel/contracts/exact-json.ts';

/** So many beginnings are tried. */
const MOST = 64;

/** Every value that may be meant, the likeliest first. */
export function* jsonIn(text: string): Generator<Json, void, undefined> {
  const whole = parsed(text.trim());
  if (whole !== undefined) return yield whole;
  for (const [, inside = ''] of text.matchAll(/```[A-Za-z0-9_-]*[^\S\n]*\n([\s\S]*?)\n?[^\S\n]*```/g)) {
    const value = parsed(inside.trim());
    if (value !== undefined) yield value;
  }
  let tries = 0;
  for (let from = 0; tries < MOST; tries += 1) {
    const begin = text.slice(from).search(/[{[]/);
    if (begin < 0) return;
    const end = endOf(text, from + begin);
    const value = end === undefined ? undefined : parsed(text.slice(from + begin, end));
    if (value !== undefined) yield value;
    from = value === undefined ? from + begin + 1 : (end as number);
  }
}

function parsed(text: string): Json | undefined {
  try {
    return parseJson(text);
  } catch {
    return undefined;
  }
}

/** The place after the bracket that closes the one at `begin`. */
function endOf(text: string, begin: number): number | undefined {
  let depth = 0;
  let isQuoted = false;
  for (let at = begin; at < text.length; at += 1) {
    const one = text[at] as string;
    if (isQuoted) {
      if (one === '\\') at += 1;
      else if (one === '"') isQuoted = false;
    } else if (one === '"') isQuoted = true;
    else if (one === '{' || one === '[') depth += 1;
    else if (one === '}' || one === ']') {
      depth -= 1;
      if (depth === 0) return at + 1;
    }
  }
  return undefined;
}
