/** Tells requests denied in any case from requests that depend on unknown values, by Cedar's partial evaluation. */
import {
  type EntityUidJson,
  isAuthorizedPartial,
  type PolicyJson,
  type PrincipalConstraint,
  type ResourceConstraint,
  type StatefulAuthorizationCall,
} from '@cedar-policy/cedar-wasm/nodejs';
import type { Policy } from './policies.ts';

/**
 * Whether Reel would deny this call with any values in the place of what is unknown in its context: as Cedar decides it, and because a
 * forbid or a hold that cannot be evaluated denies. False when Cedar cannot tell.
 */
export function deniesWhatever(
  call: StatefulAuthorizationCall,
  policies: readonly Policy[],
  ready: ReadonlyMap<string, PolicyJson>,
): boolean {
  // Cedar parses the set for every such question: so it had better be small, or not asked at all.
  const meeting = policies.filter(({ json }) => mayBe(json.principal, call.principal) && mayBe(json.resource, call.resource));
  if (!meeting.some(({ effect }) => effect === 'permit')) return true;
  if (meeting.some(isPlainPermit) && meeting.every(({ effect, hold }) => effect === 'permit' && hold === undefined)) return false;
  const { principal, action, resource, context, entities } = call;
  const staticPolicies = Object.fromEntries(meeting.map(({ id }) => [id, ready.get(id) as PolicyJson]));
  const answer = partially({ principal, action, resource, context, entities, policies: { staticPolicies }, validateRequest: false });
  if (answer?.type !== 'residuals') return false;
  const { decision, errored } = answer.response;
  const denying = (id: string): boolean => meeting.some((one) => one.id === id && (one.effect === 'forbid' || one.hold !== undefined));
  return decision === 'deny' || errored.some(denying);
}

/** Nothing, where the question cannot be put to Cedar. A trap is thrown on: after it the module cannot be trusted. */
function partially(call: Parameters<typeof isAuthorizedPartial>[0]): ReturnType<typeof isAuthorizedPartial> | undefined {
  try {
    return isAuthorizedPartial(call);
  } catch (error) {
    if ((error as Error).name === 'RuntimeError') throw error;
    return undefined;
  }
}

const isPlainPermit = ({ effect, json }: Policy): boolean =>
  effect === 'permit' && json.conditions.length === 0 && [json.principal, json.resource].every(({ op }) => op === 'All' || op === '==');

/** False when the scope of a policy names another principal or resource. */
function mayBe(scope: PrincipalConstraint | ResourceConstraint, uid: EntityUidJson): boolean {
  if (scope.op !== '==' || !('entity' in scope)) return true;
  const [named, asked] = [plain(scope.entity), plain(uid)];
  return named.type === asked.type && named.id === asked.id;
}

const plain = (uid: EntityUidJson): { type: string; id: string } => ('__entity' in uid ? uid.__entity : uid);
