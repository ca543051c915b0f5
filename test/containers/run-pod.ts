/** A pod of the Kubernetes base as arguments of `podman run`: what is tried here is what is applied there. */
type Mount = { readonly name: string; readonly mountPath: string };
type Volume = {
  readonly name: string;
  readonly secret?: { secretName: string };
  readonly configMap?: { name: string };
  readonly emptyDir?: object;
};
type Container = {
  readonly command?: string[];
  readonly args?: string[];
  readonly env?: { name: string; value: string }[];
  readonly ports?: { containerPort: number }[];
  readonly volumeMounts?: Mount[];
  readonly resources: { limits: { memory: string } };
  readonly securityContext: { readOnlyRootFilesystem: boolean; allowPrivilegeEscalation: boolean; capabilities: { drop: string[] } };
};
type PodSpec = {
  readonly dnsConfig?: { options: { name: string; value?: string }[] };
  readonly securityContext: { runAsUser: number; runAsGroup: number };
  readonly containers: readonly Container[];
  readonly volumes?: Volume[];
};
/** As much of a Deployment or a Job as podman can be told. */
export type Workload = { readonly spec: { readonly template: { readonly spec: PodSpec } } };

/** What an overlay would say: an image, folders for ConfigMaps and Secrets by name, and environment (undefined: taken out). */
export type Overlay = {
  readonly image: string;
  readonly network: string;
  readonly folders: ReadonlyMap<string, string>;
  readonly env?: { readonly [name: string]: string | undefined };
  readonly args?: (container: Container) => readonly string[];
};

/** The arguments after `podman run`, but for the name. Every port of the container is published on a free port of 127.0.0.1. */
export function runArguments({ spec }: Workload, { image, network, folders, env = {}, args }: Overlay): string[] {
  const { securityContext, containers, volumes = [], dnsConfig } = spec.template.spec;
  const container = containers[0] as Container;
  const own = container.securityContext;
  const variables = { ...Object.fromEntries((container.env ?? []).map(({ name, value }) => [name, value])), ...env };
  const [program, ...rest] = container.command ?? [];
  return [
    `--network=${network}`,
    // Clusters ask by their probes alone.
    '--no-healthcheck',
    ...(dnsConfig?.options ?? []).map(({ name, value }) => `--dns-option=${value === undefined ? name : `${name}:${value}`}`),
    `--user=${securityContext.runAsUser}:${securityContext.runAsGroup}`,
    `--memory=${container.resources.limits.memory.replace(/i$/, '').toLowerCase()}`,
    // Kubernetes has no folders to write to but those that are mounted; podman would make some.
    ...(own.readOnlyRootFilesystem ? ['--read-only', '--read-only-tmpfs=false'] : []),
    ...own.capabilities.drop.flatMap((capability) => ['--cap-drop', capability]),
    ...(own.allowPrivilegeEscalation ? [] : ['--security-opt', 'no-new-privileges']),
    ...(container.ports ?? []).flatMap(({ containerPort }) => ['--publish', `127.0.0.1::${containerPort}`]),
    ...Object.entries(variables).flatMap(([name, value]) => (value === undefined ? [] : ['--env', `${name}=${value}`])),
    ...(container.volumeMounts ?? []).flatMap((mount) => mounted(mount, volumes, folders)),
    ...(program === undefined ? [] : ['--entrypoint', program]),
    image,
    ...rest,
    ...(args?.(container) ?? container.args ?? []),
  ];
}

function mounted({ name, mountPath }: Mount, volumes: readonly Volume[], folders: ReadonlyMap<string, string>): string[] {
  const { secret, configMap, emptyDir } = volumes.find((volume) => volume.name === name) ?? {};
  if (emptyDir !== undefined) return ['--tmpfs', `${mountPath}:size=256m,mode=1777`];
  const source = secret?.secretName ?? configMap?.name ?? '';
  const folder = folders.get(source);
  if (folder === undefined) throw new Error(`${mountPath}: no folder stands for "${source}"; there are ${[...folders.keys()].join(', ')}`);
  return ['--volume', `${folder}:${mountPath}:ro`];
}
