/** Makes the streams and durables that services find ready, and makes sure that the broker keeps what the log's guarantees rest on. */
import { setTimeout as delay } from 'node:timers/promises';
import {
  AckPolicy,
  type ConsumerConfig,
  DeliverPolicy,
  DiscardPolicy,
  JetStreamApiCodes,
  JetStreamApiError,
  type JetStreamManager,
  jetstream,
  jetstreamManager,
  RetentionPolicy,
  StorageType,
  type StreamConfig,
} from '@nats-io/jetstream';
import { Kvm } from '@nats-io/kv';
import { type NatsConnection, nanos, TimeoutError } from 'nats';
import { blobStream, clockStream, isClock, LIVE_TOOLS, REGISTRY_BUCKET, reelStream, timerSubject } from '../jetstream/names.ts';
import { LogUnavailable } from '../log.ts';
import { blobSubject } from '../runtime/large-values.ts';
import { type Role, subscribeSubjects } from '../runtime/role.ts';

export type Provision = {
  readonly roles: readonly Role[];
  readonly shards: number;
  readonly replicas: number;
  readonly maxAgeDays: number;
  /** Each stream has a share of it, so that none can take what others need. */
  readonly store?: Store | undefined;
};

/** The bytes on the disk of a node that all streams together may take, or what is left of them beside what the streams have. */
export type Store = { readonly allBytes: number } | { readonly leftBytes: number };

/** Of the store: facts first, and what stands beside them. The rest is the broker's own. */
const SHARES = { reel: 0.5, blob: 0.36, registry: 0.02, clock: 0.04 } as const;
/** On a disk that is almost full already there is a little more all the same: it is told before that is used up. */
const SLACK_BYTES = 4 * 1024 * 1024;

/** How long one of them may take to be made, among nodes that have just found each other. */
const PATIENCE_MS = 10_000;
/** How often all of it is asked for: who leads the nodes may change, and takes along what it was asked. */
const TRIES = 4;
const PAUSE_MS = 1000;

/** As long as a run may take: half of what the log keeps. */
const LONGEST_RUN_DAYS = 15;

/** How long a service may take to answer before its delivery is given to another replica. Performers say in between that they live. */
const ACK_WAIT_MS = { service: 2000, performer: 700, edge: 0 };

/**
 * Creates or updates everything. Safe to repeat, and to run beside services at work. @throws when the broker does not answer, or does not
 * keep a flag.
 */
export async function provision(connection: NatsConnection, options: Provision): Promise<void> {
  for (let tries = 1; ; tries += 1) {
    try {
      return await makeAll(connection, options);
    } catch (error) {
      if (!isTemporary(error as Error)) throw error;
      if (tries === TRIES)
        throw new LogUnavailable(
          `the broker was asked ${TRIES} times for its streams and durables, in vain (${(error as Error).message}): does it have JetStream, and do most of its nodes run and find each other?`,
        );
      await delay(PAUSE_MS);
    }
  }
}

/** No leader right now: no answer, a 503, or no responders. */
const isTemporary = (error: Error): boolean =>
  error instanceof TimeoutError || (error instanceof JetStreamApiError && error.status === 503) || error.name === 'JetStreamNotEnabled';

async function makeAll(connection: NatsConnection, options: Provision): Promise<void> {
  const manager = await jetstreamManager(connection, { checkAPI: false, timeout: PATIENCE_MS });
  const leftBytes = await leftOf(manager, options.store);
  const keepers = options.roles.filter(({ clock }) => clock);
  for (let shard = 0; shard < options.shards; shard += 1) {
    const shares = new Map<string, number>([
      [reelStream(shard), SHARES.reel / options.shards],
      [blobStream(shard), SHARES.blob / options.shards],
      ...keepers.map(({ name }) => [clockStream(shard, name), SHARES.clock / keepers.length / options.shards] as const),
    ]);
    for (const config of streams(shard, options)) await ensureStream(manager, await limited(manager, config, shares, leftBytes));
    for (const role of options.roles) await ensureDurables(manager, role, shard);
  }
  await new Kvm(jetstream(connection, { timeout: PATIENCE_MS })).create(REGISTRY_BUCKET, { replicas: options.replicas });
  await ensureRegistryIsLive(manager, leftBytes);
}

async function leftOf(manager: JetStreamManager, store: Store | undefined): Promise<number | undefined> {
  if (store === undefined || 'leftBytes' in store) return store?.leftBytes;
  let left = store.allBytes;
  for await (const { state } of manager.streams.list()) left -= state.bytes;
  return Math.max(left, 0);
}

function streams(shard: number, { roles, replicas, maxAgeDays }: Provision): Partial<StreamConfig>[] {
  const always = { storage: StorageType.File, num_replicas: replicas, deny_delete: true, deny_purge: true } as const;
  const writeOnce = {
    ...always,
    retention: RetentionPolicy.Limits,
    discard: DiscardPolicy.New,
    discard_new_per_subject: true,
    max_msgs_per_subject: 1,
    allow_direct: true,
    max_age: nanos(maxAgeDays * 86_400_000),
  } as const;
  return [
    { name: reelStream(shard), subjects: [`reel.${shard}.*.*.*.*.*`], ...writeOnce, republish: { src: 'reel.>', dest: 'live.>' } },
    // A service stores a value once for all its facts of a run that have it, the last of which may come as late as runs last.
    {
      name: blobStream(shard),
      subjects: [blobSubject({ shard, writer: '*', run: '*', digest: '*' })],
      ...writeOnce,
      max_age: nanos((maxAgeDays + LONGEST_RUN_DAYS) * 86_400_000),
    },
    ...roles.filter(({ clock }) => clock).map(({ name }) => timers(shard, name, replicas)),
  ];
}

/**
 * The timers of one service. A stream that allows schedules allows rollups as well: a service can wipe what stands in it, and that is its
 * own alone. What has rung is of no use any more, and goes after a while: the stream holds little more than what is still to come.
 */
const timers = (shard: number, service: string, replicas: number): Partial<StreamConfig> => ({
  name: clockStream(shard, service),
  subjects: [`timer.${shard}.${service}.>`],
  storage: StorageType.File,
  num_replicas: replicas,
  allow_msg_schedules: true,
  allow_msg_ttl: true,
  max_age: 0,
});

/**
 * The same with a limit of its own: whoever fills a stream is told, and nothing old makes way for it. In a stream of timers the oldest make
 * way: they are one service's alone, and the sweep looks at every run whose timer is gone.
 */
async function limited(
  manager: JetStreamManager,
  config: Partial<StreamConfig>,
  shares: ReadonlyMap<string, number>,
  leftBytes: number | undefined,
): Promise<Partial<StreamConfig>> {
  const share = shares.get(config.name as string);
  if (leftBytes === undefined || share === undefined) return config;
  const most = Math.max(Math.floor(leftBytes * share), SLACK_BYTES);
  if (isClock(config.name)) return { ...config, discard: DiscardPolicy.Old, max_bytes: most };
  const used = await manager.streams.info(config.name as string).then(
    ({ state }) => state.bytes,
    () => 0,
  );
  return { ...config, discard: DiscardPolicy.New, max_bytes: used + most };
}

/** Flags that a broker may be asked for and silently not keep. */
const ASSERTED = [
  'discard',
  'discard_new_per_subject',
  'max_msgs_per_subject',
  'deny_delete',
  'deny_purge',
  'allow_direct',
  'allow_rollup_hdrs',
  'allow_msg_ttl',
  'allow_msg_schedules',
  'allow_atomic',
  'retention',
  'max_age',
  'republish',
] as const;

async function ensureStream(manager: JetStreamManager, config: Partial<StreamConfig>): Promise<void> {
  const name = config.name as string;
  const exists = await isThere(manager.streams.info(name));
  const { config: kept, state } = exists
    ? await manager.streams.update(name, config)
    : await manager.streams.add(config as StreamConfig & { name: string });
  // A stream that is new to the broker and not empty had a damaged description, which the broker replaces only when it changes.
  if (!exists && state.messages > 0) {
    await manager.streams.update(name, { ...config, description: 'restored' });
    await manager.streams.update(name, config);
  }
  if (isClock(name)) return;
  for (const flag of ASSERTED) {
    const wanted = JSON.stringify((config as Record<string, unknown>)[flag] ?? false);
    const got = JSON.stringify((kept as unknown as Record<string, unknown>)[flag] ?? false);
    if (wanted !== got)
      throw new Error(
        `stream ${name}: ${flag} is ${got} at the broker and has to be ${wanted}: the log could be rewritten. Use a broker that keeps it`,
      );
  }
}

const NOT_THERE: ReadonlySet<number> = new Set([JetStreamApiCodes.StreamNotFound, JetStreamApiCodes.ConsumerNotFound]);

const isThere = (info: Promise<unknown>): Promise<boolean> =>
  info.then(
    () => true,
    (error: Error) => {
      if (error instanceof JetStreamApiError && NOT_THERE.has(error.code)) return false;
      throw error;
    },
  );

/** The names of the durables, by stream. */
export function durablesOf({ roles, shards }: Pick<Provision, 'roles' | 'shards'>): Map<string, string[]> {
  const found = new Map<string, string[]>();
  const add = (stream: string, name: string): unknown => found.set(stream, [...(found.get(stream) ?? []), name]);
  for (let shard = 0; shard < shards; shard += 1) {
    for (const role of roles) {
      if (subscribeSubjects(role, shard).length > 0) add(reelStream(shard), role.name);
      if (role.clock) add(clockStream(shard, role.name), role.name);
    }
  }
  return found;
}

async function ensureDurables(manager: JetStreamManager, role: Role, shard: number): Promise<void> {
  const hears = subscribeSubjects(role, shard);
  if (hears.length > 0) await ensureDurable(manager, reelStream(shard), role, hears);
  if (role.clock) await ensureDurable(manager, clockStream(shard, role.name), role, [`${timerSubject(shard, role.name, 'fired')}.>`]);
}

async function ensureDurable(manager: JetStreamManager, stream: string, role: Role, filters: string[]): Promise<void> {
  const config = {
    durable_name: role.name,
    ack_policy: AckPolicy.Explicit,
    deliver_policy: DeliverPolicy.All,
    max_deliver: -1,
    ack_wait: nanos(ACK_WAIT_MS[role.shape]),
    max_ack_pending: role.concurrency,
    filter_subjects: filters,
    // An empty body ends the answer to an imported request (that is how NATS says "no more"), and with it what else was to be delivered to
    // whoever asked: one empty message would stop a service. What is said is read from the log, so that a delivery needs no body.
    headers_only: true,
  } satisfies Partial<ConsumerConfig>;
  const exists = await isThere(manager.consumers.info(stream, role.name));
  const { config: kept } = exists
    ? await manager.consumers.update(stream, role.name, config)
    : await manager.consumers.add(stream, config).catch((error: Error) => unreadable(error, stream, role.name));
  if (kept.max_deliver !== -1 || kept.ack_policy !== AckPolicy.Explicit || kept.headers_only !== true)
    throw new Error(
      `durable ${role.name} on ${stream}: the broker does not keep max_deliver -1, explicit acknowledgements and headers_only`,
    );
}

/** The broker neither knows a durable whose state is damaged nor makes it anew. @throws with what to do. */
function unreadable(error: Error, stream: string, durable: string): never {
  if (!/creating store for consumer/.test(error.message)) throw error;
  throw new Error(
    `the durable ${durable} on ${stream} cannot be read by the broker (${error.message}): remove its folder in the broker's store (streams/${stream}/obs/${durable}) and start again; everything is delivered to it once more, and nothing is done twice`,
  );
}

/** The registry's changes are passed on to those who read it, since no service may make a consumer to watch it. */
async function ensureRegistryIsLive(manager: JetStreamManager, leftBytes: number | undefined): Promise<void> {
  const { config } = await manager.streams.info(`KV_${REGISTRY_BUCKET}`);
  const live = { ...config, republish: { src: `$KV.${REGISTRY_BUCKET}.>`, dest: `${LIVE_TOOLS}.>` } };
  const shares = new Map([[config.name, SHARES.registry]]);
  await manager.streams.update(config.name, await limited(manager, live, shares, leftBytes));
}
