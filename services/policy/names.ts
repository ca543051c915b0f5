/** Finds what a policy names and nothing has: members that are never there, and texts that a value never is. */
import type { PolicyJson } from '@cedar-policy/cedar-wasm/nodejs';
import { patternOf } from '@reel/contracts/pattern.ts';
import { didYouMean } from '@reel/contracts/workflow/nearest.ts';
import { FREE, type Known, type Schema } from './schema.ts';

/** `path` is where it is looked for, as written, as far as that is known: ['context', 'run'] for `context.run.wrkflow`. */
export type Misnamed = { readonly path: readonly string[]; readonly name: string; readonly message: string };

type Scene = { readonly [variable: string]: readonly Known[] };
type Expression = { readonly [operator: string]: never };
type Operands = {
  readonly left: Expression;
  readonly right: Expression;
  readonly attr: string | readonly string[];
  readonly then: Expression;
  readonly else: Expression;
  readonly pattern: readonly ('Wildcard' | { readonly Literal: string })[];
};

/** @param actions those that the policy can meet. */
export function misnamedIn(
  { conditions, resource }: PolicyJson,
  actions: readonly string[],
  { actions: known, entities }: Schema,
): Misnamed[] {
  const met = actions.flatMap((action) => known[action] ?? []);
  const named =
    resource.op === '==' && 'entity' in resource ? typeOf(resource.entity) : resource.op === 'is' ? resource.entity_type : undefined;
  const types = new Set(met.flatMap(({ resources }) => resources).filter((type) => named === undefined || type === named));
  const scene: Scene = {
    principal: [entities['User'] as Known],
    resource: [...types].map((type) => entities[type] as Known),
    context: met.map(({ context }) => context),
  };
  const found: Misnamed[] = [];
  for (const { body } of conditions) visit(body as Expression, scene, found);
  questionsIn([resource, conditions], known['vote']?.context.members?.['kind']?.values ?? [], found);
  return found;
}

/** What is voted on is `<kind>/<id>`: of another kind there is never a question. */
function questionsIn(part: unknown, kinds: readonly string[], found: Misnamed[]): void {
  if (part === null || typeof part !== 'object') return;
  const { type, id } = part as { type?: unknown; id?: unknown };
  if (type === 'Question' && typeof id === 'string') {
    const [kind = ''] = id.split('/');
    const message = `there is never a Question::"${id}": expected "<kind>/<id>" with one of ${kinds.join(', ')}${didYouMean(kind, kinds)}`;
    if (!id.includes('/') || !kinds.includes(kind)) found.push({ path: ['Question'], name: id, message });
  }
  for (const one of Object.values(part)) questionsIn(one, kinds, found);
}

const typeOf = (uid: { type: string } | { __entity: { type: string } }): string => ('__entity' in uid ? uid.__entity.type : uid.type);

/** @returns what is known of the value of an expression, for each way in which it can come about. */
function visit(expression: Expression, scene: Scene, found: Misnamed[]): readonly Known[] {
  const [[operator, operands]] = Object.entries(expression) as unknown as [[string, Operands]];
  const into = (part: Expression): readonly Known[] => visit(part, scene, found);
  switch (operator) {
    case 'Var':
      return scene[operands as never as string] ?? [FREE];
    case 'Value':
      return [FREE];
    case '.':
    case 'has': {
      let at = into(operands.left);
      let path = pathOf(operands.left);
      for (const name of [operands.attr].flat()) {
        at = membersOf(at, name, path, found);
        path = [...path, name];
      }
      return operator === 'has' ? [FREE] : at;
    }
    case 'if-then-else':
      into((operands as never as { if: Expression }).if);
      return [...into(operands.then), ...into(operands.else)];
    case '==':
    case '!=':
    case 'contains':
    case 'containsAll':
    case 'containsAny':
      mayBe(into(operands.left), textsIn(operands.right), found);
      mayBe(into(operands.right), textsIn(operands.left), found);
      return [FREE];
    case 'hasTag':
    case 'getTag':
      tagless(into(operands.left), operands.right, found);
      return [FREE];
    case 'like':
      mayBeLike(into(operands.left), operands.pattern, found);
      return [FREE];
    default:
      for (const part of Object.values(operands)) if (part !== null && typeof part === 'object') into(part as Expression);
      return [FREE];
  }
}

/** The names by which a value is reached, from the variable on; none where it is reached otherwise. */
function pathOf(expression: Expression): readonly string[] {
  const { Var, '.': access } = expression as { Var?: string; '.'?: { left: Expression; attr: string } };
  if (Var !== undefined) return [Var];
  const before = access === undefined ? [] : pathOf(access.left);
  return access === undefined || before.length === 0 ? [] : [...before, access.attr];
}

function membersOf(all: readonly Known[], name: string, path: readonly string[], found: Misnamed[]): readonly Known[] {
  if (all.length === 0) return [FREE];
  const members = all.flatMap((one) =>
    one.members === undefined ? FREE : Object.hasOwn(one.members, name) ? (one.members[name] as Known) : [],
  );
  if (members.length > 0) return members;
  const there = [...new Set(all.flatMap((one) => Object.keys(one.members ?? {})))];
  const has = there.length === 0 ? 'nothing' : there.join(', ');
  found.push({ path, name, message: `${path.join('.') || 'it'} never has "${name}": it has ${has}${didYouMean(name, there)}` });
  return [FREE];
}

/** Nothing that policies may look at has tags. */
function tagless(all: readonly Known[], name: Expression, found: Misnamed[]): void {
  if (all.some(({ members }) => members === undefined)) return;
  const [tag = ''] = textsIn(name);
  found.push({ path: [], name: tag, message: `it never has the tag "${tag}": nothing here has tags` });
}

function mayBe(all: readonly Known[], texts: readonly string[], found: Misnamed[]): void {
  const values = valuesOf(all);
  if (values === undefined) return;
  for (const text of texts) {
    if (!values.includes(text))
      found.push({ path: [], name: text, message: `it is never "${text}"${butOf(values)}${didYouMean(text, values)}` });
  }
}

function mayBeLike(all: readonly Known[], pattern: Operands['pattern'], found: Misnamed[]): void {
  const values = valuesOf(all);
  if (values === undefined) return;
  const parts = pattern.map((part) => (part === 'Wildcard' ? '.*' : RegExp.escape(part.Literal)));
  const whole = patternOf(`^${parts.join('')}$`, 's');
  if (values.some((value) => whole.test(value))) return;
  const text = pattern.map((part) => (part === 'Wildcard' ? '*' : part.Literal)).join('');
  found.push({ path: [], name: text, message: `it is never like "${text}"${butOf(values)}` });
}

const butOf = (values: readonly string[]): string => `, but one of ${values.join(', ')}`;

/** What a text can be, if that is known in every way in which it can come about. */
function valuesOf(all: readonly Known[]): string[] | undefined {
  const values = all.map((one) => one.values);
  return all.length > 0 && values.every((some) => some !== undefined) ? [...new Set(values.flat())] : undefined;
}

/** The texts that stand in an expression to be compared with. */
function textsIn(expression: Expression): string[] {
  const {
    Value,
    Set: members,
    'if-then-else': either,
  } = expression as {
    Value?: unknown;
    Set?: readonly Expression[];
    'if-then-else'?: Operands;
  };
  if (typeof Value === 'string') return [Value];
  if (members !== undefined) return members.flatMap(textsIn);
  return either === undefined ? [] : [...textsIn(either.then), ...textsIn(either.else)];
}
