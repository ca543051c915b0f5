/** Who there is in a cluster with Reel, and who of them may call whom: a table made by hand, which the policies have to come to. */
import type { Document } from '@reel/scripts/kubernetes/base.ts';
import type { Workload } from '@reel/scripts/kubernetes/check.ts';
import { type At, type End, mayBeCalled, mayCall, type mayReach } from '@reel/scripts/kubernetes/reach.ts';
import { SERVICES } from './demands.ts';
import { labelsOf, nameOf, of } from './pods.ts';

type Policy = Parameters<typeof mayReach>[0][number];

/** As the official chart labels the broker's pods when it is installed by the name `nats`. */
const NATS = {
  'helm.sh/chart': 'nats-2.14.2',
  'app.kubernetes.io/name': 'nats',
  'app.kubernetes.io/instance': 'nats',
  'app.kubernetes.io/component': 'nats',
  'app.kubernetes.io/version': '2.14.2',
  'app.kubernetes.io/managed-by': 'Helm',
};
const CLIENT = { app: 'shop', 'reel/client': 'true' };
const TOOL = { app: 'tickets', 'reel/tool': 'true' };

const pod = (namespace: string, labels: { readonly [key: string]: string }): End => ({ ip: '10.244.1.7', pod: { namespace, labels } });
const others: readonly (readonly [string, End])[] = [
  ['broker', pod('reel', NATS)],
  ['client', pod('shop', CLIENT)],
  ['client here', pod('reel', CLIENT)],
  ['tool', pod('tickets', TOOL)],
  ['tool here', pod('reel', TOOL)],
  ['stranger', pod('shop', { app: 'shop' })],
  ['stranger here', pod('reel', { app: 'shop' })],
  // They have the labels, and not the namespace.
  ['false service', pod('shop', { 'app.kubernetes.io/name': 'tool-executor', 'app.kubernetes.io/part-of': 'reel' })],
  ['false gateway', pod('shop', { 'app.kubernetes.io/name': 'gateway', 'app.kubernetes.io/part-of': 'reel' })],
  ['false broker', pod('shop', NATS)],
  ['false client', pod('shop', { 'reel/client': 'false' })],
  ['names', pod('kube-system', { 'k8s-app': 'kube-dns' })],
  ['world', { ip: '203.0.113.7' }],
  ['world, IPv6', { ip: '2001:db8::7' }],
  // What is inside: the cluster's own API, machines beside it, and those that tell a machine its secrets.
  ...['10.96.0.1', '172.20.0.1', '192.168.0.1', '100.100.100.200', '169.254.169.254', '127.0.0.1', 'fd00:ec2::254', 'fe80::1', '::1'].map(
    (ip) => [ip, { ip }] as const,
  ),
];

const PORTS = ['UDP 53', 'TCP 53', 'TCP 80', 'TCP 443', 'UDP 443', 'TCP 4222', 'TCP 6222', 'TCP 7070', 'TCP 7071', 'TCP 8222'];
const HERE = [...SERVICES, 'provisioner', 'broker', 'client here', 'tool here', 'stranger here'];
const EXECUTORS = ['tool-executor', 'model-executor'];

/** Who may call whom, and where. Nobody else may call anybody. */
const MAY: readonly (readonly [from: readonly string[], to: readonly string[], ports: readonly string[]])[] = [
  [[...SERVICES, 'provisioner'], ['broker'], ['TCP 4222']],
  // The nodes of the broker among themselves.
  [['broker'], ['broker'], ['TCP 6222']],
  [['client', 'client here'], ['gateway'], ['TCP 7070']],
  [EXECUTORS, ['world', 'world, IPv6'], ['TCP 443']],
  [EXECUTORS, ['tool', 'tool here'], PORTS],
  [HERE, ['names'], ['UDP 53', 'TCP 53']],
];
const may: ReadonlySet<string> = new Set(
  MAY.flatMap(([from, to, ports]) => from.flatMap((one) => to.flatMap((other) => ports.map((port) => `${one} > ${other}, ${port}`)))),
);

/** Where the policies of these objects differ from the table, as `planner > broker, TCP 4222: may not`, or one side of a call does. */
export function astray(all: readonly Document[]): string[] {
  const policies = of<Policy>(all, 'NetworkPolicy');
  const workloads = [...of<Workload>(all, 'Deployment'), ...of<Workload>(all, 'Job')];
  const ends = [...workloads.map((one) => [nameOf(one), pod('reel', labelsOf(one))] as const), ...others];
  const here = new Set(HERE);
  return ends.flatMap(([from, one]) =>
    // What others do among themselves is not for Reel to say. Who calls its own like is another pod of the same.
    ends
      .filter(([to]) => here.has(from) || here.has(to))
      .flatMap(([to, other]) =>
        PORTS.flatMap((text) => {
          const [protocol, port] = text.split(' ');
          const at = { protocol, port: Number(port) } as At;
          const call = `${from} > ${to}, ${text}`;
          const [calls, isCalled] = [mayCall(policies, one, other, at), mayBeCalled(policies, one, other, at)];
          const can = calls && isCalled;
          if (can !== may.has(call)) return [`${call}: ${can ? 'may' : 'may not'}`];
          // Here, neither side relies on the other.
          return here.has(from) && here.has(to) && calls !== isCalled ? [`${call}: ${calls ? 'may call' : 'may be called'}`] : [];
        }),
      ),
  );
}
