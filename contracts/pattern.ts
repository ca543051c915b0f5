/**
 * Regular expressions that others wrote: read as ECMAScript, and matched in a time that grows with the text only (RE2). Every pattern in
 * an expression, a schema or a scenario goes through here; `RegExp` would let a few characters of theirs stop the process.
 */
import { type AST, RegExpParser, visitRegExpAST } from '@eslint-community/regexpp';
import { RE2JS } from 're2js';

/** A pattern that cannot be used; the message names the pattern and says what to do. */
export class PatternError extends Error {}

/** What was found. `groups` by number, from 1; a group that took no part is undefined. Places count as those of a string do. */
export type Match = {
  readonly text: string;
  readonly index: number;
  readonly end: number;
  readonly groups: readonly (string | undefined)[];
  readonly named: { readonly [name: string]: string | undefined };
};

export type Pattern = {
  /** As it was written. */
  readonly source: string;
  /** Steps that a text of this length costs at most; thirty million are about a second. */
  work(characters: number): number;
  test(text: string): boolean;
  /** The first match at or after a place. */
  exec(text: string, from?: number): Match | undefined;
};

/** A longer pattern, in characters, is refused, as is one whose repetitions multiply to more instructions. */
const LONGEST = 4_096;
const LARGEST = 2_500;
/** Levels of groups within groups. */
const DEEPEST = 100;
/** RE2 repeats a thing this often at most; more is written as one repetition after the other. */
const REPEATS = 1_000;

const KEPT = 2_000;
const known = new Map<string, Pattern>();

/**
 * The pattern, ready to be searched for. It is read with the flag `u`, and without it when it is not valid with it. Flags: `i`, `m`, `s`.
 * @throws PatternError for what cannot be matched in linear time (look-around, back-references), is too large, or is no pattern.
 */
export function patternOf(source: string, flags = ''): Pattern {
  const key = `${flags}/${source}`;
  const pattern = known.get(key) ?? build(source, flags);
  // The least recently used one goes: a Map remembers the order in which its keys were set.
  known.delete(key);
  known.set(key, pattern);
  if (known.size > KEPT) known.delete(known.keys().next().value as string);
  return pattern;
}

function build(source: string, flags: string): Pattern {
  const shown = `the pattern /${source.length > 80 ? `${source.slice(0, 79)}…` : source}/`;
  if (source.length > LONGEST) throw new PatternError(`${shown} has ${source.length} characters, and may have ${LONGEST}: shorten it`);
  const { tree, unicode } = read(source, shown);
  const { instructions, text } = writer(flags, shown)(tree, true, 0);
  if (instructions > LARGEST) {
    throw new PatternError(`${shown} repeats so much that it has ${instructions} steps, and may have ${LARGEST}: allow fewer repetitions`);
  }
  if (!flags.includes('m') && isSimple(tree)) return simple(source, flags + (unicode ? 'u' : ''));
  try {
    return linear(source, RE2JS.compile(text, flags.includes('i') ? RE2JS.CASE_INSENSITIVE : 0));
  } catch (error) {
    throw new PatternError(`${shown} cannot be used: ${(error as Error).message}`);
  }
}

/** The tree of a pattern. @throws PatternError when it is none. */
function read(source: string, shown: string): { tree: AST.Pattern; unicode: boolean } {
  const parse = (unicode: boolean): AST.Pattern =>
    new RegExpParser({ ecmaVersion: 2025 }).parsePattern(source, 0, source.length, { unicode });
  try {
    try {
      return { tree: parse(true), unicode: true };
    } catch (error) {
      if (error instanceof RangeError) throw error;
      return { tree: parse(false), unicode: false };
    }
  } catch (error) {
    const why =
      error instanceof RangeError
        ? 'it is nested too deeply'
        : (error as Error).message.replace(`Invalid regular expression: /${source}/: `, '');
    throw new PatternError(`${shown} is no regular expression: ${why}`);
  }
}

function linear(source: string, engine: RE2JS): Pattern {
  const size = Math.max(8, engine.programSize());
  return {
    source,
    work: (characters) => (characters + 8) * size,
    test: (searched) => engine.test(searched),
    exec: (searched, from = 0) => found(engine, searched, from),
  };
}

function found(engine: RE2JS, text: string, from: number): Match | undefined {
  const matcher = engine.matcher(text);
  if (from > text.length || !matcher.find(from)) return undefined;
  const groups = Array.from({ length: matcher.groupCount() }, (_, index) => matcher.group(index + 1) ?? undefined);
  const named = Object.fromEntries(Object.keys(engine.namedGroups()).map((name) => [name, matcher.group(name) ?? undefined]));
  return { text: matcher.group() ?? '', index: matcher.start(), end: matcher.end(), groups, named };
}

/** A pattern that has no other choice than how long one run of characters is: then JavaScript's own engine is linear, and much faster. */
function isSimple(tree: AST.Pattern): boolean {
  let choices = tree.alternatives.length > 1 ? 1 : 0;
  let isSingle = true;
  const count = (group: { alternatives: readonly AST.Alternative[] }): void => {
    if (group.alternatives.length > 1) choices += 1;
  };
  visitRegExpAST(tree, {
    onGroupEnter: count,
    onCapturingGroupEnter: count,
    onQuantifierEnter: ({ min, max, element }) => {
      if (!['Character', 'CharacterSet', 'CharacterClass'].includes(element.type)) isSingle = false;
      if (min !== max || min > 64) choices += 1;
    },
  });
  if (choices > 1 || !isSingle) return false;
  const first = tree.alternatives[0]?.elements[0];
  // What may begin anywhere is tried everywhere, and so must not take long.
  if (tree.alternatives.length === 1 && first?.type === 'Assertion' && first.kind === 'start') return true;
  return tree.raw.length <= 32 && !/[*+?{]/.test(tree.raw);
}

function simple(source: string, flags: string): Pattern {
  const expression = new RegExp(source, `${flags}g`);
  const at = (text: string, from: number): RegExpExecArray | null => {
    expression.lastIndex = from;
    return expression.exec(text);
  };
  return {
    source,
    work: (characters) => characters + 8,
    test: (text) => at(text, 0) !== null,
    exec: (text, from = 0) => {
      const match = at(text, from);
      if (match === null) return undefined;
      const [whole, ...groups] = match;
      return { text: whole, index: match.index, end: match.index + whole.length, groups, named: { ...match.groups } };
    },
  };
}

type Translated = { readonly instructions: number; readonly text: string };

const INSTEAD = 'it could take endlessly long: write it without, or check the value in an assertion';
/** What ECMAScript calls white space, and what its `.` leaves out. */
const SPACE = '\\t-\\r \\x{a0}\\x{1680}\\x{2000}-\\x{200a}\\x{2028}\\x{2029}\\x{202f}\\x{205f}\\x{3000}\\x{feff}';
const NOT_SPACE =
  '\\x{0}-\\x{8}\\x{e}-\\x{1f}!-\\x{9f}\\x{a1}-\\x{167f}\\x{1681}-\\x{1fff}\\x{200b}-\\x{2027}\\x{202a}-\\x{202e}\\x{2030}-\\x{205e}\\x{2060}-\\x{2fff}\\x{3001}-\\x{fefe}\\x{ff00}-\\x{10ffff}';
const LINE_ENDS = '\\n\\r\\x{2028}\\x{2029}';
const ANYTHING = '[\\x{0}-\\x{10ffff}]';
const NOTHING = '[^\\x{0}-\\x{10ffff}]';

/** Writes a pattern for RE2, every class and escape spelled out, so that both understand the same by it. */
function writer(flags: string, shown: string) {
  const refuse = (what: string): never => {
    throw new PatternError(`${shown} uses ${what}, which is refused: ${INSTEAD}`);
  };
  const one = (text: string): Translated => ({ instructions: 1, text });
  const together = (parts: readonly Translated[], separator = ''): Translated => ({
    instructions: parts.reduce((sum, part) => sum + part.instructions + separator.length, 0),
    text: parts.map(({ text }) => text).join(separator),
  });

  function alternatives(list: readonly AST.Alternative[], captures: boolean, depth: number): Translated {
    return together(
      list.map(({ elements }) => together(elements.map((element) => write(element, captures, depth)))),
      '|',
    );
  }

  function assertion(node: AST.Assertion): Translated {
    if (node.kind === 'lookahead' || node.kind === 'lookbehind') return refuse(`a ${node.kind} (${node.raw.slice(0, 30)})`);
    if (node.kind === 'word') return one(node.negate ? '\\B' : '\\b');
    if (flags.includes('m')) return one(node.kind === 'start' ? '(?m:^)' : '(?m:$)');
    return one(node.kind === 'start' ? '\\A' : '\\z');
  }

  function repeated(node: AST.Quantifier, captures: boolean, depth: number): Translated {
    const { min, max, greedy, element } = node;
    const inner = write(element, captures, depth);
    const lazy = greedy ? '' : '?';
    const endless = max === Number.POSITIVE_INFINITY;
    const instructions = inner.instructions * Math.max(min, endless ? min + 1 : max, 1) + 1;
    // What is not built must not be written out either.
    if (instructions > LARGEST) return { instructions, text: '' };
    const times = (count: number, mark: (n: number) => string): string[] =>
      Array.from({ length: Math.ceil(count / REPEATS) }, (_, k) => mark(Math.min(REPEATS, count - k * REPEATS)));
    if (min <= REPEATS && (endless || max <= REPEATS)) {
      const mark =
        min === 0 && endless ? '*' : min === 1 && endless ? '+' : min === 0 && max === 1 ? '?' : `{${min},${endless ? '' : max}}`;
      return { instructions, text: `(?:${inner.text})${mark}${lazy}` };
    }
    const bare = write(element, false, depth).text;
    const parts = [...times(min, (n) => `{${n}}${lazy}`), ...(endless ? [`*${lazy}`] : times(max - min, (n) => `{0,${n}}${lazy}`))];
    return { instructions, text: parts.map((mark, k) => `(?:${k === parts.length - 1 ? inner.text : bare})${mark}`).join('') };
  }

  /** The inside of a class: ranges, and sets by what they hold. */
  function inside(node: AST.ClassRangesCharacterClassElement): string {
    if (node.type === 'Character') return character(node.value);
    if (node.type === 'CharacterClassRange') return `${character(node.min.value)}-${character(node.max.value)}`;
    if (node.kind === 'digit') return node.negate ? '\\D' : '\\d';
    if (node.kind === 'word') return node.negate ? '\\W' : '\\w';
    if (node.kind === 'space') return node.negate ? NOT_SPACE : SPACE;
    const property = node as AST.CharacterUnicodePropertyCharacterSet;
    return `\\${node.negate ? 'P' : 'p'}{${property.value ?? property.key}}`;
  }

  /** A part may have the flag `i` of its own. What `.`, `^` and `$` mean is spelled out already, and the same everywhere. */
  function opening(modifiers: AST.Modifiers | null): string {
    if (modifiers === null) return '(?:';
    const { add, remove } = modifiers;
    if ([add, remove].some((flags) => flags?.multiline || flags?.dotAll)) return refuse(`the flags ${modifiers.raw} of a part of it`);
    return add?.ignoreCase ? '(?i:' : remove?.ignoreCase ? '(?-i:' : '(?:';
  }

  function write(node: AST.Node, captures: boolean, depth: number): Translated {
    if (depth > DEEPEST) throw new PatternError(`${shown} is nested deeper than ${DEEPEST} levels: flatten it`);
    switch (node.type) {
      case 'Pattern':
        return alternatives(node.alternatives, captures, depth + 1);
      case 'Group':
        return group(opening(node.modifiers), alternatives(node.alternatives, captures, depth + 1));
      case 'CapturingGroup':
        return group(
          !captures ? '(?:' : node.name === null ? '(' : `(?P<${node.name}>`,
          alternatives(node.alternatives, captures, depth + 1),
        );
      case 'Assertion':
        return assertion(node);
      case 'Quantifier':
        return repeated(node, captures, depth + 1);
      case 'Character':
        return one(character(node.value));
      case 'CharacterSet':
        if (node.kind === 'any') return one(flags.includes('s') ? ANYTHING : `[^${LINE_ENDS}]`);
        return one(`[${inside(node as AST.EscapeCharacterSet)}]`);
      case 'CharacterClass': {
        const elements = node.elements as readonly AST.ClassRangesCharacterClassElement[];
        if (elements.length === 0) return one(node.negate ? ANYTHING : NOTHING);
        return one(`[${node.negate ? '^' : ''}${elements.map(inside).join('')}]`);
      }
      case 'Backreference':
        return refuse(`a back-reference (${node.raw})`);
      default:
        return refuse(node.raw);
    }
  }
  const group = (opening: string, content: Translated): Translated => ({
    instructions: content.instructions + 2,
    text: `${opening}${content.text})`,
  });
  return write;
}

const character = (code: number): string => `\\x{${code.toString(16)}}`;
