/** Asks Cedar. What it is asked, and the little that decides it, is the whole of the answer: equal questions are answered once. */
import { type PolicyJson, preparsePolicySet, type StatefulAuthorizationCall, statefulIsAuthorized } from '@cedar-policy/cedar-wasm/nodejs';
import { digestOf } from '@reel/bus/runtime/digest.ts';
import type { Problem } from '@reel/contracts/envelope.ts';
import { type Finding, namesOf, toldOf } from './detect/findings.ts';
import { type Looks, looksAtAll, looksOf, mentions } from './look.ts';
import { deniesWhatever } from './partial.ts';
import { type Action, actions, isKinds, type Policy, parsePolicies } from './policies.ts';
import { scaledPolicy } from './scale.ts';
import { readSchema } from './schema.ts';
import { PolicyError, type PolicyFile } from './source.ts';
import { assertValid } from './validate.ts';
import { cedarValue, unknown, type Value } from './value.ts';

/** May this user do that to this, in this context? */
export type Question = {
  readonly who: string;
  readonly action: Action;
  readonly resource: { readonly type: string; readonly id: string; readonly attributes?: { readonly [name: string]: Value } };
  readonly context: { readonly [name: string]: Value };
  /** What the detectors find in what is judged: `context.findings`. Looked for only when a policy looks at it. */
  readonly findings: () => readonly Finding[];
};

/** Which policies decided; in favour with what they want a person to be asked first, or against with the reason. */
export type Opinion = { readonly policies: string[] } & (
  | { readonly allowed: true; readonly holds: readonly string[] }
  | { readonly allowed: false; readonly problem: Problem }
);

/** A set of policies that can be asked. */
export type Judge = {
  /** `sha256:…` of the files' names and contents. */
  readonly digest: string;
  ask(question: Question): Opinion;
  /** True if the question is denied for every finding and every value of `unknown` in its context. False when unsure. */
  rulesOut(question: Question): boolean;
};

const KEPT = 2_000;
/** A longer question, in characters, is answered anew each time: what is kept stays within 40 MB. */
const LONGEST = 8_192;

/** Makes the policies of these files ready to be asked. @throws PolicyError when they are not usable. */
export function judgeBy(files: readonly PolicyFile[]): Judge {
  const policies = parsePolicies(files);
  const schema = readSchema(files.filter(isKinds));
  assertValid(policies.values(), schema);
  const ready = new Map([...policies.values()].map((policy) => [policy.id, scaledPolicy(policy.json, schema, policy.at(0))]));
  const digest = digestOf(Object.fromEntries(files.map(({ name, text }) => [name, text])));
  const slices = Object.fromEntries(actions.map((action) => [action, sliceOf(action, policies, ready, digest)])) as {
    [action in Action]: Slice;
  };
  const answered = new Map<string, Opinion>();

  const callFor = (question: Question, found: Value): StatefulAuthorizationCall => {
    const { looks, name } = slices[question.action];
    return { ...requestOf(question, found, looks, schema.free), preparsedPolicySetId: name, validateRequest: false };
  };

  const ask = (question: Question): Opinion => {
    const { looks } = slices[question.action];
    const found = looks.context.whole || looks.context.members.has('findings') ? question.findings() : [];
    const call = callFor(question, namesOf(found));
    const key = JSON.stringify([call.principal, call.action, call.resource, call.entities, call.context]);
    const known = answered.get(key);
    if (known !== undefined) return placing(known, found, policies);
    const opinion = opinionOn(call, policies);
    if (key.length > LONGEST) return placing(opinion, found, policies);
    if (answered.size >= KEPT) answered.delete(answered.keys().next().value as string);
    answered.set(key, opinion);
    return placing(opinion, found, policies);
  };

  const rulesOut = (question: Question): boolean =>
    deniesWhatever(callFor(question, unknown('findings')), slices[question.action].policies, ready);

  return { digest, ask, rulesOut };
}

/** A question in Cedar's terms, as far as it is looked at. */
export function requestOf({ who, action, resource, context }: Question, found: Value, looks: Looks, free: readonly string[]) {
  const type = { type: resource.type, id: resource.id };
  const attributes = looksAtAll(looks.resource)
    ? (cedarValue(resource.attributes ?? {}, looks.resource, []) as Record<string, never>)
    : undefined;
  return {
    principal: { type: 'User', id: who },
    action: { type: 'Action', id: action },
    resource: type,
    context: cedarValue({ ...context, findings: found }, looks.context, free) as Record<string, never>,
    entities: attributes === undefined ? [] : [{ uid: type, attrs: attributes, parents: [] }],
  };
}

/** The policies that an action can meet, and what they look at. Cedar copies the set for every question: so it had better be small. */
type Slice = { readonly name: string; readonly looks: Looks; readonly policies: readonly Policy[] };

type Ready = ReadonlyMap<string, PolicyJson>;

function sliceOf(action: Action, policies: ReadonlyMap<string, Policy>, ready: Ready, digest: string): Slice {
  const meeting = [...policies.values()].filter((policy) => policy.actions === undefined || policy.actions.includes(action));
  const name = `${digest} ${action}`;
  const prepared = preparsePolicySet(name, {
    staticPolicies: Object.fromEntries(meeting.map(({ id }) => [id, ready.get(id) as PolicyJson])),
  });
  if (prepared.type === 'failure') throw new PolicyError(prepared.errors.map(({ message }) => message).join('\n'));
  return { name, looks: looksOf(meeting.map(({ json }) => json)), policies: meeting };
}

/** An opinion that tells where the policies that forbid it found what they forbid: apart, since elsewhere the same is forbidden as well. */
function placing(opinion: Opinion, found: readonly Finding[], policies: ReadonlyMap<string, Policy>): Opinion {
  if (opinion.allowed || opinion.problem.code !== 'forbidden' || found.length === 0) return opinion;
  const deciding = opinion.policies.map((id) => (policies.get(id) as Policy).json);
  if (!looksOf(deciding).context.members.has('findings')) return opinion;
  const named = found.filter(({ detector }) => mentions(deciding, detector));
  const places = toldOf(named.length > 0 ? named : found);
  return { ...opinion, problem: { ...opinion.problem, message: `${opinion.problem.message} (${places})` } };
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
