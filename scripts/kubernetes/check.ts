/** What can be known of Kubernetes objects without a cluster: that each is as its schema says, and that what they refer to is there. */
import { Deployment } from 'kubernetes-models/apps/v1/Deployment';
import { Job } from 'kubernetes-models/batch/v1/Job';
import { NetworkPolicy } from 'kubernetes-models/networking.k8s.io/v1/NetworkPolicy';
import { PodDisruptionBudget } from 'kubernetes-models/policy/v1/PodDisruptionBudget';
import { ConfigMap } from 'kubernetes-models/v1/ConfigMap';
import type { IContainer } from 'kubernetes-models/v1/Container';
import { Namespace } from 'kubernetes-models/v1/Namespace';
import type { IPodSpec } from 'kubernetes-models/v1/PodSpec';
import { Secret } from 'kubernetes-models/v1/Secret';
import { Service } from 'kubernetes-models/v1/Service';
import { ServiceAccount } from 'kubernetes-models/v1/ServiceAccount';
import type { Document } from './base.ts';

type Model = new (data: never) => { validate(): void };
const models: { readonly [kind: string]: Model } = {
  'apps/v1 Deployment': Deployment,
  'batch/v1 Job': Job,
  'networking.k8s.io/v1 NetworkPolicy': NetworkPolicy,
  'policy/v1 PodDisruptionBudget': PodDisruptionBudget,
  'v1 ConfigMap': ConfigMap,
  'v1 Namespace': Namespace,
  'v1 Secret': Secret,
  'v1 Service': Service,
  'v1 ServiceAccount': ServiceAccount,
};

const titleOf = ({ kind, metadata }: Document): string => `${kind} ${metadata?.name}`;

/** What the schemas of Kubernetes have against an object. */
export function schemaFaults(document: Document): string[] {
  const model = models[`${document.apiVersion} ${document.kind}`];
  if (model === undefined) return [`${titleOf(document)}: there is no schema for ${document.apiVersion} ${document.kind}`];
  try {
    new model(document as never).validate();
    return [];
  } catch (error) {
    return [`${titleOf(document)}: ${(error as Error).message}`];
  }
}

type Labels = { readonly [key: string]: string };
/** What makes pods. */
export type Workload = Document & {
  readonly spec: { readonly template: { readonly metadata: { readonly labels: Labels }; readonly spec: IPodSpec } };
};
const isWorkload = (document: Document): document is Workload => ['Deployment', 'Job'].includes(document.kind);
type Selecting = Document & { readonly spec: { readonly selector?: { matchLabels?: Labels } | Labels; readonly podSelector?: object } };

/** What is referred to in these objects, and is not among them. An optional Secret may be missing. */
export function referenceFaults(all: readonly Document[]): string[] {
  const names = new Set(all.map(titleOf));
  const workloads = all.filter(isWorkload);
  const missing = workloads.flatMap((one) =>
    referred(one.spec.template.spec).flatMap((name) => (names.has(name) ? [] : [`${titleOf(one)} refers to ${name}, which is not there`])),
  );
  const selectors = all
    .filter(({ kind }) => ['Deployment', 'Service', 'PodDisruptionBudget'].includes(kind))
    .flatMap((one) => {
      const selector = (one as Selecting).spec.selector ?? {};
      const labels = ('matchLabels' in selector ? selector.matchLabels : selector) as Labels;
      return workloads.some((two) => selects(labels, two.spec.template.metadata.labels)) ? [] : [`${titleOf(one)} selects no pod`];
    });
  const ports = workloads.flatMap((one) => one.spec.template.spec.containers.flatMap((container) => portFaults(titleOf(one), container)));
  return [...missing, ...selectors, ...ports];
}

const selects = (selector: Labels, labels: Labels): boolean => Object.entries(selector).every(([key, value]) => labels[key] === value);

function referred({ serviceAccountName, volumes = [], containers }: IPodSpec): string[] {
  const mounted = volumes.flatMap(({ secret, configMap }) => [
    ...(secret === undefined || secret.optional ? [] : [`Secret ${secret.secretName}`]),
    ...(configMap === undefined || configMap.optional ? [] : [`ConfigMap ${configMap.name}`]),
  ]);
  const fromEnv = containers.flatMap(({ envFrom = [] }) =>
    envFrom.flatMap(({ secretRef }) => (secretRef === undefined || secretRef.optional ? [] : [`Secret ${secretRef.name}`])),
  );
  return [`ServiceAccount ${serviceAccountName}`, ...mounted, ...fromEnv];
}

/** Probes go to ports that the container has; what is mounted is a volume of the pod. */
function portFaults(title: string, { ports = [], startupProbe, livenessProbe, readinessProbe }: IContainer): string[] {
  const known = ports.flatMap(({ name, containerPort }) => [name, containerPort]);
  return [startupProbe, livenessProbe, readinessProbe].flatMap((probe) => {
    const port = probe?.httpGet?.port;
    return port === undefined || known.includes(port) ? [] : [`${title}: a probe asks at the port ${port}, which it does not have`];
  });
}
