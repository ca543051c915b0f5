/** Serving services on JetStream: one connection each, with its own credentials; one reader for all of a process. */
import { aboutOf, parseAddress } from '@reel/contracts/address.ts';
import { definitionOf } from '@reel/contracts/story.ts';
import type { NatsConnection } from 'nats';
import type pino from 'pino';
import type { Ailment, Health } from '../health.ts';
import type { Log } from '../log.ts';
import { openProcessLog } from '../process/process-log.ts';
import { handoverTo, noting, onStage } from '../quarantine/handover.ts';
import { openQuarantine, type Quarantine } from '../quarantine/quarantine.ts';
import { perform } from '../runtime/perform.ts';
import { DEATHS, react, reactToTimer } from '../runtime/react.ts';
import { roleOf, subscribeSubjects } from '../runtime/role.ts';
import type { AnyService, Performer, Service, ServiceContext } from '../service.ts';
import { announcer } from '../signals/presence.ts';
import { openTokenStream } from '../signals/token-stream.ts';
import { openRegistry } from '../signals/tool-registry.ts';
import { openAckHeartbeat } from './ack-heartbeat.ts';
import { type Broker, connect } from './connect.ts';
import { type Consuming, consume } from './consumer.ts';
import { openEdge } from './edge.ts';
import { openLog } from './event-log.ts';
import { flush } from './flush.ts';
import { clockStream, reelStream } from './names.ts';
import { startReconciling } from './reconcile.ts';
import { openRunCache, type RunCache } from './run-cache.ts';
import { timersOf } from './timers.ts';

export type Serving = {
  /** Where the edges can be reached, by the name of the service. */
  readonly urls: ReadonlyMap<string, string>;
  /** Takes nothing new, finishes what is under way (performers have `graceMs` for it), and leaves. */
  stop(graceMs?: number): Promise<void>;
  /** Whether all of its services are connected and hear what is said. */
  health(): Health;
};

export type ServeOptions = {
  readonly broker: Broker;
  readonly shards?: number;
  readonly env?: NodeJS.ProcessEnv;
  readonly log?: pino.Logger;
  /** How often services announce themselves, ms. One that is silent for five times as long counts as gone. Default: 2,000. */
  readonly aliveMs?: number;
  /** How often every open run is looked over by those who hear the clock. Default: 30,000. */
  readonly sweepMs?: number;
  /** The trouble of the broker, as its operator reports it. */
  readonly ailment?: () => Ailment | undefined;
};

const GRACE_MS = 10_000;
/** Only the run waits for the facts of a service, and a performer that had an effect has no other way to report it. */
const PATIENCE_MS = 600_000;

/** Serves these services until they are stopped. @throws when one of them cannot start; the others are stopped then. */
export async function serve(services: readonly AnyService[], options: ServeOptions): Promise<Serving> {
  const { broker, shards = 1, env = process.env, log = openProcessLog(env['REEL_LOG'] ?? 'info') } = options;
  const first = services[0];
  if (first === undefined) throw new Error('serve: there is no service to serve');
  const reading = await connect(broker, first.name);
  const link = watch(reading, log);
  const reader = await openRunCache(reading, shards);
  const quarantine = openQuarantine({ broker, env, log });
  const running: Running[] = [];
  let stopping = false;
  const stop = async (graceMs = GRACE_MS): Promise<void> => {
    stopping = true;
    const grace = setTimeout(quarantine.close, graceMs);
    await Promise.all(running.splice(0).map((one) => one.stop(graceMs)));
    clearTimeout(grace);
    quarantine.close();
    reader.close();
    await reading.close();
  };
  try {
    for (const service of services)
      running.push(await serveOne(service, { ...options, shards, env, reader, quarantine, log: log.child({ service: service.name }) }));
  } catch (error) {
    await stop(0);
    throw error;
  }
  return {
    urls: new Map(running.flatMap(({ name, url }) => (url === undefined ? [] : [[name, url]]))),
    stop,
    health: () => {
      if (stopping) return { live: true, ready: false, why: 'it is being stopped' };
      const ails = options.ailment?.();
      if (ails?.stores === false) return { live: true, ready: false, why: ails.why };
      const ailing = [{ name: first.name, health: link }, ...running].map(({ name, health }) => ({ name, ...health() }));
      const { name, live = true, why } = ailing.find((one) => !one.live) ?? ailing.find((one) => !one.ready) ?? {};
      return why === undefined ? { live, ready: true } : { live, ready: false, why: `${name}: ${why}` };
    },
  };
}

type Running = { readonly name: string; readonly url?: string; stop(graceMs: number): Promise<void>; health(): Health };
type Part = Pick<Running, 'url' | 'stop'> & { lost?(): string | undefined };
type Context = {
  readonly broker: Broker;
  readonly aliveMs?: number;
  readonly sweepMs?: number;
  readonly ailment?: () => Ailment | undefined;
  readonly shards: number;
  readonly env: NodeJS.ProcessEnv;
  readonly reader: RunCache;
  readonly quarantine: Quarantine;
  readonly log: pino.Logger;
};

async function serveOne(service: AnyService, context: Context): Promise<Running> {
  const connection = await connect(context.broker, service.name);
  const stopping = new AbortController();
  const patience = service.shape === 'edge' ? undefined : { ms: PATIENCE_MS, signal: stopping.signal };
  const log = openLog(service.name, connection, context.reader, { patience, ailment: context.ailment });
  const link = watch(connection, context.log);
  const announced = announcer(connection, service, context.log, context.aliveMs);
  const registry = service.shape === 'performer' && service.registry ? { registry: openRegistry(connection) } : {};
  const surroundings: ServiceContext = { env: context.env, log: context.log, offer: announced.offer, ...registry };
  try {
    const running =
      service.shape === 'edge'
        ? await serveDoor(service, connection, log, context, surroundings)
        : await serveListener(service, connection, log, context, surroundings, stopping);
    announced.start();
    // Who is told that it serves may ask for it at once.
    await flush(connection);
    context.log.info(running.url === undefined ? {} : { url: running.url }, 'serving');
    const stop = async (graceMs: number): Promise<void> => {
      await Promise.all([announced.leave(), running.stop(graceMs)]);
      await connection.close();
    };
    const health = (): Health => {
      const lost = running.lost?.();
      return lost === undefined ? link() : { live: false, ready: false, why: lost };
    };
    return { ...(running.url === undefined ? {} : { url: running.url }), name: service.name, stop, health };
  } catch (error) {
    await connection.close();
    throw error;
  }
}

async function serveDoor(
  service: Extract<AnyService, { shape: 'edge' }>,
  connection: NatsConnection,
  log: Log,
  { reader, shards, aliveMs, ailment }: Context,
  surroundings: ServiceContext,
): Promise<Part> {
  const { edge, close } = await openEdge(service.name, { connection, log, reader, shards, aliveMs, ailment, logger: surroundings.log });
  const opened = await service.open(edge, surroundings);
  return { url: opened.url, stop: () => opened.close().finally(close) };
}

async function serveListener(
  service: Service<never> | Performer<never>,
  connection: NatsConnection,
  log: Log,
  { broker, reader, quarantine, shards, sweepMs, log: logger }: Context,
  surroundings: ServiceContext,
  stopping: AbortController,
): Promise<Part> {
  const role = roleOf(service);
  const opened = (await service.deps?.(surroundings)) ?? { deps: {} as never };
  const stage = openTokenStream(connection);
  const apart = handoverTo(service, { quarantine, log, logger });
  const beats = service.shape === 'performer' ? openAckHeartbeat(broker, service.name, logger) : undefined;
  const consuming: Consuming[] = [];
  const take = async (stream: string, handle: Parameters<typeof consume>[5]): Promise<void> => {
    consuming.push(await consume(connection, stream, role.name, role.concurrency, logger, handle, beats));
  };
  for (let shard = 0; shard < shards; shard += 1) {
    if (service.shape === 'performer') {
      const performer = onStage(service, stage);
      await take(reelStream(shard), async ({ subject, seq, count, deaths, working }) => {
        const isReadable = deaths < DEATHS || apart === undefined || (await apart.reads(subject, seq));
        if (!isReadable) return 'handled';
        return await perform(performer, opened.deps, log, subject, seq, {
          beat: working,
          delivery: count,
          stopping: stopping.signal,
          show: stage.show,
          log: logger,
          deaths,
          apart: apart?.perform,
        });
      });
      continue;
    }
    const noted = noting(service);
    if (subscribeSubjects(role, shard).length > 0)
      await take(reelStream(shard), async ({ subject, seq, count, deaths }) => {
        if (!isFor(service, subject, reader.glance(subject))) return 'handled';
        return deaths < DEATHS || apart === undefined
          ? await react(noted, opened.deps, log, subject, seq, count)
          : await apart.react(subject, seq, count);
      });
    if (role.clock) await take(clockStream(shard, role.name), timersOf(noted, opened.deps, { log, logger, apart }));
  }
  const stopSweep =
    service.shape === 'service' && role.clock
      ? startReconciling({
          reader,
          shards,
          log: logger,
          everyMs: sweepMs,
          fire: (timer) => reactToTimer(noting(service), opened.deps, log, timer),
          apart,
        })
      : undefined;
  return {
    lost: () => consuming.map((one) => one.lost()).find((why) => why !== undefined),
    stop: async (graceMs) => {
      const grace = setTimeout(() => stopping.abort(new Error('the process is being stopped')), graceMs);
      await Promise.all([stopSweep?.(), ...consuming.map((one) => one.stop())]);
      clearTimeout(grace);
      beats?.close();
      await opened.close?.();
    },
  };
}

/** A durable delivers whole slots, and a service may listen for some of their answers alone: of every step's four facts, half. */
function isFor({ on }: Service<never>, subject: string, type: string | undefined): boolean {
  const definition = type === undefined || type in on ? undefined : definitionOf(type);
  const at = definition === undefined ? undefined : parseAddress(subject);
  // What is not known, or stands where it does not belong, is for everybody: somebody has to say that it cannot be read.
  return at === undefined || definition === undefined || definition.slot !== at.slot || definition.about !== aboutOf(at.kind);
}

/** What happens to a connection is worth a line: the services themselves only see that things take longer. @returns how it stands. */
function watch(connection: NatsConnection, log: pino.Logger): () => Health {
  let away = false;
  void (async () => {
    for await (const status of connection.status()) {
      if (status.type === 'disconnect') away = true;
      if (status.type === 'reconnect') away = false;
      if (status.type === 'disconnect' || status.type === 'reconnect') log.warn({ status: status.type }, 'broker');
      else if (status.type === 'error') log.error({ error: String(status.error) }, 'broker');
    }
  })();
  return () => {
    if (connection.isClosed()) return { live: false, ready: false, why: 'its connection to the broker is closed' };
    return away ? { live: true, ready: false, why: 'the broker is away' } : { live: true, ready: true };
  };
}
