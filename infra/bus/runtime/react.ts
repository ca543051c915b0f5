/** One delivery to a listening service: read the run up to the fact, ask the service, say what it answers. */
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

/** What becomes of a delivery: handled (acknowledge it), or to be delivered again after so many ms. */
export type Handled = 'handled' | { readonly againInMs: number };

/** After so many deliveries what a handler throws is said as a fault. */
export const MAX_DELIVERIES = 8;

/**
 * After so many deliveries that no process may have come back from, a fact is handled in quarantine (`quarantine.ts`). One or two happen
 * to any fact: processes are killed, and while the broker's nodes elect a leader it delivers again what it was told is handled.
 */
export const DEATHS = 2;

/** How the process in quarantine ended, as the rest of a sentence. `inDoubt`: something else there may have been what ended it. */
export type Death = { readonly died: string; readonly inDoubt?: boolean };

/** The code of a problem with what no process survives. */
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
  // A subject that is no address belongs to no run: nobody waits for it, and it will never be found in one.
  if (at === undefined) return 'handled';
  const runLog = await log.read(at.shard, at.run, seq);
  const entry = runLog.byAddress.get(address);
  if (entry === undefined) return { againInMs: backoffMs(delivery) };
  // Its fault is said: however often it is delivered, that stands.
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

/** Handles a ring of the clock. Its facts answer the request of the run, since a ring is no fact. */
export async function reactToTimer(service: Service<never>, deps: object, log: Log, ring: TimerFired): Promise<void> {
  const handler = service.on['timer.fired'] as AnyHandler | undefined;
  // Most rings are for runs that have ended since, and are not kept any more: what is over need not be read.
  if ((await log.occupant(addressOf({ shard: ring.shard, run: ring.run, ...theRun, slot: 'outcome' }))) !== undefined) return;
  const history = historyOf(await log.read(ring.shard, ring.run));
  const request = history.find(runRequested, theRun);
  if (handler === undefined || request === undefined) return;
  const answer = permitted(service, await handler(ring, { ...deps, history }));
  await publish(
    log,
    { source: service.name, shard: ring.shard, run: ring.run, cause: request.address, traceparent: request.traceparent },
    answer,
  );
}

/** Says the fault of a service about a fact. There are no faults about faults, nor about runs that nobody asked for. */
export async function fault(log: Log, service: string, history: History, about: Entry, problem: Problem): Promise<Handled> {
  if (about.at.kind === 'fault' || history.find(runRequested, theRun) === undefined) return 'handled';
  return await raise(log, service, about, problem);
}

/**
 * Says the fault about a fact that no process survives. Nothing of its run is read here, since reading may be what they do not survive.
 * @param how the process in quarantine ended, as the rest of a sentence.
 */
export async function giveUp(service: string, log: Log, address: Address, seq: number, how: string): Promise<Handled> {
  const at = parseAddress(address);
  if (at === undefined || at.kind === 'fault' || (await log.position(requestOf(at))) === undefined) return 'handled';
  const message = `${service} did not survive it: handled in a process of its own, that one ${how}`;
  return await raise(log, service, { address, seq }, { code: UNDELIVERABLE, message, retryable: false });
}

/** Says that a ring of the clock cannot be handled: the fault is about the request of its run. */
export async function giveUpTimer(service: string, log: Log, ring: TimerFired, { message, ...problem }: Problem): Promise<void> {
  const address = requestOf(ring);
  const seq = await log.position(address);
  if (seq !== undefined) await raise(log, service, { address, seq }, { ...problem, message: `the clock rang (${ring.name}): ${message}` });
}

/** Where the fault of a service about the fact at position `seq` stands. */
const faultAt = (service: string, seq: number): Place => ({ kind: 'fault', id: service, n: seq });
const requestOf = ({ shard, run }: { readonly shard: number; readonly run: string }): Address =>
  addressOf({ shard, run, ...theRun, slot: 'request' });

async function raise(log: Log, service: string, about: { address: Address; seq: number }, problem: Problem): Promise<Handled> {
  const { shard, run } = parseAddress(about.address) as Parts;
  const voice = { source: service, shard, run, cause: about.address };
  await publishOne(log, voice, faultRaised(faultAt(service, about.seq), { event: about.address, problem: redact(cleaned(problem)) }));
  return 'handled';
}

/** A service may say what it declared; the broker would refuse the rest anyway, though not as clearly. */
function permitted(service: Service<never>, answer: Answers): Answers {
  for (const what of answer) {
    if ('timer' in what && service.on['timer.fired'] === undefined)
      throw new Fatal(`${service.name} set the timer ${what.timer}, and does not hear timer.fired`);
    if (!('timer' in what) && !service.publishes.some((definition) => definition.type === what.type)) {
      throw new Fatal(`${service.name} said ${what.type}, which is not among what it says`);
    }
  }
  return answer;
}
