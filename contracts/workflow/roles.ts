/** Parts of an expression whose values JSONata does more with than pass them on: what it costs is known when the value is. */
import type { Node } from './references.ts';

export type Role = {
  /** The whole of the value is looked at, or written out. */
  readonly compared?: boolean;
  /** How often the list is copied while those beside it are put together with it. */
  readonly copies?: number;
  /** It names a group, which is copied whenever something joins it. */
  readonly key?: boolean;
  /** What has been measured is changed by it. */
  readonly changes?: boolean;
};

export type Roles = WeakMap<Node, Role>;

/** Every node of a syntax tree, each once: it may share parts. @throws when they stand deeper than so many levels within each other. */
export function nodesIn(ast: Node, levels: number): Node[] {
  const seen = new Set<object>([ast]);
  let level: object[] = [ast];
  const nodes: Node[] = [];
  // A part stands in a list of the part around it, so that there are two levels of objects for each.
  for (let depth = 0; level.length > 0; depth += 1) {
    if (depth > 2 * levels) throw new Error(`its parts stand more than ${levels} levels within each other: flatten it`);
    const below: object[] = [];
    for (const one of level) {
      if (typeof (one as Node).type === 'string') nodes.push(one as Node);
      for (const inside of Object.values(one)) {
        if (typeof inside !== 'object' || inside === null || inside instanceof RegExp || seen.has(inside)) continue;
        seen.add(inside);
        below.push(inside);
      }
    }
    level = below;
  }
  return nodes;
}

export function rolesIn(nodes: readonly Node[]): Roles {
  const roles: Roles = new WeakMap();
  const give = (node: unknown, role: Role): void => {
    if (typeof node === 'object' && node !== null) roles.set(node as Node, { ...roles.get(node as Node), ...role });
  };
  for (const node of nodes) {
    const { type, value, lhs, rhs } = node;
    if (type === 'binary' && ['=', '!=', '&', 'and', 'or'].includes(value as string))
      for (const side of [lhs, rhs]) give(side, { compared: true });
    if (type === 'condition') give(node['condition'], { compared: true });
    if (type === 'unary' && value === '[') {
      const items = node['expressions'] as Node[];
      for (const [index, item] of items.entries()) give(item, { copies: items.length - index });
    }
    if (node.group !== undefined) for (const [key] of node.group.lhs) give(key, { key: true });
    if (type === 'transform') give(node['update'], { changes: true });
  }
  return roles;
}
