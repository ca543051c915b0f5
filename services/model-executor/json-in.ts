/** JSON in what a model says: alone, in a fence, or somewhere in its prose. */
import type { Json } from '@reel/contracts/envelope.ts';
import { parseJson } from '@reel/contracts/exact-json.ts';

/** So many beginnings are tried. */
const MOST = 64;

/** Every value that may be meant, the likeliest first. */
export function* jsonIn(text: string): Generator<Json, void, undefined> {
  const whole = parsed(text.trim());
  if (whole !== undefined) return yield whole;
  let prose = text;
  for (const [fence, inside = ''] of text.matchAll(/```[A-Za-z0-9_-]*[^\S\n]*\n([\s\S]*?)\n?[^\S\n]*```/g)) {
    const value = parsed(inside.trim());
    if (value === undefined) continue;
    yield value;
    // It was looked at whole: what stands within it, or in a text of it, is a part.
    prose = prose.replace(fence, () => '');
  }
  yield* jsonInProse(prose);
}

function* jsonInProse(text: string): Generator<Json, void, undefined> {
  let from = 0;
  for (let tries = 0; tries < MOST; tries += 1) {
    const begin = from + text.slice(from).search(/[{[]/);
    if (begin < from) return;
    const end = endOf(text, begin);
    // What stands within brackets is a part: of what is not whole, or no JSON, none is taken for the answer.
    if (end === undefined && BEGUN.test(text.slice(begin))) return;
    const value = end === undefined ? undefined : parsed(text.slice(begin, end));
    if (value !== undefined) yield value;
    from = end ?? begin + 1;
  }
}

/** As JSON begins; a bracket in prose has something else after it. */
const BEGUN = /^(?:\{\s*["}]?|\[\s*(?:["{[\]\d-]|true|false|null)?)\s*$|^\{\s*["}]|^\[\s*(?:["{[\]\d-]|true|false|null)/;

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
