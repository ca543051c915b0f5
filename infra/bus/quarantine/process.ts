/** The process of quarantine.ts: it opens the services that it is asked for as their own process does, and does what it is told. */
import { enableCompileCache } from 'node:module';
import { parseAddress } from '@reel/contracts/address.ts';
import { type Broker, connect } from '../jetstream/connect.ts';
import { openDirect } from '../jetstream/direct-run.ts';
import { openLog } from '../jetstream/event-log.ts';
import { Refused } from '../jetstream/publisher.ts';
import { type Log, LogFull, LogUnavailable } from '../log.ts';
import { resolveSdkAnywhere } from '../process/module-resolution.ts';
import { begin, guard } from '../process/watchdog.ts';
import { attempt } from '../runtime/perform.ts';
import { react, reactToTimer } from '../runtime/react.ts';
import type { CallContext, Logger, Performer, Service, ServiceContext } from '../service.ts';
import { MOST_BYTES, type Order, type Patient, type Tells, type Told } from './quarantine.ts';

type Opened = { readonly service: Service<never> | Performer<never>; readonly log: Log; readonly deps: () => Promise<object> };

enableCompileCache();
guard({ maxBytes: MOST_BYTES });
// It ends with the process that it serves. A signal to the whole group is for that one.
process.once('disconnect', () => process.exit(0));
for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.on(signal, () => {});

const opened = new Map<string, Promise<Opened>>();
const aborts = new Map<number, AbortController>();
let broker: Broker | undefined;

/** Resolves when it has been handed to the system: nothing that happens here afterwards takes it back. */
const tell = (tells: Tells): Promise<void> => new Promise((resolve) => process.send?.(tells, undefined, undefined, () => resolve()));
const logger: Logger = {
  debug: (fields, message) => void tell({ log: 'debug', fields, message }),
  info: (fields, message) => void tell({ log: 'info', fields, message }),
  warn: (fields, message) => void tell({ log: 'warn', fields, message }),
  error: (fields, message) => void tell({ log: 'error', fields, message }),
};

process.on('message', (told: Told) => {
  if ('open' in told) broker = told.open.broker;
  else if ('abort' in told) {
    const { name, message } = told.reason;
    aborts.get(told.abort)?.abort(Object.assign(new Error(message), { name }));
  } else void obey(told.id, told.patient, told.order);
});

async function obey(id: number, patient: Patient, order: Order): Promise<void> {
  aborts.set(id, new AbortController());
  try {
    await tell({ id, answer: await answerOf(id, patient, order) });
  } catch (error) {
    const unavailable = error instanceof LogFull ? 'full' : error instanceof Refused ? 'refused' : 'away';
    const { message } = error as Error;
    await tell(error instanceof LogUnavailable ? { id, error: message, unavailable } : { id, error: message });
  } finally {
    aborts.delete(id);
  }
}

async function answerOf(id: number, patient: Patient, order: Order): Promise<unknown> {
  const { service, log, deps } = await openedFor(patient);
  const given = 'read' in order ? {} : await deps();
  await tell({ id, begun: true });
  const isOver = begin(`${patient.name} ${nameOf(order)}, in quarantine`, 'perform' in order);
  try {
    if ('read' in order) {
      const { address, seq } = order.read;
      const at = parseAddress(address);
      if (at !== undefined) await log.read(at.shard, at.run, seq);
      return 'read';
    }
    if ('perform' in order)
      return await attempt(service as Performer<never>, order.perform.call, { ...given, ...acting(id, order.perform) });
    if ('timer' in order) return await reactToTimer(service as Service<never>, given, log, order.timer);
    const { address, seq, count } = order.fact;
    return await react(service as Service<never>, given, log, address, seq, count);
  } finally {
    isOver();
  }
}

function nameOf(order: Order): string {
  if ('perform' in order) return `performing ${order.perform.key}`;
  return 'timer' in order ? `${order.timer.run} ${order.timer.name}` : ('read' in order ? order.read : order.fact).address;
}

const acting = (id: number, { key, traceparent }: Extract<Order, { perform: unknown }>['perform']): CallContext => ({
  signal: (aborts.get(id) as AbortController).signal,
  key,
  traceparent,
  used: (used) => void tell({ id, used }),
  show: (show) => void tell({ id, show }),
  log: logger,
});

/** Opened once. What could not be opened is opened anew for the next. */
function openedFor(patient: Patient): Promise<Opened> {
  const known = opened.get(patient.name);
  if (known !== undefined) return known;
  const opening = open(patient);
  opened.set(patient.name, opening);
  opening.catch(() => opened.delete(patient.name));
  return opening;
}

async function open({ name, module }: Patient): Promise<Opened> {
  resolveSdkAnywhere();
  const { default: service } = (await import(module)) as { default: Opened['service'] };
  const connection = await connect(broker as Broker, name);
  const log = openLog(name, connection, await openDirect(connection));
  // What is on offer is told by the process that this one serves, and so is the registry kept.
  const surroundings: ServiceContext = {
    env: process.env,
    log: logger,
    offer: () => {},
    registry: { put: async () => {}, remove: async () => {} },
  };
  let deps: Promise<object> | undefined;
  return {
    service,
    log,
    deps: () => {
      deps ??= Promise.resolve(service.deps?.(surroundings)).then((known) => known?.deps ?? {});
      deps.catch(() => {
        deps = undefined;
      });
      return deps;
    },
  };
}
