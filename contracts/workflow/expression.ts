/** Expressions: JSONata (https://docs.jsonata.org), compiled once and bounded; and templates, in which strings may be expressions. */
import { brief } from '../brief.ts';
import type { Json } from '../envelope.ts';
import { nextTurn } from '../event-loop.ts';
import { isLongerThan } from '../written.ts';
import type { Path } from './place.ts';
import { ExpressionError, parse } from './program.ts';
import { type Node, plainPath, type References, type Sight } from './references.ts';
import { put, type Scope } from './scope.ts';

export type { References, Scope };

export type Expression = {
  readonly source: string;
  readonly references: Sight;
  readonly ast: Node;
  /**
   * The value as plain JSON; undefined when there is none.
   * @param needed names of the syntax tree that have to be there when they are read.
   * @throws ExpressionError.
   */
  evaluate(scope: Scope, needed?: ReadonlySet<Node>): Promise<Json | undefined>;
  /** The same at once, for a path that leads through plain objects only; undefined when it has to be evaluated. */
  look(scope: Scope): { readonly value: Json | undefined } | undefined;
};

const KEPT = 4_096;
/** A longer one, in characters, is compiled each time. */
const LONGEST = 2_048;
const compiled = new Map<string, Expression>();

/** Compiles an expression; a leading `=` is allowed. @throws ExpressionError when it does not parse or names something that is refused. */
export function compile(source: string): Expression {
  if (source.length > LONGEST) return build(source);
  const expression = compiled.get(source) ?? build(source);
  // The least recently used one goes: a Map remembers the order in which its keys were set.
  compiled.delete(source);
  compiled.set(source, expression);
  if (compiled.size > KEPT) compiled.delete(compiled.keys().next().value as string);
  return expression;
}

function build(source: string): Expression {
  const program = parse(source);
  const names = plainPath(program.ast);
  const look: Expression['look'] = (scope) => (names === undefined ? undefined : walk(scope, names));
  const evaluate: Expression['evaluate'] = async (scope, needed) => {
    const seen = needed === undefined || needed.size === 0 ? look(scope) : undefined;
    return seen === undefined ? await program.run(scope, needed) : seen.value;
  };
  return { source, references: program.sight, ast: program.ast, evaluate, look };
}

/** Follows names as JSONata would. An array on the way is for JSONata itself, which looks into each element. */
function walk(scope: Scope, names: readonly string[]): { value: Json | undefined } | undefined {
  let value: unknown = scope;
  for (const name of names) {
    if (typeof value !== 'object' || value === null) return { value: undefined };
    if (Array.isArray(value) || '_jsonata_lambda' in value || '_jsonata_function' in value) return undefined;
    if (!Object.hasOwn(value, name)) return { value: undefined };
    value = (value as Scope)[name];
  }
  return { value: value as Json | undefined };
}

const isExpression = (text: string): boolean => text.startsWith('=') && !text.startsWith('==');

/** Every expression in a template, as it is written there, with where it stands. */
export function templateExpressions(template: unknown, path: Path = []): { path: Path; source: string }[] {
  if (typeof template === 'string') return isExpression(template) ? [{ path, source: template }] : [];
  if (typeof template !== 'object' || template === null) return [];
  if (Array.isArray(template)) return template.flatMap((element, index) => templateExpressions(element, [...path, index]));
  return Object.entries(template).flatMap(([name, value]) => templateExpressions(value, [...path, name]));
}

/** An expression that stands in a template, and what to do with its value. */
type Pending = { readonly source: string; readonly path: Path; readonly fill: (value: Json | undefined) => void };

/**
 * Fills in a template: strings that begin with `=` are expressions, `==` stands for a plain `=`. Where an expression gives nothing,
 * the member of an object is left out, the element of an array is null, and so is a template that is nothing else.
 * @throws ExpressionError, which says where in the template.
 */
export async function renderTemplate(template: Json, scope: Scope): Promise<Json> {
  const rendered = await filledIn(template, scope);
  if (isLongerThan(rendered, LARGEST))
    throw new ExpressionError(brief(template), `filled in it has more than ${LARGEST} characters: pass on less, or a reference`, undefined);
  return rendered;
}

/** Characters that a template may have when it is filled in: a fact carries no more. */
const LARGEST = 1_000_000;
/** Characters of expressions that are compiled between two breaks. */
const SLICE = 10_000;

async function filledIn(template: Json, scope: Scope): Promise<Json> {
  const pending: Pending[] = [];
  let rendered: Json | undefined;
  render(template, [], pending, (value) => (rendered = value));
  // One after the other, so that of several failures it is always the first that is reported.
  let since = 0;
  for (const { source, path, fill } of pending) {
    const expression = compiledAt(path, source);
    const seen = expression.look(scope);
    fill(seen === undefined ? await expression.evaluate(scope).catch((error: unknown) => rethrowAt(path, error)) : seen.value);
    since += source.length;
    if (since < SLICE) continue;
    since = 0;
    await nextTurn();
  }
  return rendered ?? null;
}

function render(template: Json, path: Path, pending: Pending[], fill: (value: Json | undefined) => void): void {
  if (typeof template === 'string') renderText(template, path, pending, fill);
  else if (typeof template !== 'object' || template === null) fill(template);
  else if (Array.isArray(template)) {
    const list: Json[] = [];
    for (const [index, element] of template.entries()) {
      render(element, [...path, index], pending, (value) => (list[index] = value ?? null));
    }
    fill(list);
  } else {
    const object: { [name: string]: Json } = {};
    for (const [name, member] of Object.entries(template)) {
      // It takes its place now, so that members keep their order whenever their values come.
      put(object, name, null);
      render(member, [...path, name], pending, (value) => {
        if (value === undefined) delete object[name];
        else put(object, name, value);
      });
    }
    fill(object);
  }
}

function renderText(text: string, path: Path, pending: Pending[], fill: (value: Json | undefined) => void): void {
  if (!isExpression(text)) {
    fill(text.startsWith('==') ? text.slice(1) : text);
    return;
  }
  pending.push({ source: text, path, fill });
}

function compiledAt(path: Path, text: string): Expression {
  try {
    return compile(text);
  } catch (error) {
    return rethrowAt(path, error);
  }
}

function rethrowAt(path: Path, error: unknown): never {
  throw error instanceof ExpressionError ? new ExpressionError(error.source, error.reason, error.position, path) : error;
}
