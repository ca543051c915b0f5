/** What Reel demands of its pods in a cluster, said by hand: none of it comes from what writes the manifests. */
import type { Document } from '@reel/scripts/kubernetes/base.ts';
import {
  asks,
  bytes,
  type Container,
  carries,
  containersOf,
  environmentOf,
  labelsOf,
  nameOf,
  of,
  patience,
  podOf,
  secretsOf,
  selects,
  serviceOf,
  type Workload,
} from './pods.ts';
import type { Installation } from './rendered.ts';

export const SERVICES = ['gateway', 'planner', 'policy', 'tool-executor', 'model-executor', 'human-executor', 'validator', 'saga-tracker'];

/** How many of each service there are at least, and nodes of the broker: development makes do with one. */
export const SIZES: { readonly [Name in Installation]: { readonly replicas: number; readonly nodes: number; readonly store: string } } = {
  base: { replicas: 2, nodes: 3, store: '16Gi' },
  production: { replicas: 2, nodes: 3, store: '16Gi' },
  development: { replicas: 1, nodes: 1, store: '800Mi' },
};

/** Secrets beside its own key, which an installation may have for it. */
const OTHER_SECRETS: { readonly [name: string]: readonly string[] } = { 'tool-executor': ['tool-keys'], 'model-executor': ['model-keys'] };
const CREDENTIALS = '/etc/reel/credentials';
/** What a service takes at most with the heap of the image. */
const MEMORY_BYTES = 450e6;
/** After SIGTERM it finishes what it has begun for so long. */
const FINISH_SECONDS = 10;

type Surroundings = { readonly all: readonly Document[]; readonly installation: Installation };
export type Demand = { readonly says: string; readonly holds: (one: Workload, surroundings: Surroundings) => boolean };
type Account = { readonly automountServiceAccountToken?: boolean };
type Budget = {
  readonly spec: { readonly maxUnavailable?: number; readonly selector: { readonly matchLabels: { readonly [key: string]: string } } };
};
type Deployment = Workload & {
  readonly spec: {
    readonly replicas?: number;
    readonly strategy?: { readonly rollingUpdate?: { readonly maxUnavailable?: number } };
    readonly selector: { readonly matchLabels: { readonly [key: string]: string } };
  };
};
type Job = Workload & { readonly spec: { readonly backoffLimit?: number; readonly ttlSecondsAfterFinished?: number } };
const jobOf = ({ spec }: Job): Job['spec'] => spec;

const every = (one: Workload, holds: (container: Container) => boolean): boolean => containersOf(one).every(holds);

/** Of the pods of services and of the provisioner. */
const ofAll: readonly Demand[] = [
  {
    says: 'is not root',
    holds: (one) => {
      const { runAsNonRoot, runAsUser = 0, runAsGroup = 0 } = podOf(one).securityContext ?? {};
      const stays = ({ securityContext: own = {} }: Container): boolean => own.runAsUser === undefined && own.runAsNonRoot !== false;
      return runAsNonRoot === true && runAsUser > 0 && runAsGroup > 0 && every(one, stays);
    },
  },
  {
    says: 'may not become more than it is',
    holds: (one) =>
      every(one, ({ securityContext: own = {} }) => own.allowPrivilegeEscalation === false && (own.privileged ?? false) === false),
  },
  { says: 'has a root that is read-only', holds: (one) => every(one, ({ securityContext: own }) => own?.readOnlyRootFilesystem === true) },
  {
    says: 'has no capabilities',
    holds: (one) =>
      every(one, ({ securityContext: { capabilities = {} } = {} }) => {
        return (capabilities.drop ?? []).includes('ALL') && (capabilities.add ?? []).length === 0;
      }),
  },
  {
    says: 'makes the usual system calls only',
    holds: (one) =>
      podOf(one).securityContext?.seccompProfile?.type === 'RuntimeDefault' &&
      every(one, ({ securityContext: own }) => own?.seccompProfile === undefined),
  },
  {
    says: 'sees nothing of its node',
    holds: (one) => {
      const { hostNetwork, hostPID, hostIPC, volumes = [] } = podOf(one);
      const isFree = every(one, ({ ports = [] }) => ports.every(({ hostPort }) => hostPort === undefined));
      return isFree && volumes.every(({ hostPath }) => hostPath === undefined) && !hostNetwork && !hostPID && !hostIPC;
    },
  },
  {
    says: 'is given no token',
    holds: (one) => {
      const { automountServiceAccountToken, volumes = [] } = podOf(one);
      const sources = volumes.flatMap(({ projected }) => projected?.sources ?? []);
      return automountServiceAccountToken === false && sources.every(({ serviceAccountToken }) => serviceAccountToken === undefined);
    },
  },
  {
    says: 'has an account of its own that hands out no token',
    holds: (one, { all }) => {
      const account = of<Account>(all, 'ServiceAccount').find((other) => nameOf(other) === podOf(one).serviceAccountName);
      return podOf(one).serviceAccountName === nameOf(one) && account?.automountServiceAccountToken === false;
    },
  },
  {
    says: 'is given its own key and no other',
    holds: (one) => {
      const name = nameOf(one);
      // kustomize puts a hash behind it, so that a new key is a new Secret.
      const own = new RegExp(`^credentials-${name}(-[a-z0-9]{10})?$`);
      const secrets = secretsOf(one).filter((secret) => !(OTHER_SECRETS[name] ?? []).includes(secret));
      return secrets.length === 1 && own.test(secrets[0] as string);
    },
  },
  {
    says: 'can read its key where it looks for it, and not change it',
    holds: (one) => {
      const volume = (podOf(one).volumes ?? []).find(({ secret }) => secret !== undefined);
      const mount = serviceOf(one).volumeMounts?.find(({ name }) => name === volume?.name);
      const { fsGroup, runAsGroup } = podOf(one).securityContext ?? {};
      const isItsGroups = fsGroup !== undefined && fsGroup === runAsGroup && (volume?.secret?.defaultMode ?? 0o644) === 0o440;
      return mount?.mountPath === CREDENTIALS && mount.subPath === undefined && mount.readOnly === true && isItsGroups;
    },
  },
  {
    says: 'is promised processor time and memory',
    holds: (one) =>
      every(one, ({ resources: { requests = {} } = {} }) => /^\d+m?$/.test(String(requests['cpu'])) && bytes(requests['memory']) > 0),
  },
  {
    says: 'has a limit of memory that is enough for it',
    holds: (one) => every(one, ({ resources }) => bytes(resources?.limits?.['memory']) > MEMORY_BYTES),
  },
  {
    says: 'has an image, which is not fetched each time',
    holds: (one, { installation }) =>
      every(one, ({ image = '', imagePullPolicy }) => {
        // What an overlay puts its own in the place of.
        if (installation === 'base') return image === 'reel';
        const [, tag = 'latest'] = image.split('/').at(-1)?.split(':') ?? [];
        const policy = imagePullPolicy ?? (tag === 'latest' ? 'Always' : 'IfNotPresent');
        return image.includes('/') && policy === 'IfNotPresent';
      }),
  },
];

/** Of the pods of services. */
const ofServices: readonly Demand[] = [
  {
    says: 'is the service of its name, and finds the broker',
    holds: (one) => {
      const { command, args = [] } = serviceOf(one);
      const told = environmentOf(one);
      const finds = told.get('REEL_NATS') === 'nats://nats:4222' && told.get('REEL_CREDENTIALS') === CREDENTIALS;
      return command === undefined && args.join(' ') === nameOf(one) && finds;
    },
  },
  {
    says: 'is there often enough',
    holds: (one, { installation }) => ((one as Deployment).spec.replicas ?? 1) >= SIZES[installation].replicas,
  },
  {
    says: 'has one budget, which lets one go at a time',
    holds: (one, { all }) => {
      const budgets = of<Budget>(all, 'PodDisruptionBudget').filter((budget) => selects(budget, one));
      return budgets.length === 1 && budgets[0]?.spec.maxUnavailable === 1;
    },
  },
  {
    says: 'is counted by its own Deployment alone',
    holds: (one, { all }) => of<Deployment>(all, 'Deployment').every((other) => selects(other, one) === (nameOf(other) === nameOf(one))),
  },
  {
    says: 'is spread over nodes and zones',
    holds: (one) => {
      const { topologySpreadConstraints = [] } = podOf(one);
      return ['kubernetes.io/hostname', 'topology.kubernetes.io/zone'].every((key) =>
        topologySpreadConstraints.some(
          ({ topologyKey, maxSkew, labelSelector }) =>
            topologyKey === key &&
            maxSkew === 1 &&
            carries(labelsOf(one), labelSelector?.matchLabels) &&
            labelSelector?.matchLabels?.['app.kubernetes.io/name'] === nameOf(one),
        ),
      );
    },
  },
  {
    says: 'is replaced before it is stopped',
    holds: (one) => (one as Deployment).spec.strategy?.rollingUpdate?.maxUnavailable === 0,
  },
  {
    says: 'tells how it is where it is asked',
    holds: (one) => environmentOf(one).get('REEL_HEALTH_PORT') === '7071',
  },
  {
    says: 'has a minute to start',
    holds: (one) => {
      const { startupProbe: probe } = serviceOf(one);
      return probe !== undefined && asks(probe, serviceOf(one)) === '7071/livez' && patience(probe) >= 60;
    },
  },
  {
    says: 'is started again when it is not alive, and not at the first doubt',
    holds: (one) => {
      const { livenessProbe: probe } = serviceOf(one);
      const isAsked = probe !== undefined && asks(probe, serviceOf(one)) === '7071/livez';
      return isAsked && patience(probe) >= 30 && patience(probe) <= 60;
    },
  },
  {
    says: 'is left alone while it is not ready',
    holds: (one) => {
      const { readinessProbe: probe } = serviceOf(one);
      if (probe === undefined || patience(probe) > 10) return false;
      if (nameOf(one) !== 'gateway') return asks(probe, serviceOf(one)) === '7071/readyz';
      // It serves those only who call it by one of its names; the node calls it by its address.
      const host = probe.httpGet?.httpHeaders?.find(({ name }) => name === 'Host')?.value;
      return asks(probe, serviceOf(one)) === '7070/readyz' && host === 'localhost';
    },
  },
  {
    says: 'has the time to finish what it has begun',
    holds: (one) => {
      const lingers = serviceOf(one).lifecycle?.preStop?.sleep?.seconds ?? 0;
      return (podOf(one).terminationGracePeriodSeconds ?? 30) > lingers + FINISH_SECONDS;
    },
  },
  {
    says: 'lets requests run out, where it is sent some',
    holds: (one) => nameOf(one) !== 'gateway' || (serviceOf(one).lifecycle?.preStop?.sleep?.seconds ?? 0) >= 5,
  },
];

/** Of the Job that makes streams and durables. */
const ofProvisioner: readonly Demand[] = [
  {
    says: 'makes the streams on every node of the broker, each with its share of the store',
    holds: (one, { installation }) => {
      const { command = [], args = [] } = serviceOf(one);
      const { nodes, store } = SIZES[installation];
      const wanted = `node scripts/reel.ts provision --dir /etc/reel --nats nats://nats:4222 --replicas ${nodes} --store-bytes ${store}`;
      return [...command, ...args].join(' ') === wanted;
    },
  },
  {
    says: 'is tried again until the broker is there',
    holds: (one) => podOf(one).restartPolicy === 'OnFailure' && (jobOf(one).backoffLimit ?? 6) >= 10,
  },
  { says: 'goes when it is done, so that it can be made again', holds: (one) => jobOf(one).ttlSecondsAfterFinished !== undefined },
];

/** What is not as it is demanded, as `planner: is not root`. */
export function unmet(all: readonly Document[], installation: Installation): string[] {
  const deployments = of<Workload>(all, 'Deployment');
  const jobs = of<Workload>(all, 'Job');
  const faults = (one: Workload, demands: readonly Demand[]): string[] =>
    demands.filter(({ holds }) => !holds(one, { all, installation })).map(({ says }) => `${nameOf(one)}: ${says}`);
  return [
    ...missing(SERVICES, deployments.map(nameOf)),
    ...missing(['provisioner'], jobs.map(nameOf)),
    ...deployments.flatMap((one) => faults(one, [...ofAll, ...ofServices])),
    ...jobs.flatMap((one) => faults(one, [...ofAll, ...ofProvisioner])),
  ];
}

function missing(wanted: readonly string[], there: readonly string[]): string[] {
  return [
    ...wanted.filter((name) => !there.includes(name)).map((name) => `${name}: is there`),
    ...there.filter((name) => !wanted.includes(name)).map((name) => `${name}: is not there`),
  ];
}

/** Every demand, in words. */
export const demanded: readonly string[] = [...ofAll, ...ofServices, ...ofProvisioner].map(({ says }) => says);
