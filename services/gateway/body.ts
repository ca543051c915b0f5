/** What is looked at before a body is read as what it is to be: how large it is, how deep, and whether it is JSON. Pure. */
import { HttpProblem } from './problems.ts';

/** Bytes that a request may have. */
export const BODY_BYTES = 1_048_576;
/** Deeper than people write, and far from where recursion ends. */
const DEEPEST = 200;

/** @param bytes undefined when nobody counted them. */
export const tooLarge = (bytes?: number): HttpProblem =>
  new HttpProblem(
    413,
    'too-large',
    'The request is too large',
    `the body ${bytes === undefined ? 'goes on, and' : `has ${bytes} bytes and`} may have ${BODY_BYTES} bytes: pass on a reference instead`,
  );

/** @throws HttpProblem when lists and objects are nested too deeply to be looked through. */
export function checkDepth(text: string): void {
  let depth = 0;
  let quoted = false;
  for (let place = 0; place < text.length; place += 1) {
    const letter = text[place];
    if (letter === '"') quoted = !quoted;
    else if (quoted) place += letter === '\\' ? 1 : 0;
    else if (letter === '[' || letter === '{') depth += 1;
    else if (letter === ']' || letter === '}') depth -= 1;
    if (depth > DEEPEST)
      throw new HttpProblem(
        400,
        'too-deep',
        'The body is nested too deeply',
        `its lists and objects go deeper than ${DEEPEST} levels: flatten them, or pass them on as text`,
      );
  }
}

/** Why the text is not JSON, in the parser's words, and what was expected. */
export function notJson(text: string): HttpProblem {
  const title = 'The body is not JSON';
  if (text.trim() === '') return new HttpProblem(400, 'invalid-json', title, 'it is empty: send a JSON object');
  return new HttpProblem(400, 'invalid-json', title, `${whyNot(text)}; send a JSON object`);
}

function whyNot(text: string): string {
  try {
    JSON.parse(text);
    return 'it cannot be read';
  } catch (error) {
    return (error as Error).message.replace(/\s+/g, ' ');
  }
}
