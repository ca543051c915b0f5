/** Expressions: JSONata (https://docs.jsonata.org), compiled once, without anything that would answer differently the next time. */
import jsonata from 'jsonata';
import type { Json } from '../envelope.ts';

/** What an expression may name: `input`, `steps`, and where it applies `arguments` and `result`. */
export type Scope = { readonly [name: string]: unknown };

/** The steps whose results an expression names; `all` when it names `steps` in a way that leaves open which. */
export type References = { readonly steps: readonly string[]; readonly all: boolean };

export type Expression = {
  readonly source: string;
  readonly references: References;
  /** The value as plain JSON; undefined when there is none. @throws ExpressionError. */
  evaluate(scope: Scope): Promise<Json | undefined>;
};

/** An expression that does not parse, may not be used, or failed. `position` counts characters from 0. */
export class ExpressionError extends Error {
  readonly position: number | undefined;
  constructor(source: string, message: string, position?: number) {
    super(`in \`${source.length > 120 ? `${source.slice(0, 119)}…` : source}\`: ${message}`);
    this.position = position;
  }
}

/** What depends on the clock, on chance, or on text that nobody has checked: a replay would not give the same. */
const REFUSED = new Set(['now', 'millis', 'random', 'shuffle', 'eval']);

// Depth and length are the same wherever it runs; the time is only the last resort, against what those two let through.
const BOUNDS = { stack: 400, sequence: 100_000, timeout: 10_000 };

const SIMPLE = /^\s*(input|steps|result|arguments)((?:\.[A-Za-z_][A-Za-z0-9_]*)*)\s*$/;
const KEPT = 2_000;
const compiled = new Map<string, Expression>();

/** Compiles an expression. @throws ExpressionError when it does not parse or names something that is refused. */
export function compile(source: string): Expression {
  const known = compiled.get(source);
  if (known !== undefined) return known;
  const expression = build(source);
  compiled.set(source, expression);
  if (compiled.size > KEPT) compiled.delete(compiled.keys().next().value as string);
  return expression;
}

function build(source: string): Expression {
  let program: jsonata.Expression;
  try {
    program = jsonata(source, BOUNDS);
  } catch (error) {
    const { message, position } = error as jsonata.JsonataError;
    throw new ExpressionError(source, message, position);
  }
  const references = referencesIn(source, program.ast());
  const path = SIMPLE.exec(source);
  const names = path === null ? undefined : [path[1] as string, ...(path[2] as string).split('.').slice(1)];
  return {
    source,
    references,
    evaluate: async (scope) => {
      const simple = names === undefined ? unusual : walk(scope, names);
      if (simple !== unusual) return simple;
      try {
        return plain(source, await program.evaluate(scope));
      } catch (error) {
        if (error instanceof ExpressionError) throw error;
        const { message, position } = error as jsonata.JsonataError;
        throw new ExpressionError(source, message, position);
      }
    },
  };
}

const unusual = Symbol('needs JSONata');

/** Follows names through plain objects, as JSONata would; an array on the way is for JSONata itself, which looks into each element. */
function walk(scope: Scope, names: readonly string[]): Json | undefined | typeof unusual {
  let value: unknown = scope;
  for (const name of names) {
    if (value === null || typeof value !== 'object' || Array.isArray(value)) return unusual;
    if (!Object.hasOwn(value, name)) return undefined;
    value = (value as Scope)[name];
  }
  return Array.isArray(value) ? unusual : (value as Json | undefined);
}

/** JSONata's results may be functions, or arrays with properties of its own: neither may reach a fact. */
function plain(source: string, value: unknown): Json | undefined {
  if (value === undefined) return undefined;
  if (typeof value === 'function' || (typeof value === 'object' && value !== null && '_jsonata_lambda' in value)) {
    throw new ExpressionError(source, 'it gives a function, where a value is needed');
  }
  return JSON.parse(JSON.stringify(value)) as Json;
}

type Node = { type?: string; value?: unknown; position?: number; steps?: Node[] } & { [key: string]: unknown };

function referencesIn(source: string, ast: unknown): References {
  const steps = new Set<string>();
  let all = false;
  const visit = (node: unknown): void => {
    if (Array.isArray(node)) return node.forEach(visit);
    if (node === null || typeof node !== 'object') return;
    const { type, value, position } = node as Node;
    if (type === 'variable' && REFUSED.has(String(value))) {
      throw new ExpressionError(source, `$${String(value)} is refused: it would not give the same when the run is replayed`, position);
    }
    if (type === 'name' && value === 'steps') all = true;
    if (type === 'path') return path(node as Node);
    for (const child of Object.values(node)) visit(child);
  };
  const path = ({ steps: parts = [], ...rest }: Node): void => {
    const root = parts[0]?.type === 'variable' && (parts[0].value === '' || parts[0].value === '$') ? 1 : 0;
    const named = parts[root]?.type === 'name' && parts[root]?.value === 'steps' && parts[root + 1]?.type === 'name';
    if (named) steps.add(String(parts[root + 1]?.value));
    for (const [index, part] of parts.entries()) {
      // The two names themselves are accounted for; filters and the like that hang on them are not.
      if (named && (index === root || index === root + 1)) visit({ ...part, type: 'seen' });
      else visit(part);
    }
    visit(Object.values(rest));
  };
  visit(ast);
  return { steps: [...steps], all };
}

/** Every expression in a template, with where it stands. */
export function templateExpressions(template: unknown, path: readonly (string | number)[] = []): { path: readonly (string | number)[]; source: string }[] {
  if (typeof template === 'string') {
    const source = expressionIn(template);
    return source === undefined ? [] : [{ path, source }];
  }
  if (template === null || typeof template !== 'object') return [];
  if (Array.isArray(template)) return template.flatMap((element, index) => templateExpressions(element, [...path, index]));
  return Object.entries(template).flatMap(([name, value]) => templateExpressions(value, [...path, name]));
}

/** The expression that a string of a template is, if it is one. */
const expressionIn = (text: string): string | undefined => (text.startsWith('=') && !text.startsWith('==') ? text.slice(1) : undefined);

/**
 * Fills in a template: strings that begin with `=` are expressions, `==` stands for a plain `=`. Where an expression gives nothing,
 * the member of an object is left out and the element of an array is null. @throws ExpressionError.
 */
export async function renderTemplate(template: Json, scope: Scope): Promise<Json> {
  return (await render(template, scope)) ?? null;
}

async function render(template: Json, scope: Scope): Promise<Json | undefined> {
  if (typeof template === 'string') {
    const source = expressionIn(template);
    if (source === undefined) return template.startsWith('==') ? template.slice(1) : template;
    return await compile(source).evaluate(scope);
  }
  if (template === null || typeof template !== 'object' || templateExpressions(template).length + escapesIn(template) === 0) return template;
  if (Array.isArray(template)) return await Promise.all(template.map(async (element) => (await render(element, scope)) ?? null));
  const filled: { [name: string]: Json } = {};
  for (const [name, value] of Object.entries(template)) {
    const rendered = await render(value, scope);
    if (rendered !== undefined) filled[name] = rendered;
  }
  return filled;
}

/** How many strings begin with the escape. */
function escapesIn(template: Json): number {
  if (typeof template === 'string') return template.startsWith('==') ? 1 : 0;
  if (template === null || typeof template !== 'object') return 0;
  return Object.values(template).reduce<number>((count, value) => count + escapesIn(value), 0);
}
