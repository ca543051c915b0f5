/** Checks of a body before its shape is checked: size, depth, and JSON syntax. Pure. */
import { pathText } from '@reel/contracts/workflow/place.ts';
import { oversized } from '@reel/contracts/workflow/source.ts';
import { HttpProblem } from './problems.ts';

/** The limit of a request body, in bytes. */
export const BODY_BYTES = 1_048_576;
/** Deeper than people write, and far below the limit of recursion. */
const DEEPEST = 200;

const NOT_JSON = 'The body is not JSON';

/** @param bytes undefined when the size is unknown. */
export const tooLarge = (bytes?: number): HttpProblem =>
  new HttpProblem(
    413,
    'too-large',
    'The request is too large',
    `the body ${bytes === undefined ? 'is longer, and' : `has ${bytes} bytes and`} may have ${BODY_BYTES} bytes: pass a reference instead`,
    [{ path: 'body', message: `${bytes === undefined ? '' : `has ${bytes} bytes and `}may have ${BODY_BYTES} bytes` }],
  );

const utf8 = new TextDecoder('utf-8', { fatal: true });

/** The text of a body. @throws HttpProblem when it is not UTF-8; other encodings are not guessed. */
export function textIn(body: ArrayBuffer): string {
  try {
    return utf8.decode(body);
  } catch {
    throw new HttpProblem(400, 'invalid-json', NOT_JSON, 'it is not UTF-8: send a JSON object in UTF-8', [
      { path: 'body', message: 'has to be UTF-8' },
    ]);
  }
}

/** @throws HttpProblem when lists and objects are nested too deeply to be checked. */
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
        `its lists and objects go deeper than ${DEEPEST} levels: flatten them, or pass them as text`,
        [{ path: 'body', message: `may be nested ${DEEPEST} levels deep` }],
      );
  }
}

/** A shorter body, in characters, cannot have too many members. */
const NARROW = 16_384;

/** @throws HttpProblem when its workflow has so many members that listing every error would take long. */
export function checkWidth(text: string): void {
  if (text.length < NARROW) return;
  let body: unknown;
  try {
    body = JSON.parse(text);
  } catch {
    // The parser reports this later.
    return;
  }
  const found = oversized((body as { workflow?: unknown } | null)?.workflow);
  if (found === undefined) return;
  const path = ['body.workflow', pathText(found.path)].filter((part) => part !== '').join('.');
  throw new HttpProblem(422, 'invalid-workflow', 'The workflow is too large', `${path}: ${found.message}`, [
    { path, message: found.message },
  ]);
}

/** Why the text is not JSON, in the parser's words, and what was expected. */
export function notJson(text: string): HttpProblem {
  const why = text.trim() === '' ? 'it is empty' : whyNot(text);
  return new HttpProblem(400, 'invalid-json', NOT_JSON, `${why}; send a JSON object`, [{ path: 'body', message: why }]);
}

function whyNot(text: string): string {
  try {
    JSON.parse(text);
    return 'it cannot be read';
  } catch (error) {
    return (error as Error).message.replace(/\s+/g, ' ');
  }
}
