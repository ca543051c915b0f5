/** Which parts of a request a set of policies can look at: only these need be handed over, and only they can change the answer. */
import type { PolicyJson } from '@cedar-policy/cedar-wasm/nodejs';

/** The whole of a value, or some of its members; neither when all that matters is whether it is there. */
export type Look = { whole: boolean; readonly members: Map<string, Look> };

/** What is looked at of the context, and of the attributes of the resource. */
export type Looks = { readonly context: Look; readonly resource: Look };

export const noLook = (): Look => ({ whole: false, members: new Map() });

/** What the conditions of these policies look at. */
export function looksOf(policies: Iterable<PolicyJson>): Looks {
  const looks = { context: noLook(), resource: noLook() };
  for (const { conditions } of policies) walk(conditions, looks);
  return looks;
}

/** False when nothing of it is looked at, not even whether it is there. */
export const looksAtAll = ({ whole, members }: Look): boolean => whole || members.size > 0;

/** Whether one of these policies names this text in its conditions. */
export function mentions(policies: Iterable<PolicyJson>, text: string): boolean {
  const within = (part: unknown): boolean =>
    part === text || (part !== null && typeof part === 'object' && Object.values(part).some(within));
  return [...policies].some(({ conditions }) => within(conditions));
}

function walk(expression: unknown, looks: Looks): void {
  if (expression === null || typeof expression !== 'object') return;
  const path = pathOf(expression);
  if (path !== undefined) {
    mark(path, looks);
    return;
  }
  for (const [name, part] of Object.entries(expression)) {
    if (name !== 'Value') walk(part, looks);
  }
}

type Path = { readonly variable: string; readonly names: readonly string[]; readonly whole: boolean };

/** `context.arguments.amount` as a path; `context has x` as one whose end need only be there. */
function pathOf(expression: object): Path | undefined {
  if ('Var' in expression && typeof expression.Var === 'string') return { variable: expression.Var, names: [], whole: true };
  const whole = !('has' in expression);
  const access = ('.' in expression ? expression['.'] : 'has' in expression ? expression.has : undefined) as Access | undefined;
  if (access?.left === undefined || access.attr === undefined) return undefined;
  const path = pathOf(access.left);
  return path?.whole === true ? { variable: path.variable, names: path.names.concat(access.attr), whole } : undefined;
}

type Access = { readonly left?: object; readonly attr?: string | readonly string[] };

function mark({ variable, names, whole }: Path, looks: Looks): void {
  if (variable !== 'context' && variable !== 'resource') return;
  let look = looks[variable];
  for (const name of names) {
    const next = look.members.get(name) ?? noLook();
    look.members.set(name, next);
    look = next;
  }
  if (whole) look.whole = true;
}
