/** Asks Cedar. What it is asked, and the little that decides it, is the whole of the answer: equal questions are answered once. */
import { preparsePolicySet, type StatefulAuthorizationCall, statefulIsAuthorized } from '@cedar-policy/cedar-wasm/nodejs';
import { digestOf } from '@reel/bus/digest.ts';
import type { Problem } from '@reel/contracts/envelope.ts';
import { type Looks, looksAtAll, looksOf } from './look.ts';
import { type Action, actions, type Policy, PolicyError, type PolicyFile, parsePolicies } from './policies.ts';
import { cedarValue, type Value } from './value.ts';

/** May this user do that to this, in this context? */
export type Question = {
  readonly who: string;
  readonly action: Action;
  readonly resource: { readonly type: string; readonly id: string; readonly attributes?: { readonly [name: string]: Value } };
  readonly context: { readonly [name: string]: Value };
};

/** Which policies decided; in favour with what they want a person to be asked first, or against with the reason. */
export type Opinion = { readonly policies: string[] } & (
  | { readonly allowed: true; readonly holds: readonly string[] }
  | { readonly allowed: false; readonly problem: Problem }
);

/** A set of policies that can be asked. `digest` is `sha256:…` of the files' names and contents. */
export type Judge = { readonly digest: string; ask(question: Question): Opinion };

const KEPT = 2_000;

/** Makes the policies of these files ready to be asked. @throws PolicyError when they are not usable. */
export function judgeBy(files: readonly PolicyFile[]): Judge {
  const policies = parsePolicies(files);
  const digest = digestOf(Object.fromEntries(files.map(({ name, text }) => [name, text])));
  const slices = Object.fromEntries(actions.map((action) => [action, sliceOf(action, policies, digest)])) as { [action in Action]: Slice };
  const answered = new Map<string, Opinion>();

  const ask = ({ who, action, resource, context }: Question): Opinion => {
    const type = { type: resource.type, id: resource.id };
    const { looks, name } = slices[action];
    const attributes = looksAtAll(looks.resource) ? (cedarValue(resource.attributes, looks.resource) as Record<string, never>) : undefined;
    const call: StatefulAuthorizationCall = {
      principal: { type: 'User', id: who },
      action: { type: 'Action', id: action },
      resource: type,
      context: cedarValue(context, looks.context) as Record<string, never>,
      preparsedPolicySetId: name,
      validateRequest: false,
      entities: attributes === undefined ? [] : [{ uid: type, attrs: attributes, parents: [] }],
    };
    const key = JSON.stringify([who, action, resource.type, resource.id, attributes, call.context]);
    const known = answered.get(key);
    if (known !== undefined) return known;
    const opinion = opinionOn(call, policies);
    if (answered.size >= KEPT) answered.delete(answered.keys().next().value as string);
    answered.set(key, opinion);
    return opinion;
  };
  return { digest, ask };
}

/** The policies that an action can meet, and what they look at. Cedar copies the set for every question: so it had better be small. */
type Slice = { readonly name: string; readonly looks: Looks };

function sliceOf(action: Action, policies: ReadonlyMap<string, Policy>, digest: string): Slice {
  const meeting = [...policies.values()].filter((policy) => policy.actions === undefined || policy.actions.includes(action));
  const name = `${digest} ${action}`;
  const prepared = preparsePolicySet(name, { staticPolicies: Object.fromEntries(meeting.map(({ id, text }) => [id, text])) });
  if (prepared.type === 'failure') throw new PolicyError(prepared.errors.map(({ message }) => message).join('\n'));
  return { name, looks: looksOf(meeting.map(({ json }) => json)) };
}

function opinionOn(call: StatefulAuthorizationCall, policies: ReadonlyMap<string, Policy>): Opinion {
  const answer = authorized(call);
  if (typeof answer === 'string') return against([], 'policy-error', `Cedar could not be asked ${sentence(call)}: ${answer}`);
  const determining = answer.reason.map((id) => policies.get(id) as Policy).sort((a, b) => (a.id < b.id ? -1 : 1));
  const ids = determining.map(({ id }) => id);
  const failed = answer.errors.map(({ policyId, error }) => ({ policy: policies.get(policyId) as Policy, message: error.message }));
  const failures = failed.map(({ policy, message }) => `policy "${policy.id}" could not be evaluated: ${message}`).sort();
  if (answer.decision === 'allow') {
    // Cedar passes over a policy that it cannot evaluate. One that would have forbidden, or held, must not be lost that way.
    const lost = failed.filter(({ policy }) => policy.effect === 'forbid' || policy.hold !== undefined).map(({ policy }) => policy.id);
    if (lost.length > 0) return against(lost.sort(), 'policy-error', `${failures.join('; ')}: correct the policy, e.g. with \`has\``);
    return { allowed: true, policies: ids, holds: [...new Set(determining.flatMap(({ hold }) => hold ?? []))] };
  }
  if (determining.length === 0) {
    return against([], 'not-permitted', [`no policy permits ${sentence(call)}`, ...failures].join('; '));
  }
  const words = determining.map(({ id, reason }) => `policy "${id}" forbids ${sentence(call)}${reason === undefined ? '' : `: ${reason}`}`);
  return against(ids, 'forbidden', words.join('; '));
}

const against = (policies: string[], code: string, message: string): Opinion => ({
  allowed: false,
  policies,
  problem: { code, message, retryable: false },
});

type Answer = {
  readonly decision: 'allow' | 'deny';
  readonly reason: string[];
  readonly errors: { policyId: string; error: { message: string } }[];
};

/** Cedar's answer, or why there is none. A trap is thrown on: after it the module cannot be trusted. */
function authorized(call: StatefulAuthorizationCall): Answer | string {
  try {
    const answer = statefulIsAuthorized(call);
    if (answer.type === 'failure') return answer.errors.map(({ message }) => message).join('; ');
    return { decision: answer.response.decision, ...answer.response.diagnostics };
  } catch (error) {
    if ((error as Error).name === 'RuntimeError') throw error;
    return (error as Error).message;
  }
}

const quoted = (value: unknown): string => JSON.stringify(value);

function sentence({ principal, action, resource }: StatefulAuthorizationCall): string {
  const [who, what, on] = [principal, action, resource].map((uid) => uid as { type: string; id: string });
  return `${what?.type}::${quoted(what?.id)} on ${on?.type}::${quoted(on?.id)} for ${who?.type}::${quoted(who?.id)}`;
}
