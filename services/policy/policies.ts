/** The policies as people wrote them: a folder of Cedar files, read and checked before anything is judged by them. */
import { readdirSync, readFileSync } from 'node:fs';
import { extname, join } from 'node:path';
import { type PolicyJson, policySetTextToParts, policyToJson, type TypeAndId } from '@cedar-policy/cedar-wasm/nodejs';
import { nearest } from '@reel/contracts/workflow/nearest.ts';
import { describe, PolicyError, type PolicyFile, placeIn } from './source.ts';

export const actions = ['run', 'plan', 'step', 'undo', 'answer', 'vote'] as const;
export type Action = (typeof actions)[number];

/** One policy. `hold` is the question of its `@hold("…")`, `reason` that of its `@reason("…")`. */
export type Policy = {
  readonly id: string;
  /** `path:line:column` of a place in its text. */
  readonly at: (index: number) => string;
  readonly text: string;
  readonly json: PolicyJson;
  readonly effect: 'permit' | 'forbid';
  /** The actions that it names; undefined for all. */
  readonly actions: readonly string[] | undefined;
  readonly hold?: string;
  readonly reason?: string;
};

/** Every `*.cedar` and `*.cedarschema` file of a folder, by name. @throws PolicyError when there is none. */
export function readFolder(folder: string): PolicyFile[] {
  let names: string[];
  try {
    names = readdirSync(folder);
  } catch (error) {
    throw new PolicyError(`${folder}: policies cannot be read from there (${(error as Error).message}): let REEL_POLICIES name a folder`);
  }
  for (const name of names) {
    const meant =
      name.startsWith('.') || isPolicies({ name }) || isKinds({ name }) ? undefined : nearest(extname(name), ['.cedar', '.cedarschema']);
    if (meant !== undefined)
      throw new PolicyError(`${join(folder, name)}: it would not be read: let its name end in ${meant}, or take it away`);
  }
  const files = names.filter((name) => isPolicies({ name }) || isKinds({ name })).sort();
  if (!files.some((name) => isPolicies({ name }))) {
    throw new PolicyError(
      `${folder}: no *.cedar file in it, so nothing would ever be permitted: write one, or let REEL_POLICIES name another`,
    );
  }
  return files.map((name) => ({ path: join(folder, name), name, text: readFileSync(join(folder, name), 'utf8') }));
}

const isPolicies = ({ name }: Pick<PolicyFile, 'name'>): boolean => name.endsWith('.cedar');
/** Whether a file declares kinds of steps. */
export const isKinds = ({ name }: Pick<PolicyFile, 'name'>): boolean => name.endsWith('.cedarschema');

/**
 * The policies of all files, by id: that of `@id("…")`, or `<file>#<k>` for the k-th of a file.
 * @throws PolicyError for what is not Cedar, an id that is taken, a template, a `@hold` on a forbid.
 */
export function parsePolicies(files: readonly PolicyFile[]): ReadonlyMap<string, Policy> {
  const policies = new Map<string, Policy>();
  for (const policy of files.filter(isPolicies).flatMap(parseFile)) {
    const taken = policies.get(policy.id);
    if (taken !== undefined) {
      throw new PolicyError(
        `${policy.at(0)}: the id "${policy.id}" is taken by the policy at ${taken.at(0)}: give one of them another @id`,
      );
    }
    if (policy.effect === 'forbid' && policy.hold !== undefined) {
      throw new PolicyError(`${policy.at(0)}: @hold on a forbid: what is forbidden is not held. Put it on the permit, or leave it out`);
    }
    policies.set(policy.id, policy);
  }
  return policies;
}

function parseFile(file: PolicyFile): Policy[] {
  const parts = policySetTextToParts(file.text);
  if (parts.type === 'failure') throw new PolicyError(parts.errors.map((error) => describe(file, error)).join('\n'));
  const [template] = parts.policy_templates;
  if (template !== undefined) {
    const where = placeIn(file, Math.max(0, file.text.indexOf(template)));
    throw new PolicyError(`${where}: a template (?principal, ?resource) is never linked here: write the policy out`);
  }
  return inOrder(file.text, parts.policies).map(({ text, start }, k) => parsePolicy(file, text, start, k + 1));
}

/** Cedar gives the policies of a text word for word, but sorted by their names policy0, policy1, policy10: so they are put back in order. */
function inOrder(text: string, sorted: readonly string[]): { text: string; start: number }[] {
  const names = sorted.map((_, k) => `policy${k}`);
  const byName = new Map([...names].sort().map((name, k) => [name, sorted[k] as string]));
  let from = 0;
  return names.map((name) => {
    const policy = byName.get(name) as string;
    const start = Math.max(from, text.indexOf(policy, from));
    from = start + policy.length;
    return { text: policy, start };
  });
}

function parsePolicy(file: PolicyFile, text: string, start: number, k: number): Policy {
  const parsed = policyToJson(text);
  const where = placeIn(file, start);
  if (parsed.type === 'failure') throw new PolicyError(parsed.errors.map(({ message }) => `${where}: ${message}`).join('\n'));
  const { json } = parsed;
  const { id, hold, reason } = json.annotations ?? {};
  const name = id ?? `${file.name}#${k}`;
  // An annotation without a value comes as null, despite the typings.
  const asked = hold === undefined ? {} : { hold: hold ?? `policy "${name}" wants a person to decide` };
  const at = (index: number): string => placeIn(file, start + index);
  const common = { id: name, at, text, json, effect: json.effect, actions: actionsOf(json)?.map((action) => action.id) };
  return { ...common, ...asked, ...(reason ? { reason } : {}) };
}

function actionsOf({ action }: PolicyJson): TypeAndId[] | undefined {
  if (action.op === 'All') return undefined;
  const uids = 'entities' in action ? action.entities : 'entity' in action ? [action.entity] : [];
  return uids.map((uid) => ('__entity' in uid ? uid.__entity : uid));
}
