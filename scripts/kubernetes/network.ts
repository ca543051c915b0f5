/** Which pods may call which in the cluster: none, except for the policies here. Probes come from the node and pass. */
import type { INetworkPolicy } from 'kubernetes-models/networking.k8s.io/v1/NetworkPolicy';
import { NAMESPACE, needs } from './needs.ts';
import { API_PORT } from './pod.ts';

const BROKER_PORT = 4222;
const ROUTE_PORT = 6222;
/** As the official chart labels its pods. */
const broker = { matchLabels: { 'app.kubernetes.io/name': 'nats' } };
const ours = { matchLabels: { 'app.kubernetes.io/part-of': 'reel' } };
const named = (name: string): { matchLabels: { [key: string]: string } } => ({ matchLabels: { 'app.kubernetes.io/name': name } });
const labelled = (label: string) => ({ matchLabels: { [label]: 'true' } });
/** Pods of whichever namespace. */
const anywhere = (podSelector: { matchLabels: { [key: string]: string } }) => ({ namespaceSelector: {}, podSelector });
const tcp = (port: number) => ({ protocol: 'TCP' as const, port });

/** Addresses that are not the world: those inside, and those that tell a machine its own secrets. */
const INSIDE = ['10.0.0.0/8', '172.16.0.0/12', '192.168.0.0/16', '100.64.0.0/10', '169.254.0.0/16', '127.0.0.0/8'];
const INSIDE_V6 = ['fc00::/7', 'fe80::/10', '::1/128'];

const policy = (name: string, spec: NonNullable<INetworkPolicy['spec']>): INetworkPolicy => ({
  apiVersion: 'networking.k8s.io/v1',
  kind: 'NetworkPolicy',
  metadata: { name, labels: { 'app.kubernetes.io/part-of': 'reel' } },
  spec,
});

/** Every namespace bears its own name as a label. */
const dns = { namespaceSelector: { matchLabels: { 'kubernetes.io/metadata.name': 'kube-system' } } };

const worldly = {
  matchExpressions: [
    { key: 'app.kubernetes.io/name', operator: 'In', values: Object.entries(needs).flatMap(([name, { world }]) => (world ? [name] : [])) },
  ],
};

export const policies: readonly INetworkPolicy[] = [
  policy('nobody', { podSelector: {}, policyTypes: ['Ingress', 'Egress'] }),
  policy('names', {
    podSelector: {},
    policyTypes: ['Egress'],
    egress: [{ to: [dns], ports: [{ protocol: 'UDP', port: 53 }, tcp(53)] }],
  }),
  policy('services-to-broker', {
    podSelector: ours,
    policyTypes: ['Egress'],
    egress: [{ to: [{ podSelector: broker }], ports: [tcp(BROKER_PORT)] }],
  }),
  policy('broker', {
    podSelector: broker,
    policyTypes: ['Ingress', 'Egress'],
    ingress: [
      { from: [{ podSelector: ours }], ports: [tcp(BROKER_PORT)] },
      { from: [{ podSelector: broker }], ports: [tcp(ROUTE_PORT)] },
    ],
    egress: [{ to: [{ podSelector: broker }], ports: [tcp(ROUTE_PORT)] }],
  }),
  // Until the gateway can tell who is asking, it is this that keeps strangers away.
  policy('clients-to-gateway', {
    podSelector: named('gateway'),
    policyTypes: ['Ingress'],
    ingress: [{ from: [anywhere(labelled('reel/client'))], ports: [tcp(API_PORT)] }],
  }),
  policy('executors-to-world', {
    podSelector: worldly,
    policyTypes: ['Egress'],
    egress: [
      { to: [anywhere(labelled('reel/tool'))] },
      {
        to: [{ ipBlock: { cidr: '0.0.0.0/0', except: INSIDE } }, { ipBlock: { cidr: '::/0', except: INSIDE_V6 } }],
        ports: [tcp(443)],
      },
    ],
  }),
  // Other pods of this namespace may neither call nor be called, unless that is allowed as well.
  policy('tools-here', { podSelector: labelled('reel/tool'), policyTypes: ['Ingress'], ingress: [{ from: [{ podSelector: worldly }] }] }),
  policy('clients-here', {
    podSelector: labelled('reel/client'),
    policyTypes: ['Egress'],
    egress: [{ to: [{ podSelector: named('gateway') }], ports: [tcp(API_PORT)] }],
  }),
];

export const namespace = {
  apiVersion: 'v1',
  kind: 'Namespace',
  metadata: {
    name: NAMESPACE,
    labels: { 'pod-security.kubernetes.io/enforce': 'baseline', 'pod-security.kubernetes.io/warn': 'restricted' },
  },
} as const;
