/** Which pods may call which by NetworkPolicies, as Kubernetes defines them. Probes come from the node and always pass. */
import { BlockList } from 'node:net';
import type { INetworkPolicy } from 'kubernetes-models/networking.k8s.io/v1/NetworkPolicy';

type Spec = NonNullable<INetworkPolicy['spec']>;
type Rule = { readonly peers: readonly Peer[] | undefined; readonly ports: readonly Port[] | undefined };
type Peer = NonNullable<NonNullable<Spec['ingress']>[number]['from']>[number];
type Port = NonNullable<NonNullable<Spec['ingress']>[number]['ports']>[number];
type Selector = NonNullable<Spec['podSelector']>;
type Labels = { readonly [key: string]: string };
type Direction = 'Ingress' | 'Egress';

/** Somebody at an address; a pod has a namespace and labels besides. */
export type End = { readonly ip: string; readonly pod?: { readonly namespace: string; readonly labels: Labels } };
export type At = { readonly protocol: 'TCP' | 'UDP'; readonly port: number };

/** True when `from` may open a connection to `to`: egress and ingress both allow it. */
export const mayReach = (policies: readonly INetworkPolicy[], from: End, to: End, at: At): boolean =>
  mayCall(policies, from, to, at) && mayBeCalled(policies, from, to, at);
export const mayCall = (policies: readonly INetworkPolicy[], from: End, to: End, at: At): boolean => lets('Egress', policies, from, to, at);
export const mayBeCalled = (policies: readonly INetworkPolicy[], from: End, to: End, at: At): boolean =>
  lets('Ingress', policies, to, from, at);

/** A pod without a policy of this direction is free. A selected pod may do what one of its policies allows. */
function lets(direction: Direction, policies: readonly INetworkPolicy[], self: End, other: End, at: At): boolean {
  const applying = policies.filter((policy) => applies(policy, direction, self));
  const isAllowedBy = ({ metadata, spec }: INetworkPolicy): boolean =>
    rulesOf(spec, direction).some(({ peers = [], ports = [] }) => {
      const isPort = ports.length === 0 || ports.some((port) => includes(port, at));
      return isPort && (peers.length === 0 || peers.some((peer) => matches(peer, metadata?.namespace, other)));
    });
  return applying.length === 0 || applying.some(isAllowedBy);
}

function applies({ metadata, spec }: INetworkPolicy, direction: Direction, { pod }: End): boolean {
  if (pod === undefined || spec === undefined || metadata?.namespace !== pod.namespace) return false;
  const types = spec.policyTypes ?? ['Ingress', ...(spec.egress === undefined ? [] : ['Egress'])];
  return types.includes(direction) && selects(spec.podSelector ?? {}, pod.labels);
}

function rulesOf(spec: INetworkPolicy['spec'], direction: Direction): Rule[] {
  if (direction === 'Ingress') return (spec?.ingress ?? []).map(({ from, ports }) => ({ peers: from, ports }));
  return (spec?.egress ?? []).map(({ to, ports }) => ({ peers: to, ports }));
}

/** @param home the namespace of the policy: a selector of pods alone means pods there */
function matches({ ipBlock, namespaceSelector, podSelector }: Peer, home: string | undefined, { ip, pod }: End): boolean {
  // Some networks ask this of pods as well, by the addresses that they have: the worst is assumed.
  if (ipBlock !== undefined) return within(ip, [ipBlock.cidr]) && !within(ip, ipBlock.except ?? []);
  if (pod === undefined) return false;
  const isNear =
    namespaceSelector === undefined ? pod.namespace === home : selects(namespaceSelector, { 'kubernetes.io/metadata.name': pod.namespace });
  return isNear && selects(podSelector ?? {}, pod.labels);
}

function includes({ protocol = 'TCP', port, endPort }: Port, at: At): boolean {
  if (typeof port === 'string') throw new Error(`the port "${port}" of a NetworkPolicy has a name, which is not looked up here`);
  if (protocol !== at.protocol) return false;
  return port === undefined || (at.port >= port && at.port <= (endPort ?? port));
}

function selects({ matchLabels = {}, matchExpressions = [] }: Selector, labels: Labels): boolean {
  const holds = ({ key, operator, values = [] }: NonNullable<Selector['matchExpressions']>[number]): boolean => {
    const has = Object.hasOwn(labels, key);
    const isOne = has && values.includes(labels[key] as string);
    if (operator === 'In') return isOne;
    if (operator === 'NotIn') return !isOne;
    if (operator === 'Exists') return has;
    if (operator === 'DoesNotExist') return !has;
    throw new Error(`the operator "${operator}" of a selector is not known`);
  };
  return Object.entries(matchLabels).every(([key, value]) => labels[key] === value) && matchExpressions.every(holds);
}

function within(ip: string, blocks: readonly string[]): boolean {
  const family = (address: string): 'ipv4' | 'ipv6' => (address.includes(':') ? 'ipv6' : 'ipv4');
  return blocks.some((block) => {
    const [network = '', bits] = block.split('/');
    if (family(network) !== family(ip)) return false;
    const list = new BlockList();
    list.addSubnet(network, Number(bits), family(network));
    return list.check(ip, family(ip));
  });
}
