/** What a JSONata expression may look at, read off its syntax tree: which names of its scope, which steps, which functions. */

/**
 * The steps whose results are meant: the ids in `steps.<id>`. `all`: it goes through `steps` in a way that cannot be told in advance
 * (`steps.*`, `$lookup(steps, …)`, `$$`), so it may be any step's.
 */
export type References = { readonly steps: readonly string[]; readonly all: boolean };

/** The names at the top of the scope that are looked up; `whole` when that cannot be told in advance. */
export type Sight = References & { readonly names: readonly string[]; readonly whole: boolean };

/** As much of JSONata's syntax tree as is looked at here; it is the tree after JSONata's own post-processing. */
export type Node = {
  type: string;
  value?: unknown;
  position?: number;
  steps?: Node[];
  predicate?: { expr?: Node }[];
  stages?: { expr?: Node }[];
  group?: { lhs: [Node, Node][] };
  terms?: { expression: Node }[];
  lhs?: Node | [Node, Node][];
  rhs?: Node;
  focus?: string;
  index?: string;
  keepArray?: boolean;
  keepSingletonArray?: boolean;
  tuple?: boolean;
  [other: string]: unknown;
};

/** A variable that is named, and where. */
export type Mention = { readonly name: string; readonly position: number | undefined };

/** Everything that an expression refers to, and every variable and function it names. */
export function mentionsIn(ast: Node): { sight: Sight; variables: readonly Mention[] } {
  const names = new Set<string>();
  const steps = new Set<string>();
  const variables: Mention[] = [];
  let all = false;
  let whole = false;

  /** `atTop`: the context in which the node is evaluated is the scope itself, so that a bare name is one of the scope's. */
  function visit(node: Node, atTop: boolean): void {
    if (node.type === 'path') {
      visitPath(node, atTop);
      return;
    }
    if (node.type === 'variable') {
      if (typeof node.value === 'string') variables.push({ name: node.value, position: node.position });
      if (isTop(node, atTop)) whole = true;
    }
    if (node.type === 'parent' || ((node.type === 'wildcard' || node.type === 'descendant') && atTop)) whole = true;
    for (const inside of sameContext(node)) visit(inside, atTop);
    visitDecorations(node);
  }

  function visitPath(path: Node, atTop: boolean): void {
    const parts = path.steps as Node[];
    const first = parts[0] as Node;
    // A focus keeps the context where it was: what follows may start at the top again.
    if (atTop && parts.some((part) => part.focus !== undefined || part.index !== undefined)) whole = true;
    const fromVariable = isTop(first, atTop) && isBare(first) && parts.length > 1;
    if (fromVariable || (first.type === 'name' && atTop)) visitFromTop(fromVariable ? parts.slice(1) : parts);
    else {
      visit(first, atTop);
      for (const part of parts.slice(1)) visit(part, false);
    }
    visitDecorations(path);
  }

  function visitFromTop(parts: readonly Node[]): void {
    const [top, next] = parts as [Node, Node | undefined];
    if (top.type === 'name') {
      names.add(String(top.value));
      if (top.value === 'steps') {
        if (isBare(top) && next?.type === 'name') steps.add(String(next.value));
        else all = true;
      }
      visitDecorations(top);
    } else visit(top, true);
    for (const part of parts.slice(1)) visit(part, false);
  }

  /** Predicates, grouping and ordering are evaluated once for each item, with the item as their context. */
  function visitDecorations(node: Node): void {
    for (const { expr } of [...(node.predicate ?? []), ...(node.stages ?? [])]) if (expr !== undefined) visit(expr, false);
    for (const [key, value] of node.group?.lhs ?? []) {
      visit(key, false);
      visit(value, false);
    }
    for (const { expression } of node.terms ?? []) visit(expression, false);
    if (node.type === 'transform') for (const key of ['pattern', 'update', 'delete']) if (isNode(node[key])) visit(node[key], false);
  }

  visit(ast, true);
  return { sight: { steps: [...steps], all: all || whole, names: [...names], whole }, variables };
}

/** The names of a path that is nothing but names, such as `steps.search.id`; undefined for everything else. */
export function plainPath(ast: Node): readonly string[] | undefined {
  if (ast.type !== 'path' || ast.keepSingletonArray || ast.tuple || !isBare(ast)) return undefined;
  const parts = ast.steps as Node[];
  return parts.every((part) => part.type === 'name' && isBare(part)) ? parts.map((part) => String(part.value)) : undefined;
}

const isNode = (value: unknown): value is Node => typeof value === 'object' && value !== null && typeof (value as Node).type === 'string';

const isTop = (node: Node, atTop: boolean): boolean => node.type === 'variable' && (node.value === '$' || (node.value === '' && atTop));

const isBare = (node: Node): boolean =>
  ['predicate', 'stages', 'group', 'focus', 'index', 'keepArray', 'tuple', 'ancestor'].every((key) => node[key] === undefined);

function sameContext(node: Node): Node[] {
  const inside: unknown[] = Array.isArray(node.lhs) ? node.lhs.flat() : [node.lhs];
  inside.push(node.rhs, node['expression'], node['procedure'], node['condition'], node['then'], node['else'], node['body']);
  for (const list of [node['expressions'], node['arguments']]) if (Array.isArray(list)) inside.push(...list);
  return inside.filter(isNode);
}
