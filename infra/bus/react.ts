/** One delivery to a listening service: read the run up to the fact, ask the service, say what it answers. */
import { addressOf, type Place, parseAddress, theRun } from '@reel/contracts/address.ts';
import type { Event, Problem } from '@reel/contracts/envelope.ts';
import { faultRaised } from '@reel/contracts/fault.ts';
import { runRequested } from '@reel/contracts/run.ts';
import { type Entry, type History, historyOf, isVoid } from './history.ts';
import { type Log, LogUnavailable } from './log.ts';
import { publicly } from './publicly.ts';
import { say, sayOne } from './say.ts';
import { cleaned } from './secrets.ts';
import { Fatal, type Ring, type Said, type Service } from './service.ts';
import { traced } from './trace.ts';

/** What becomes of a delivery: handled (acknowledge it), or to be delivered again after so many ms. */
export type Verdict = 'handled' | { readonly againInMs: number };

/** After so many deliveries what a handler throws is said as a fault. */
export const MAX_DELIVERIES = 8;
/**
 * After so many the bus stops calling the handler, which may be what kills the process. While the broker's nodes elect a leader it delivers
 * again every two seconds to those who are alive and cannot say so: that goes on for up to half a minute.
 */
const MAX_DEATHS = 40;

const backoffMs = (delivery: number): number => Math.min(25 * 2 ** delivery, 900);

type AnyHandler = (event: Event | Ring, context: object) => Said | Promise<Said>;

/** Handles the fact at `address`. Rejects only when the log cannot be reached. */
export async function react(
  service: Service<never>,
  deps: object,
  log: Log,
  address: string,
  seq: number,
  delivery: number,
): Promise<Verdict> {
  const at = parseAddress(address);
  // A subject that is no address belongs to no run: nobody waits for it, and it will never be found in one.
  if (at === undefined) return 'handled';
  const runLog = await log.read(at.shard, at.run, seq);
  const entry = runLog.byAddress.get(address);
  if (entry === undefined) return { againInMs: backoffMs(delivery) };
  const history = historyOf(runLog, seq);
  if (isVoid(entry)) return await fault(log, service.name, history, entry, { code: 'void-fact', message: entry.void });
  const handler = service.on[entry.type as keyof typeof service.on] as AnyHandler | undefined;
  if (handler === undefined) return 'handled';
  const last = delivery > MAX_DEATHS;
  if (last)
    return await fault(log, service.name, history, entry, {
      code: 'undeliverable',
      message: `${service.name} did not survive it ${delivery} times`,
    });
  try {
    await traced(`${service.name} ${entry.type}`, entry.traceparent, async (traceparent) => {
      const answer = permitted(service, await handler(entry, { ...deps, history }));
      await say(log, { source: service.name, shard: history.shard, run: history.run, cause: entry.address, traceparent }, answer);
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
export async function reactToRing(service: Service<never>, deps: object, log: Log, ring: Ring): Promise<void> {
  const handler = service.on['clock.rang'] as AnyHandler | undefined;
  // Most rings are for runs that have ended since, and are not kept any more: what is over need not be read.
  if ((await log.occupant(addressOf({ shard: ring.shard, run: ring.run, ...theRun, slot: 'outcome' }))) !== undefined) return;
  const history = historyOf(await log.read(ring.shard, ring.run));
  const request = history.find(runRequested, theRun);
  if (handler === undefined || request === undefined) return;
  const answer = permitted(service, await handler(ring, { ...deps, history }));
  await say(
    log,
    { source: service.name, shard: ring.shard, run: ring.run, cause: request.address, traceparent: request.traceparent },
    answer,
  );
}

/** The clock rang as often as anything is tried, and it could not be handled: whoever waits for that run is told. */
export async function giveUpRing(service: Service<never>, log: Log, ring: Ring, error: Error): Promise<void> {
  const history = historyOf(await log.read(ring.shard, ring.run));
  const request = history.find(runRequested, theRun);
  const problem = { code: 'handler-failed', message: `the clock rang (${ring.name}): ${error.message}` };
  if (request !== undefined) await fault(log, service.name, history, request, problem);
}

/** Says the fault of a service about a fact. There are no faults about faults, nor about runs that nobody asked for. */
export async function fault(log: Log, service: string, history: History, about: Entry, problem: Problem): Promise<Verdict> {
  if (about.at.kind === 'fault' || history.find(runRequested, theRun) === undefined) return 'handled';
  const at: Place = { kind: 'fault', id: service, n: about.seq };
  await sayOne(
    log,
    { source: service, shard: history.shard, run: history.run, cause: about.address },
    faultRaised(at, { event: about.address, problem: publicly(cleaned(problem)) }),
  );
  return 'handled';
}

/** A service may say what it declared; the broker would refuse the rest anyway, though not as clearly. */
function permitted(service: Service<never>, answer: Said): Said {
  for (const what of answer) {
    if ('ring' in what && service.on['clock.rang'] === undefined)
      throw new Fatal(`${service.name} set the timer ${what.ring}, and does not hear clock.rang`);
    if (!('ring' in what) && !service.says.some((definition) => definition.type === what.type)) {
      throw new Fatal(`${service.name} said ${what.type}, which is not among what it says`);
    }
  }
  return answer;
}
