/** One delivery to a subscriber: read the run up to the fact, call the handler, publish its answer. */
import { type Address, addressOf, type Parts, type Place, parseAddress, theRun } from '@reel/contracts/address.ts';
import type { Event, Problem } from '@reel/contracts/envelope.ts';
import { faultRaised } from '@reel/contracts/fault.ts';
import { runRequested } from '@reel/contracts/run.ts';
import { type Entry, type History, historyOf, isInvalid } from '../history.ts';
import { type Log, LogUnavailable } from '../log.ts';
import { type Answers, Fatal, type Service, type TimerFired } from '../service.ts';
import { publish, publishOne } from './publish.ts';
import { redact } from './redact.ts';
import { cleaned } from './secrets.ts';
import { traced } from './trace.ts';

/** The result of a delivery: handled (acknowledge it), or deliver it again after `againInMs`. */
export type Handled = 'handled' | { readonly againInMs: number };

/** After this many deliveries, an error of the handler is published as a fault. */
export const MAX_DELIVERIES = 8;

/**
 * After this many deliveries that may each have ended their process, a fact is handled in quarantine (`quarantine.ts`). One or two are
 * normal: processes are killed, and a broker that elects a leader repeats deliveries that were acknowledged.
 */
export const DEATHS = 2;

/** How the process in quarantine ended, as the rest of a sentence. `inDoubt`: other work may have ended it. */
export type Death = { readonly died: string; readonly inDoubt?: boolean };

/** The problem code of a delivery that no process survives. */
export const UNDELIVERABLE = 'undeliverable';

const backoffMs = (delivery: number): number => Math.min(25 * 2 ** delivery, 900);

type AnyHandler = (event: Event | TimerFired, context: object) => Answers | Promise<Answers>;

/** Handles the fact at `address`. Rejects only when the log cannot be reached. */
export async function react(
  service: Service<never>,
  deps: object,
  log: Log,
  address: string,
  seq: number,
  delivery: number,
): Promise<Handled> {
  const at = parseAddress(address);
  // A subject that is no address belongs to no run.
  if (at === undefined) return 'handled';
  const runLog = await log.read(at.shard, at.run, seq);
  const entry = runLog.byAddress.get(address);
  if (entry === undefined) return { againInMs: backoffMs(delivery) };
  // Its fault is published, and stays however often the fact is delivered.
  if (runLog.byAddress.has(addressOf({ shard: at.shard, run: at.run, ...faultAt(service.name, seq), slot: 'fault' }))) return 'handled';
  const history = historyOf(runLog, seq);
  if (isInvalid(entry)) return await fault(log, service.name, history, entry, { code: 'invalid-fact', message: entry.invalid });
  const handler = service.on[entry.type as keyof typeof service.on] as AnyHandler | undefined;
  if (handler === undefined) return 'handled';
  try {
    await traced(`${service.name} ${entry.type}`, entry.traceparent, async (traceparent) => {
      const answer = permitted(service, await handler(entry, { ...deps, history }));
      await publish(log, { source: service.name, shard: history.shard, run: history.run, cause: entry.address, traceparent }, answer);
    });
    return 'handled';
  } catch (error) {
    if (error instanceof LogUnavailable) throw error;
    if (error instanceof Fatal || delivery >= MAX_DELIVERIES) {
      return await fault(log, service.name, history, entry, { code: 'handler-failed', message: (error as Error).message });
    }
    return { againInMs: backoffMs(delivery) };
  }
}

/** Handles a timer. The answer's cause is the request of the run, since a timer is no fact. */
export async function reactToTimer(service: Service<never>, deps: object, log: Log, timer: TimerFired): Promise<void> {
  const handler = service.on['timer.fired'] as AnyHandler | undefined;
  // Most timers fire for runs that have ended and are not in memory any more: those need not be read.
  if ((await log.occupant(addressOf({ shard: timer.shard, run: timer.run, ...theRun, slot: 'outcome' }))) !== undefined) return;
  const history = historyOf(await log.read(timer.shard, timer.run));
  const request = history.find(runRequested, theRun);
  if (handler === undefined || request === undefined) return;
  const answer = permitted(service, await handler(timer, { ...deps, history }));
  await publish(
    log,
    { source: service.name, shard: timer.shard, run: timer.run, cause: request.address, traceparent: request.traceparent },
    answer,
  );
}

/** Publishes the fault of a service about a fact. There are no faults about faults, nor about runs without a request. */
export async function fault(log: Log, service: string, history: History, about: Entry, problem: Problem): Promise<Handled> {
  if (about.at.kind === 'fault' || history.find(runRequested, theRun) === undefined) return 'handled';
  return await raise(log, service, about, problem);
}

/**
 * Publishes the fault about a fact that no process survives. It does not read the run, since reading may be what ends the process.
 * @param how the process in quarantine ended, as the rest of a sentence.
 */
export async function giveUp(service: string, log: Log, address: Address, seq: number, how: string): Promise<Handled> {
  const at = parseAddress(address);
  if (at === undefined || at.kind === 'fault' || (await log.position(requestOf(at))) === undefined) return 'handled';
  const message = `${service} did not survive it: handled in a process of its own, that one ${how}`;
  return await raise(log, service, { address, seq }, { code: UNDELIVERABLE, message, retryable: false });
}

/** Publishes that a timer cannot be handled. The fault is about the request of its run. */
export async function giveUpTimer(service: string, log: Log, timer: TimerFired, { message, ...problem }: Problem): Promise<void> {
  const address = requestOf(timer);
  const seq = await log.position(address);
  if (seq !== undefined) await raise(log, service, { address, seq }, { ...problem, message: `timer ${timer.name}: ${message}` });
}

/** The place of the fault of a service about the fact at position `seq`. */
const faultAt = (service: string, seq: number): Place => ({ kind: 'fault', id: service, n: seq });
const requestOf = ({ shard, run }: { readonly shard: number; readonly run: string }): Address =>
  addressOf({ shard, run, ...theRun, slot: 'request' });

async function raise(log: Log, service: string, about: { address: Address; seq: number }, problem: Problem): Promise<Handled> {
  const { shard, run } = parseAddress(about.address) as Parts;
  const context = { source: service, shard, run, cause: about.address };
  await publishOne(log, context, faultRaised(faultAt(service, about.seq), { event: about.address, problem: redact(cleaned(problem)) }));
  return 'handled';
}

/** Checks that a service publishes only what it declared. The broker would refuse the rest, with a less clear error. */
function permitted(service: Service<never>, answer: Answers): Answers {
  for (const what of answer) {
    if ('timer' in what && service.on['timer.fired'] === undefined)
      throw new Fatal(`${service.name} set the timer ${what.timer}, and has no handler for timer.fired`);
    if (!('timer' in what) && !service.publishes.some((definition) => definition.type === what.type)) {
      throw new Fatal(`${service.name} published ${what.type}, which is not in its \`publishes\``);
    }
  }
  return answer;
}
