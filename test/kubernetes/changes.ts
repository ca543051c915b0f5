/** What can be taken away from pods, and which demands are not met then. */
import type { Document } from '@reel/scripts/kubernetes/base.ts';
import { SIZES } from './demands.ts';
import { nameOf } from './pods.ts';
import type { Installation } from './rendered.ts';

/** What is done to a value: another is put in its place, or it is taken out. */
export const GONE = Symbol('gone');
/** A place in an object, what is put there, and every demand that is not met then. */
export type Change = readonly [path: string, value: unknown, ...demands: string[]];

const ROOT = 'is not root';
const MORE = 'may not become more than it is';
const KEY = 'is given its own key and no other';
const READS = 'can read its key where it looks for it, and not change it';
const TOKEN = 'is given no token';
const NODE = 'sees nothing of its node';
const PROMISED = 'is promised processor time and memory';
const LIMIT = 'has a limit of memory that is enough for it';
const SPREAD = 'is spread over nodes and zones';
const ALIVE = 'is started again when it is not alive, and not at the first doubt';
const READY = 'is left alone while it is not ready';
const START = 'has a minute to start';
const TIME = 'has the time to finish what it has begun';
const ITSELF = 'is the service of its name, and finds the broker';
const COUNTED = 'is counted by its own Deployment alone';
const CALLS = 'makes the usual system calls only';
const CAPABILITIES = 'has no capabilities';
const READ_ONLY = 'has a root that is read-only';
const IMAGE = 'has an image, which is not fetched each time';
const TELLS = 'tells how it is where it is asked';

const CREDENTIALS_OF_ANOTHER = { name: 'other', secret: { secretName: 'credentials-notifier' } };

/** Of any pod. */
export const POD: readonly Change[] = [
  ['pod securityContext', GONE, ROOT, CALLS, READS],
  ['pod securityContext runAsNonRoot', GONE, ROOT],
  ['pod securityContext runAsUser', 0, ROOT],
  ['container securityContext runAsUser', 0, ROOT],
  ['pod securityContext seccompProfile', GONE, CALLS],
  ['container securityContext seccompProfile', { type: 'Unconfined' }, CALLS],
  ['container securityContext', GONE, MORE, READ_ONLY, CAPABILITIES],
  ['container securityContext allowPrivilegeEscalation', true, MORE],
  ['container securityContext allowPrivilegeEscalation', GONE, MORE],
  ['container securityContext privileged', true, MORE],
  ['container securityContext readOnlyRootFilesystem', false, READ_ONLY],
  ['container securityContext capabilities', GONE, CAPABILITIES],
  ['container securityContext capabilities add', ['NET_ADMIN'], CAPABILITIES],
  ['pod hostNetwork', true, NODE],
  ['pod hostPID', true, NODE],
  ['pod volumes +', { name: 'node', hostPath: { path: '/' } }, NODE],
  ['pod automountServiceAccountToken', GONE, TOKEN],
  ['pod automountServiceAccountToken', true, TOKEN],
  ['pod volumes +', { name: 'token', projected: { sources: [{ serviceAccountToken: { path: 'token' } }] } }, TOKEN],
  ['pod serviceAccountName', 'default', 'has an account of its own that hands out no token'],
  ['pod volumes credentials secret secretName', 'credentials-notifier', KEY],
  ['pod volumes +', CREDENTIALS_OF_ANOTHER, KEY],
  ['pod volumes +', { name: 'other', projected: { sources: [{ secret: { name: 'credentials-notifier' } }] } }, KEY],
  ['container envFrom', [{ secretRef: { name: 'credentials-notifier' } }], KEY],
  ['container env', [{ name: 'KEY', valueFrom: { secretKeyRef: { name: 'credentials-notifier', key: 'key' } } }], KEY],
  ['container volumeMounts credentials mountPath', '/etc/credentials', READS],
  ['container volumeMounts credentials readOnly', GONE, READS],
  ['pod securityContext fsGroup', GONE, READS],
  ['pod volumes credentials secret defaultMode', 0o400, READS],
  ['container resources', GONE, PROMISED, LIMIT],
  ['container resources requests', GONE, PROMISED],
  ['container resources requests cpu', GONE, PROMISED],
  ['container resources requests memory', GONE, PROMISED],
  ['container resources limits', GONE, LIMIT],
  ['container resources limits memory', '256Mi', LIMIT],
  ['pod initContainers', [{ name: 'first' }], MORE, READ_ONLY, CAPABILITIES, PROMISED, LIMIT, IMAGE],
];

/** Of the pod of a service. */
const SERVICE: readonly Change[] = [
  ['container livenessProbe', GONE, ALIVE],
  ['container livenessProbe httpGet path', '/readyz', ALIVE],
  ['container livenessProbe httpGet port', 7070, ALIVE],
  ['container livenessProbe failureThreshold', 1, ALIVE],
  ['container livenessProbe periodSeconds', 3600, ALIVE],
  ['container readinessProbe', GONE, READY],
  ['container readinessProbe httpGet path', '/livez', READY],
  ['container readinessProbe httpGet port', 'metrics', READY],
  ['container readinessProbe failureThreshold', 100, READY],
  ['container startupProbe', GONE, START],
  ['container startupProbe failureThreshold', 3, START],
  ['container startupProbe httpGet path', '/', START],
  ['container ports', GONE, START, ALIVE, READY],
  ['pod topologySpreadConstraints', GONE, SPREAD],
  ['pod topologySpreadConstraints 0', GONE, SPREAD],
  ['pod topologySpreadConstraints 0 maxSkew', 5, SPREAD],
  ['pod topologySpreadConstraints 1 labelSelector', GONE, SPREAD],
  ['pod topologySpreadConstraints 1 labelSelector matchLabels', { 'app.kubernetes.io/name': 'other' }, SPREAD],
  ['pod terminationGracePeriodSeconds', 10, TIME],
  ['container args', ['notifier'], ITSELF],
  ['container command', ['sleep'], ITSELF],
  ['container env REEL_NATS value', 'nats://elsewhere:4222', ITSELF],
  ['container env REEL_HEALTH_PORT value', '7072', TELLS],
  ['spec strategy', { type: 'Recreate' }, 'is replaced before it is stopped'],
  ['spec strategy', GONE, 'is replaced before it is stopped'],
  ['spec selector matchLabels', { 'app.kubernetes.io/name': 'other' }, COUNTED],
];

const MAKES = 'makes the streams on every node of the broker, each with its share of the store';
/** Of the provisioner. */
export const PROVISIONER: readonly Change[] = [
  ['container args', ['provision'], MAKES],
  ['spec backoffLimit', 0, 'is tried again until the broker is there'],
  ['pod restartPolicy', 'Never', 'is tried again until the broker is there'],
  ['spec ttlSecondsAfterFinished', GONE, 'goes when it is done, so that it can be made again'],
];

/** All changes to one service in one installation, with what they mean there. */
export function changesTo(service: string, installation: Installation): Change[] {
  const pod = POD.map(([path, value, ...demands]): Change => {
    // A service is told more by its environment than what is put there.
    return path === 'container env' ? [path, value, ...demands, ITSELF, TELLS] : [path, value, ...demands];
  });
  const elsewhere: Change = ['container ports health containerPort', 7072, START, ALIVE, ...(service === 'gateway' ? [] : [READY])];
  const gateway: Change[] = [
    ['container readinessProbe httpGet httpHeaders', GONE, READY],
    ['container lifecycle', GONE, 'lets requests run out, where it is sent some'],
    ['pod terminationGracePeriodSeconds', 15, TIME],
  ];
  const images: { readonly [Name in Installation]: readonly Change[] } = {
    base: [['container image', 'elsewhere.example/reel:0.1.0', IMAGE]],
    production: [
      ['container image', 'reel', IMAGE],
      ['container image', 'registry.example/reel:latest', IMAGE],
      ['container imagePullPolicy', 'Always', IMAGE],
    ],
    development: [
      ['container image', 'reel', IMAGE],
      ['container imagePullPolicy', GONE, IMAGE],
    ],
  };
  return [
    ...pod,
    ...SERVICE,
    elsewhere,
    ...(service === 'gateway' ? gateway : []),
    ...images[installation],
    ['spec replicas', SIZES[installation].replicas - 1, 'is there often enough'],
  ];
}

const SHORT: { readonly [word: string]: string } = { pod: 'spec template spec', container: 'spec template spec containers 0' };
type Holder = { [key: string]: unknown };

/** What is at a key of an object, or at a place of an array, or has that name in an array. */
const at = (holder: unknown, key: string): string =>
  Array.isArray(holder) && !/^\d+$/.test(key) ? String(holder.findIndex((one: { name?: string }) => one.name === key)) : key;

/** The objects with one of them changed. */
export function changed(all: readonly Document[], kind: string, name: string, path: string, value: unknown): Document[] {
  const place = all.findIndex((one) => one.kind === kind && nameOf(one) === name);
  const copy = structuredClone(all[place]);
  const [first = '', ...others] = path.split(' ');
  const keys = [...(SHORT[first] ?? first).split(' '), ...others];
  const last = keys.pop() as string;
  const holder = keys.reduce<unknown>((inner, key) => (inner as Holder)[at(inner, key)], copy) as Holder;
  if (Array.isArray(holder) && last === '+') holder.push(value);
  else if (Array.isArray(holder) && value === GONE) holder.splice(Number(at(holder, last)), 1);
  else if (value === GONE) delete holder[last];
  else holder[last] = value;
  return all.with(place, copy as Document);
}
