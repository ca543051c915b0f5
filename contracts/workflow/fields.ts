/** Which fields an expression reads, held up to what is known of the values it reads them from. */
import { didYouMean } from './nearest.ts';
import type { Node } from './references.ts';
import { fieldOf, type Shape } from './shape.ts';

/** A field that no value has which may be there; `position` is where its name ends in the source. */
export type Misread = { readonly position: number | undefined; readonly name: string; readonly message: string };

export type Reading = {
  readonly misread: readonly Misread[];
  /** The names that are read of something of which nothing is known, and that are not merely asked for with `$exists`. */
  readonly unknown: ReadonlySet<Node>;
  /** How many schemas were looked at. */
  readonly work: number;
};

/** What is known: of the context, of the whole scope (`$$`), and of the variables. */
type View = { readonly context: Shape | undefined; readonly top: Shape; readonly variables: ReadonlyMap<string, Shape | undefined> };

/** @param top what is known of the scope. */
export function readingOf(ast: Node, top: Shape): Reading {
  const misread = new Map<Node, Misread>();
  const unknown = new Set<Node>();
  const asked = new Set<Node>();
  let work = 0;

  function infer(node: Node, view: View): Shape | undefined {
    work += 1;
    switch (node.type) {
      case 'path':
        return alongPath(node, view);
      case 'name':
        return read(node, view.context, 'it');
      case 'variable':
        return node.value === '$' ? view.top : node.value === '' ? view.context : view.variables.get(String(node.value));
      case 'block':
        return inBlock(node['expressions'] as Node[], view);
      case 'condition':
        return inCondition(node, view);
      case 'function':
        return inCall(node, view);
      case 'unary':
        return node.value === '{' ? inObject(node.lhs as [Node, Node][], view) : inList(node, view);
      case 'bind':
        return infer(node.rhs as Node, view);
      case 'lambda':
        return inLambda(node, [], view);
      case 'transform':
        return undefined;
      default:
        for (const part of partsOf(node)) infer(part, view);
        return undefined;
    }
  }

  function alongPath(path: Node, view: View): Shape | undefined {
    let context = view.context;
    let holder = '';
    for (const part of path.steps as Node[]) {
      const inside = { ...view, context };
      if (part.type === 'name') context = read(part, context, holder === '' ? 'it' : holder);
      else if (part.type !== 'sort') context = infer(part, inside);
      holder = nameOf(part, holder);
      decorations(part, { ...view, context });
      // A focus keeps the context where it was, and what it stands for is looked up under its name.
      if (part.focus !== undefined || part.index !== undefined || part.type === 'parent') context = undefined;
    }
    decorations(path, { ...view, context });
    return path.group === undefined ? context : undefined;
  }

  function read(node: Node, from: Shape | undefined, holder: string): Shape | undefined {
    if (from === undefined) {
      unknown.add(node);
      return undefined;
    }
    const name = String(node.value);
    const field = fieldOf(from, name, (schemas) => (work += schemas));
    if (field.is === 'known') return field.shape;
    if (field.is === 'unknown') {
      // The scope and its steps are known, even where nothing is known of what they hold.
      if (!('fields' in from)) unknown.add(node);
    } else if (!('fields' in from)) {
      const { there } = field;
      const has = there.length === 0 ? 'has no fields' : `has ${there.slice(0, SHOWN).join(', ')}${there.length > SHOWN ? ', …' : ''}`;
      const message = `${holder} has no field "${name}": by its schema it ${has}${didYouMean(name, there)}${ASK}`;
      misread.set(node, { position: node.position, name, message });
    }
    return undefined;
  }

  /** Each element is the context of what filters, groups and orders. */
  function decorations(node: Node, view: View): void {
    for (const { expr } of [...(node.predicate ?? []), ...(node.stages ?? [])]) if (expr !== undefined) infer(expr, view);
    for (const pair of node.group?.lhs ?? []) for (const one of pair) infer(one, view);
    for (const { expression } of node.terms ?? []) infer(expression, view);
  }

  function inBlock(expressions: readonly Node[], view: View): Shape | undefined {
    const variables = new Map(view.variables);
    let last: Shape | undefined;
    for (const one of expressions) {
      last = infer(one, { ...view, variables });
      if (one.type === 'bind' && typeof (one.lhs as Node).value === 'string') variables.set((one.lhs as Node).value as string, last);
    }
    return last;
  }

  function inCondition(node: Node, view: View): Shape | undefined {
    const [condition, then, otherwise] = [node['condition'], node['then'], node['else']] as [Node, Node, Node | undefined];
    // `a ?: b` asks whether a is there: it stands in the tree twice, from the same place in the source.
    const [names, again] = [namesIn(condition), namesIn(then)];
    const isAsked = names.length === again.length && names.every(({ position }, n) => position === again[n]?.position);
    if (isAsked) for (const one of names) asked.add(one);
    infer(condition, view);
    return { either: [infer(then, view), otherwise === undefined ? undefined : infer(otherwise, view)] };
  }

  function inCall(node: Node, view: View): Shape | undefined {
    const args = node['arguments'] as Node[];
    const procedure = node['procedure'] as Node;
    const called = procedure.type === 'variable' ? String(procedure.value) : '';
    if (called === '') infer(procedure, view);
    if (called === 'exists') for (const one of args) for (const name of namesIn(one)) asked.add(name);
    const [first, second] = args;
    const takes = OVER_ELEMENTS[called];
    if (takes === undefined || first === undefined || second?.type !== 'lambda') {
      for (const one of args) infer(one, view);
      return undefined;
    }
    const list = infer(first, view);
    const given = inLambda(second, takes === 'both' ? [list, list] : [list], view);
    for (const one of args.slice(2)) infer(one, view);
    return called === 'map' ? given : list;
  }

  function inLambda(node: Node, given: readonly (Shape | undefined)[], view: View): Shape | undefined {
    const variables = new Map(view.variables);
    for (const [index, { value }] of ((node['arguments'] as Node[] | undefined) ?? []).entries())
      variables.set(String(value), given[index]);
    return infer(node['body'] as Node, { ...view, variables });
  }

  function inObject(pairs: readonly [Node, Node][], view: View): Shape | undefined {
    const members = new Map<string, Shape | undefined>();
    let isWhole = true;
    for (const [key, value] of pairs) {
      if (key.type !== 'string') isWhole = false;
      infer(key, view);
      members.set(String(key.value), infer(value, view));
    }
    return isWhole ? { fields: (name) => (members.has(name) ? { shape: members.get(name) } : undefined) } : undefined;
  }

  function inList(node: Node, view: View): Shape | undefined {
    if (node.value !== '[') {
      infer(node['expression'] as Node, view);
      return undefined;
    }
    return { either: (node['expressions'] as Node[]).map((one) => infer(one, view)) };
  }

  infer(ast, { context: top, top, variables: new Map() });
  for (const one of asked) unknown.delete(one);
  return { misread: [...misread.values()], unknown, work };
}

/** What the schema does not name may be there all the same. */
const ASK = '; $lookup(value, "name") reads what no schema names';

/** Fields that a message names. */
const SHOWN = 20;

/** Functions that call another for each element of a list. What they give is made of the list's elements, but for `map`. */
const OVER_ELEMENTS: { readonly [name: string]: 'one' | 'both' } = { map: 'one', filter: 'one', single: 'one', sort: 'both' };

const nameOf = ({ type, value }: Node, before: string): string => {
  if (type === 'variable') return value === '$' ? '$$' : `$${String(value)}`;
  return type !== 'name' ? before : before === '' ? String(value) : `${before}.${String(value)}`;
};

function partsOf(node: Node): Node[] {
  const inside: unknown[] = [node.lhs, node.rhs, node['expression'], node['procedure'], node['body'], ...((node['arguments'] as []) ?? [])];
  return inside.filter((one): one is Node => typeof one === 'object' && one !== null && typeof (one as Node).type === 'string');
}

/** The names that are read in a part of an expression. */
function namesIn(node: Node): Node[] {
  const names: Node[] = [];
  const seen = new Set<object>();
  const waiting: object[] = [node];
  for (let one = waiting.pop(); one !== undefined; one = waiting.pop()) {
    if (seen.has(one) || one instanceof RegExp) continue;
    seen.add(one);
    if ((one as Node).type === 'name') names.push(one as Node);
    for (const inside of Object.values(one)) if (typeof inside === 'object' && inside !== null) waiting.push(inside);
  }
  return names;
}
