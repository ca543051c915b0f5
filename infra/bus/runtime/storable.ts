/** What a fact can carry of what a performer gives. Pure. */
import type { Json, Problem } from '@reel/contracts/envelope.ts';
import { DEEPEST, isTooDeep } from './json.ts';
import { MAX_BYTES } from './large-values.ts';

/** The fact and its data stand around a result. */
const DEEPEST_RESULT = DEEPEST - 2;

/** Why no fact can carry a result, if none can. It is not repeated either. */
export function unsayable(output: Json): Problem | undefined {
  const result = writtenOut(output);
  if (result === undefined || isTooDeep(result, DEEPEST_RESULT)) {
    const message = `the result is nested deeper than ${DEEPEST_RESULT} levels: flatten it`;
    return { code: 'result-too-deep', message, retryable: false };
  }
  const bytes = Buffer.byteLength(result);
  if (bytes <= MAX_BYTES) return undefined;
  const message = `the result has ${bytes} bytes, the limit is ${MAX_BYTES}: return a reference to it`;
  return { code: 'result-too-large', message, retryable: false };
}

/** Undefined for what is nested deeper than the stack. */
function writtenOut(output: Json): string | undefined {
  try {
    return JSON.stringify(output) ?? 'null';
  } catch (error) {
    if (error instanceof RangeError) return undefined;
    throw error;
  }
}
