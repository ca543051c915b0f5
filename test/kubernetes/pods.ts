/** The pods of rendered manifests, and what there is beside them, as the demands on them look at it. */
import type { Document } from '@reel/scripts/kubernetes/base.ts';
import type { Workload } from '@reel/scripts/kubernetes/check.ts';

export type { Workload };
export type PodSpec = Workload['spec']['template']['spec'];
export type Container = PodSpec['containers'][number];
export type Probe = NonNullable<Container['livenessProbe']>;
type Labels = { readonly [key: string]: string };
type Selecting = { readonly spec: { readonly selector: { readonly matchLabels: Labels } } };

/** Objects of one kind. */
export const of = <Kind>(all: readonly Document[], kind: string): (Document & Kind)[] =>
  all.filter((one): one is Document & Kind => one.kind === kind);

export const nameOf = ({ metadata }: Document): string => metadata?.name ?? '';
export const podOf = ({ spec }: Workload): PodSpec => spec.template.spec;
export const labelsOf = ({ spec }: Workload): Labels => spec.template.metadata.labels;
/** Those that run before it included. */
export const containersOf = (one: Workload): Container[] => [...(podOf(one).initContainers ?? []), ...podOf(one).containers];
/** The first of them, which is the service. */
export const serviceOf = (one: Workload): Container => podOf(one).containers[0] as Container;

export const carries = (labels: Labels, wanted: Labels | undefined): boolean =>
  Object.keys(wanted ?? {}).length > 0 && Object.entries(wanted ?? {}).every(([key, value]) => labels[key] === value);
export const selects = ({ spec }: Selecting, one: Workload): boolean => carries(labelsOf(one), spec.selector.matchLabels);

/** What a probe asks, as `7071/livez`: by number, whatever name the port has. */
export function asks({ httpGet }: Probe, { ports = [] }: Container): string {
  const number = ports.find(({ name, containerPort }) => [name, containerPort].includes(httpGet?.port as string))?.containerPort;
  return `${number}${httpGet?.path}`;
}

/** For how long a probe may fail, in seconds. */
export const patience = ({ periodSeconds = 10, failureThreshold = 3 }: Probe): number => periodSeconds * failureThreshold;

/** Every Secret that a pod is given, by whatever way. */
export function secretsOf(one: Workload): string[] {
  const mounted = (podOf(one).volumes ?? []).flatMap(({ secret, projected }) => [
    secret?.secretName,
    ...(projected?.sources ?? []).map((source) => source.secret?.name),
  ]);
  const told = containersOf(one).flatMap(({ env = [], envFrom = [] }) => [
    ...env.map(({ valueFrom }) => valueFrom?.secretKeyRef?.name),
    ...envFrom.map(({ secretRef }) => secretRef?.name),
  ]);
  return [...mounted, ...told].filter((name) => name !== undefined);
}

export const environmentOf = (one: Workload): ReadonlyMap<string, string | undefined> =>
  new Map((serviceOf(one).env ?? []).map(({ name, value }) => [name, value]));

const UNITS: { readonly [unit: string]: number } = { Ki: 2 ** 10, Mi: 2 ** 20, Gi: 2 ** 30, k: 1e3, M: 1e6, G: 1e9, '': 1 };
/** A quantity of memory in bytes; NaN for what is none. */
export function bytes(quantity: unknown): number {
  const [, number, unit = ''] = /^(\d+)([A-Za-z]*)$/.exec(String(quantity)) ?? [];
  return Number(number) * (UNITS[unit] ?? Number.NaN);
}
