/** JSONata made safe to replay: it answers the same on every machine at any time, ends by itself, and leaves what it looks at alone. */
import jsonata from 'jsonata';
import type { Json } from '../envelope.ts';
import { isExact } from '../exact-json.ts';
import { patternOf } from '../pattern.ts';
import { hooks } from './hooks.ts';
import { LENGTH, measuredOutside, type Sizes } from './meter.ts';
import { TEXT, textOf } from './natives.ts';
import { type Path, pathText } from './place.ts';
import { mentionsIn, type Node, type Sight } from './references.ts';
import { nodesIn, rolesIn } from './roles.ts';
import { plain, type Scope, visible } from './scope.ts';

/** An expression that does not parse, may not be used, or failed. */
export class ExpressionError extends Error {
  readonly source: string;
  /** What is wrong, without saying where. */
  readonly reason: string;
  /** Where in the source, counted in characters from 0. */
  readonly position: number | undefined;
  /** @param path where in its template the expression stands. */
  constructor(source: string, reason: string, position: number | undefined, path: Path = []) {
    const where = path.length === 0 ? '' : `${pathText(path)}: `;
    super(`${where}in \`${source.length > 120 ? `${source.slice(0, 119)}…` : source}\`: ${reason}`);
    this.source = source;
    this.reason = reason;
    this.position = position;
  }
}

/** Names that have to be there when they are read. */
type Needed = ReadonlySet<Node>;

/** A parsed expression. `run` gives plain JSON, or undefined when there is no value. @throws ExpressionError */
export type Program = { readonly ast: Node; readonly sight: Sight; run(scope: Scope, needed?: Needed): Promise<Json | undefined> };

/** What depends on the clock, on chance, or on text that nobody has checked: a replay would not give the same. */
const REFUSED = new Set(['now', 'millis', 'random', 'shuffle', 'eval']);

/** How deep the parts of an expression may evaluate each other: counted, as everything here, so that it ends everywhere at the same place. */
const DEPTH = 2_000;
/** Characters of an expression, and levels of its parts within each other. */
const SOURCE = 6_000;
const LEVELS = 400;
/** Dots of an expression: JSONata goes through a path again for every step that it adds to it. */
const DOTS = 1_000;

type Prepared = { readonly program: jsonata.Expression; readonly run: (scope: unknown, known: Sizes, needed?: Needed) => Promise<unknown> };

function prepare(source: string): Prepared {
  const program = jsonata(source, { stack: DEPTH, sequence: LENGTH });
  const nodes = nodesIn(program.ast() as unknown as Node, LEVELS);
  for (const { type, position } of nodes) if (type === 'number' && position !== undefined) checkLiteral(source, position);
  for (const { type, value } of nodes) if (type === 'regex') patternOf((value as RegExp).source, (value as RegExp).flags.replace('g', ''));
  // One evaluation begins before another has ended, but they take their sizes as they begin.
  let sizes: Sizes | undefined;
  let names: Needed | undefined;
  const { enter, leave } = hooks(rolesIn(nodes), () => ({ sizes: sizes ?? measuredOutside(), needed: names }));
  program.assign(Symbol.for('jsonata.__evaluate_entry') as never, enter);
  program.assign(Symbol.for('jsonata.__evaluate_exit') as never, leave);
  const joins = nodes.filter(({ type, value }) => type === 'binary' && value === '&');
  for (const node of joins) for (const side of ['lhs', 'rhs'] as const) node[side] = inText(node[side] as Node, node.position);
  if (joins.length > 0) program.registerFunction(TEXT, textOf);
  const run = async (scope: unknown, known: Sizes, needed?: Needed): Promise<unknown> => {
    sizes = known;
    names = needed;
    const evaluating = program.evaluate(scope);
    sizes = undefined;
    names = undefined;
    return await evaluating;
  };
  return { program, run };
}

/** A part of an expression, made a text before JSONata does it, which would change numbers. */
const inText = (part: Node, position: number | undefined): Node => ({
  type: 'function',
  value: '(',
  ...(position === undefined ? {} : { position }),
  procedure: { type: 'variable', value: TEXT },
  arguments: [part],
});

const isOfNumber = (source: string, place: number): boolean =>
  /[\d.eE]/.test(source[place] as string) || (/[+-]/.test(source[place] as string) && /[eE]/.test(source[place - 1] ?? ''));

/** @throws for a number that no double carries. */
function checkLiteral(source: string, end: number): void {
  let begin = end;
  while (begin > 0 && isOfNumber(source, begin - 1)) begin -= 1;
  // Two dots are a range.
  const number = source.slice(begin, end).split('..').at(-1) as string;
  if (/^\d/.test(number) && !isExact(number))
    throw Object.assign(new Error(`${number} cannot be computed with exactly: compare its digits as a text, "${number}"`), {
      position: end,
      token: number,
    });
}

const builtInToMillis = prepare('$toMillis($text, $picture)');

/** JSONata's own takes a time without a zone for the machine's local time. */
async function toMillis(text: string | undefined, picture: string | undefined): Promise<number | undefined> {
  const zoned = picture === undefined && text !== undefined && /T[\d:.]+$/.test(text) ? `${text}Z` : text;
  return await builtInToMillis.program.evaluate(null, { text: zoned, picture });
}

/** @throws ExpressionError when it does not parse or names what is refused. */
export function parse(source: string): Program {
  // A template's `=` may stay where it is: positions are those of the text as it was written.
  const text = source.startsWith('=') ? ` ${source.slice(1)}` : source;
  let prepared: Prepared;
  try {
    if (text.length > SOURCE) throw new Error(`it has ${text.length} characters, and may have ${SOURCE}: leave it to a tool`);
    const dots = text.split('.').length - 1;
    if (dots > DOTS) throw new Error(`it has ${dots} dots, and may have ${DOTS}: leave it to a tool`);
    prepared = prepare(text);
  } catch (error) {
    throw failure(error, source, text);
  }
  const { program } = prepared;
  const ast = program.ast() as unknown as Node;
  const { sight, variables } = mentionsIn(ast);
  for (const { name, position } of variables) {
    if (!REFUSED.has(name)) continue;
    const reason = `$${name} is refused: it would not give the same when the run is replayed`;
    throw new ExpressionError(source, reason, position === undefined ? undefined : position - name.length - 1);
  }
  if (variables.some(({ name }) => name === 'toMillis')) program.registerFunction('toMillis', toMillis, '<s-s?:n>');
  const run = async (scope: Scope, needed?: Needed): Promise<Json | undefined> => {
    try {
      const known = measuredOutside();
      return plain(await prepared.run(await visible(scope, sight, known), known, needed));
    } catch (error) {
      throw failure(error, source, text);
    }
  };
  return { ast, sight, run };
}

/** JSONata throws plain objects. */
function failure(error: unknown, source: string, text: string): ExpressionError {
  const { message, position, token } = error as { message?: string; position?: number; token?: unknown };
  const reason = error instanceof RangeError ? 'it is nested too deeply: flatten it' : (message ?? 'it failed without saying why');
  return new ExpressionError(source, reason.length > 500 ? `${reason.slice(0, 499)}…` : reason, beginning(text, position, token));
}

/** JSONata's positions are those after a token. */
function beginning(text: string, end: number | undefined, token: unknown): number | undefined {
  if (end === undefined) return undefined;
  if (token === '(end)') return text.length;
  if (typeof token !== 'string') return Math.max(0, end - 1);
  const begin = text.lastIndexOf(token, end - token.length);
  return begin < 0 ? Math.max(0, end - 1) : begin;
}
