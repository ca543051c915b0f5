/** The pod of a service: one container that is not root, writes nowhere, and says how it is. */
import type { IContainer } from 'kubernetes-models/v1/Container';
import type { IPodSpec } from 'kubernetes-models/v1/PodSpec';
import type { IVolume } from 'kubernetes-models/v1/Volume';
import type { Needs } from './needs.ts';

/** What an overlay puts its own image in the place of. */
export const IMAGE = 'reel';
export const BROKER = 'nats://nats:4222';
export const HEALTH_PORT = 7071;
export const API_PORT = 7070;
/** Where credentials and configuration are mounted. */
export const ETC = '/etc/reel';

const USER = 10001;
/** Performers finish within ten seconds what they have begun; what is left is given back then. */
const GRACE_SECONDS = 30;
/** By then no other machine sends it anything new. */
const LINGER_SECONDS = 5;

/** A question for a name that is lost on the way is asked again after one second, not five: nothing stands still for longer. */
const NAMES = [{ name: 'timeout', value: '1' }, { name: 'attempts', value: '5' }, { name: 'single-request-reopen' }];

export const labelsOf = (name: string): { [key: string]: string } => ({
  'app.kubernetes.io/name': name,
  'app.kubernetes.io/part-of': 'reel',
});

/** What every pod has: no privilege, no token, and its keys from a Secret of its own. */
export function hardened(name: string, container: IContainer, volumes: readonly IVolume[]): IPodSpec {
  return {
    serviceAccountName: name,
    automountServiceAccountToken: false,
    enableServiceLinks: false,
    dnsConfig: { options: NAMES },
    securityContext: {
      runAsNonRoot: true,
      runAsUser: USER,
      runAsGroup: USER,
      fsGroup: USER,
      seccompProfile: { type: 'RuntimeDefault' },
    },
    containers: [
      {
        ...container,
        securityContext: { allowPrivilegeEscalation: false, readOnlyRootFilesystem: true, capabilities: { drop: ['ALL'] } },
        volumeMounts: [{ name: 'credentials', mountPath: `${ETC}/credentials`, readOnly: true }, ...(container.volumeMounts ?? [])],
      },
    ],
    // Readable by its group, which is that of the process.
    volumes: [{ name: 'credentials', secret: { secretName: `credentials-${name}`, defaultMode: 0o440 } }, ...volumes],
  };
}

/** The pod that runs the service `name`. */
export function podOf(name: string, { cpu, memory, memoryLimit, env = {}, config = {}, keys, programs }: Needs): IPodSpec {
  const api = name === 'gateway';
  const container: IContainer = {
    name,
    image: IMAGE,
    args: [name],
    env: Object.entries({
      REEL_NATS: BROKER,
      REEL_CREDENTIALS: `${ETC}/credentials`,
      REEL_HEALTH_PORT: String(HEALTH_PORT),
      REEL_LOG: 'info',
      ...env,
    }).map(([key, value]) => ({ name: key, value })),
    ...(keys === undefined ? {} : { envFrom: [{ secretRef: { name: keys, optional: true } }] }),
    ports: [{ name: 'health', containerPort: HEALTH_PORT }, ...(api ? [{ name: 'http', containerPort: API_PORT }] : [])],
    startupProbe: { httpGet: { path: '/livez', port: 'health' }, periodSeconds: 1, failureThreshold: 60 },
    livenessProbe: { httpGet: { path: '/livez', port: 'health' }, periodSeconds: 10, timeoutSeconds: 5, failureThreshold: 3 },
    readinessProbe: {
      // The gateway's own goes as far as the log and back.
      httpGet: api
        ? { path: '/readyz', port: 'http', httpHeaders: [{ name: 'Host', value: 'localhost' }] }
        : { path: '/readyz', port: 'health' },
      periodSeconds: 2,
      timeoutSeconds: 5,
      failureThreshold: 2,
    },
    // Requests go on arriving for some moments after a pod was told to stop.
    ...(api ? { lifecycle: { preStop: { sleep: { seconds: LINGER_SECONDS } } } } : {}),
    resources: { requests: { cpu, memory }, limits: { memory: memoryLimit } },
    volumeMounts: [
      ...Object.entries(config).map(([map, mountPath]) => ({ name: map, mountPath, readOnly: true })),
      ...(programs ? [{ name: 'tmp', mountPath: '/tmp' }] : []),
    ],
  };
  return {
    ...hardened(name, container, [
      ...Object.keys(config).map((map) => ({ name: map, configMap: { name: map } })),
      ...(programs ? [{ name: 'tmp', emptyDir: { sizeLimit: '1Gi' } }] : []),
    ]),
    // Then somebody clears away what the programs leave behind.
    ...(programs ? { shareProcessNamespace: true } : {}),
    terminationGracePeriodSeconds: GRACE_SECONDS,
    topologySpreadConstraints: ['kubernetes.io/hostname', 'topology.kubernetes.io/zone'].map((topologyKey) => ({
      maxSkew: 1,
      topologyKey,
      whenUnsatisfiable: 'ScheduleAnyway' as const,
      labelSelector: { matchLabels: labelsOf(name) },
    })),
  };
}
