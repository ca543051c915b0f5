/** JSONata made safe to replay: it answers the same on every machine at any time, ends by itself, and leaves what it looks at alone. */
import jsonata from 'jsonata';
import type { Json } from '../envelope.ts';
import { type Path, pathText } from './place.ts';
import { mentionsIn, type Node, type Sight } from './references.ts';

/** What an expression may name: `input`, `steps`, and where it applies `arguments` and `result`. */
export type Scope = { readonly [name: string]: unknown };

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

/** A parsed expression. `run` gives plain JSON, or undefined when there is no value. @throws ExpressionError */
export type Program = { readonly ast: Node; readonly sight: Sight; run(scope: Scope): Promise<Json | undefined> };

/** What depends on the clock, on chance, or on text that nobody has checked: a replay would not give the same. */
const REFUSED = new Set(['now', 'millis', 'random', 'shuffle', 'eval']);

// All three are counted, not timed: where an expression is cut off must not depend on how busy the machine is.
const DEPTH = 2_000;
const LENGTH = 100_000;
const EVALUATIONS = 200_000;

type Frame = { base: { timestamp: Date; evaluations?: number } };

function count(_node: unknown, _context: unknown, { base }: Frame): void {
  base.evaluations = (base.evaluations ?? 0) + 1;
  if (base.evaluations > EVALUATIONS) throw new Error(`it was given up after ${EVALUATIONS} steps: does it ever end?`);
  // What a date leaves out is taken from here, and would be today's otherwise.
  if (base.evaluations === 1) base.timestamp = new Date(0);
}

function prepare(source: string): jsonata.Expression {
  const program = jsonata(source, { stack: DEPTH, sequence: LENGTH });
  program.assign(Symbol.for('jsonata.__evaluate_entry') as never, count);
  return program;
}

const builtInToMillis = prepare('$toMillis($text, $picture)');

/** JSONata's own takes a time without a zone for the machine's local time. */
async function toMillis(text: string | undefined, picture: string | undefined): Promise<number | undefined> {
  const zoned = picture === undefined && text !== undefined && /T[\d:.]+$/.test(text) ? `${text}Z` : text;
  return await builtInToMillis.evaluate(null, { text: zoned, picture });
}

/** @throws ExpressionError when it does not parse or names what is refused. */
export function parse(source: string): Program {
  // A template's `=` may stay where it is: positions are those of the text as it was written.
  const text = source.startsWith('=') ? ` ${source.slice(1)}` : source;
  let program: jsonata.Expression;
  try {
    program = prepare(text);
  } catch (error) {
    throw failure(error, source, text);
  }
  const ast = program.ast() as unknown as Node;
  const { sight, variables } = mentionsIn(ast);
  for (const { name, position } of variables) {
    if (!REFUSED.has(name)) continue;
    const reason = `$${name} is refused: it would not give the same when the run is replayed`;
    throw new ExpressionError(source, reason, position === undefined ? undefined : position - name.length - 1);
  }
  if (variables.some(({ name }) => name === 'toMillis')) program.registerFunction('toMillis', toMillis, '<s-s?:n>');
  const run = async (scope: Scope): Promise<Json | undefined> => {
    try {
      return plain(await program.evaluate(visible(scope, sight)));
    } catch (error) {
      throw failure(error, source, text);
    }
  };
  return { ast, sight, run };
}

/** JSONata throws plain objects. */
function failure(error: unknown, source: string, text: string): ExpressionError {
  const { message, position, token } = error as { message?: string; position?: number; token?: unknown };
  const reason = message ?? 'it failed without saying why';
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

/** A copy of what the expression can see. JSONata leaves marks on arrays it is given, and even adds to empty ones: facts may not change. */
function visible(scope: Scope, { names, steps, all, whole }: Sight): { [name: string]: unknown } {
  if (whole) return copy(scope) as { [name: string]: unknown };
  const seen: { [name: string]: unknown } = {};
  for (const name of names)
    if (Object.hasOwn(scope, name)) seen[name] = name === 'steps' && !all ? only(steps, scope[name]) : copy(scope[name]);
  return seen;
}

function only(ids: readonly string[], results: unknown): unknown {
  if (typeof results !== 'object' || results === null || Array.isArray(results)) return copy(results);
  const some: { [id: string]: unknown } = {};
  for (const id of ids) if (Object.hasOwn(results, id)) put(some, id, copy((results as { [id: string]: unknown })[id]));
  return some;
}

function copy(value: unknown): unknown {
  if (typeof value !== 'object' || value === null) return value;
  if (Array.isArray(value)) return value.map(copy);
  const twin: { [key: string]: unknown } = {};
  for (const key of Object.keys(value)) put(twin, key, copy((value as { [key: string]: unknown })[key]));
  return twin;
}

/** Plain assignment would take a `__proto__` in the data for the object's prototype. */
export function put(object: { [key: string]: unknown }, key: string, value: unknown): void {
  if (key === '__proto__') Object.defineProperty(object, key, { value, enumerable: true, writable: true, configurable: true });
  else object[key] = value;
}

/** JSONata's results may be functions, numbers that JSON has no way to write, or arrays with properties of its own: none may reach a fact. */
function plain(value: unknown): Json | undefined {
  if (typeof value === 'function' || isFunction(value)) throw new Error('it gives a function, where a value is needed');
  if (typeof value === 'number' && !Number.isFinite(value)) throw new Error(`it gives ${value}, which is not a number that JSON can carry`);
  if (typeof value !== 'object' || value === null) return value as Json | undefined;
  if (Array.isArray(value)) return Array.from(value, (element) => plain(element) ?? null);
  const object: { [key: string]: Json } = {};
  for (const key of Object.keys(value)) {
    const member = plain((value as { [key: string]: unknown })[key]);
    if (member !== undefined) put(object, key, member);
  }
  return object;
}

/** JSONata's functions are objects with these marks, and a function inside; mere data may bear the marks too. */
function isFunction(value: unknown): boolean {
  const { _jsonata_lambda, _jsonata_function, apply, implementation } = (value ?? {}) as { [key: string]: unknown };
  return (_jsonata_lambda === true && typeof apply === 'function') || (_jsonata_function === true && typeof implementation === 'function');
}
