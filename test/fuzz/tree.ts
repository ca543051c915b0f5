/**
 * JSON read independently of what is tried: numbers as they are written, texts as their code units, nothing rounded, dropped or renamed. And
 * whether what a fact holds is what was sent.
 */
import assert from 'node:assert/strict';

export type Tree =
  | { readonly is: 'word'; readonly text: string }
  | { readonly is: 'number'; readonly text: string }
  | { readonly is: 'text'; readonly text: string }
  | { readonly is: 'list'; readonly items: readonly Tree[] }
  | { readonly is: 'object'; readonly members: ReadonlyMap<string, Tree> };

export const NULL: Tree = { is: 'word', text: 'null' };
export const textTree = (text: string): Tree => ({ is: 'text', text });
export const objectTree = (members: { readonly [name: string]: Tree }): Tree => ({
  is: 'object',
  members: new Map(Object.entries(members)),
});

const ESCAPES: { readonly [letter: string]: string } = { b: '\b', f: '\f', n: '\n', r: '\r', t: '\t', '"': '"', '\\': '\\', '/': '/' };
const NUMBER = /-?(?:0|[1-9]\d*)(?:\.\d+)?(?:[eE][+-]?\d+)?/y;

/** What a JSON text means; undefined when it is none. */
export function treeOf(text: string): Tree | undefined {
  try {
    return read(text);
  } catch {
    return undefined;
  }
}

function read(text: string): Tree {
  let place = 0;
  const fail = (): never => {
    throw new Error(`no JSON at ${place}`);
  };
  const blank = (): void => {
    while (' \t\r\n'.includes(text[place] ?? 'x')) place += 1;
  };
  const take = (letter: string): boolean => {
    blank();
    if (text[place] !== letter) return false;
    place += 1;
    return true;
  };
  const string = (): string => {
    let out = '';
    for (place += 1; text[place] !== '"'; place += 1) {
      const letter = text[place] ?? fail();
      if (letter < ' ') fail();
      if (letter !== '\\') out += letter;
      else {
        place += 1;
        const escaped = text[place] ?? fail();
        const four = /^[0-9a-fA-F]{4}/.exec(text.slice(place + 1, place + 5));
        out += escaped === 'u' && four !== null ? String.fromCharCode(Number.parseInt(four[0], 16)) : (ESCAPES[escaped] ?? fail());
        if (escaped === 'u') place += 4;
      }
    }
    place += 1;
    return out;
  };
  const list = (): Tree => {
    const items: Tree[] = [];
    if (take(']')) return { is: 'list', items };
    do items.push(value());
    while (take(','));
    return take(']') ? { is: 'list', items } : fail();
  };
  const object = (): Tree => {
    const members = new Map<string, Tree>();
    if (take('}')) return { is: 'object', members };
    do {
      blank();
      if (text[place] !== '"') fail();
      const name = string();
      if (!take(':')) fail();
      members.set(name, value());
    } while (take(','));
    return take('}') ? { is: 'object', members } : fail();
  };
  function value(): Tree {
    if (take('[')) return list();
    if (take('{')) return object();
    if (text[place] === '"') return textTree(string());
    for (const word of ['null', 'true', 'false']) {
      if (!text.startsWith(word, place)) continue;
      place += word.length;
      return { is: 'word', text: word };
    }
    NUMBER.lastIndex = place;
    const number = NUMBER.exec(text)?.[0] ?? fail();
    place += number.length;
    return { is: 'number', text: number };
  }
  const whole = value();
  blank();
  return place === text.length ? whole : fail();
}

/** The size of a number: its digits without zeros around them, and the power of ten. A zero has no sign: facts store `-0` as `0`. */
function sizeOf(text: string): string {
  const [, sign, whole = '', fraction = '', power = '0'] = /^(-?)(\d+)(?:\.(\d+))?(?:[eE]([+-]?\d+))?$/.exec(text) ?? assert.fail(text);
  let digits = (whole + fraction).replace(/^0+/, '');
  let exponent = BigInt(power) - BigInt(fraction.length);
  if (digits === '') return '0';
  for (; digits.endsWith('0'); digits = digits.slice(0, -1)) exponent += 1n;
  return `${sign}${digits}e${exponent}`;
}

/** True when a double says the same number again. */
export const isCarried = (text: string): boolean => Number.isFinite(Number(text)) && sizeOf(String(Number(text))) === sizeOf(text);

/** Where what was stored is not what was sent, and how; undefined when it is. */
export function difference(sent: Tree, stored: Tree, path = ''): string | undefined {
  const wrong = `${path || '/'}: sent ${shown(sent)}, stored ${shown(stored)}`;
  if (sent.is === 'number') {
    if (isCarried(sent.text)) return stored.is === 'number' && sizeOf(stored.text) === sizeOf(sent.text) ? undefined : wrong;
    return stored.is === 'text' && stored.text === sent.text ? undefined : wrong;
  }
  if (sent.is === 'list') {
    if (stored.is !== 'list' || stored.items.length !== sent.items.length) return wrong;
    return firstOf(sent.items.map((one, index) => () => difference(one, stored.items[index] as Tree, `${path}/${index}`)));
  }
  if (sent.is === 'object') {
    if (stored.is !== 'object' || stored.members.size !== sent.members.size) return wrong;
    return firstOf(
      [...sent.members].map(([name, one]) => () => {
        const there = stored.members.get(name);
        return there === undefined ? `${path}: ${JSON.stringify(name)} is lost` : difference(one, there, `${path}/${name}`);
      }),
    );
  }
  return stored.is === sent.is && stored.text === sent.text ? undefined : wrong;
}

function firstOf(checks: readonly (() => string | undefined)[]): string | undefined {
  for (const check of checks) {
    const found = check();
    if (found !== undefined) return found;
  }
  return undefined;
}

const shown = (tree: Tree): string => ('text' in tree ? `${tree.is} ${JSON.stringify(tree.text)}` : tree.is).slice(0, 200);

/** How many lists and objects stand within each other. */
export function depthOf(tree: Tree): number {
  let depth = 0;
  for (let level: readonly Tree[] = [tree]; ; depth += 1) {
    const around = level.filter(({ is }) => is === 'list' || is === 'object');
    if (around.length === 0) return depth;
    level = around.flatMap((one) => (one.is === 'list' ? one.items : one.is === 'object' ? [...one.members.values()] : []));
  }
}
