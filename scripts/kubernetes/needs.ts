/** What each service needs of a cluster, beside what all of them need alike. */
import type { SERVICES } from '@reel/services/main.ts';

export type ServiceName = (typeof SERVICES)[number];

export type Needs = {
  readonly replicas: number;
  /** What it is given of a core, and what it may not go beyond, as Kubernetes writes quantities. */
  readonly cpu: string;
  readonly memory: string;
  readonly memoryLimit: string;
  readonly env?: { readonly [name: string]: string };
  /** ConfigMaps by name, and where they are mounted. */
  readonly config?: { readonly [name: string]: string };
  /** A Secret whose keys become its environment, where there is one: what the configuration means by ${…}. */
  readonly keys?: string;
  /** Whether it reaches the world: tools or models. */
  readonly world?: true;
  /** Whether it runs programs of others, which write to /tmp and may leave children. */
  readonly programs?: true;
};

/** Where the base is installed; names within the cluster follow from it. */
export const NAMESPACE = 'reel';

/** By which the gateway may be called from within the cluster. */
const GATEWAY_NAMES = ['gateway', `gateway.${NAMESPACE}`, `gateway.${NAMESPACE}.svc`, `gateway.${NAMESPACE}.svc.cluster.local`];

const pure = { replicas: 2, cpu: '100m', memory: '128Mi', memoryLimit: '512Mi' } as const satisfies Needs;

/** Two of each: one may always be killed, updated or moved. */
export const needs: { readonly [Name in ServiceName]: Needs } = {
  gateway: { ...pure, env: { REEL_HOST: '0.0.0.0', REEL_PORT: '7070', REEL_HOSTNAMES: GATEWAY_NAMES.join(',') } },
  planner: pure,
  policy: { ...pure, env: { REEL_POLICIES: '/etc/reel/policies' }, config: { policies: '/etc/reel/policies' } },
  'tool-executor': {
    ...pure,
    memoryLimit: '1Gi',
    env: { REEL_TOOLS: '/etc/reel/tools/tools.yaml', HOME: '/tmp' },
    config: { tools: '/etc/reel/tools' },
    keys: 'tool-keys',
    world: true,
    programs: true,
  },
  'model-executor': {
    ...pure,
    env: { REEL_MODELS: '/etc/reel/models/models.yaml' },
    config: { models: '/etc/reel/models' },
    keys: 'model-keys',
    world: true,
  },
  'human-executor': pure,
  validator: pure,
  'saga-tracker': pure,
};
