/** What ends processes in the simulator: the one that handles it, each time, and from the third delivery on the one in quarantine. */
import type { Log } from '../log.ts';
import { resultOfDeath } from '../runtime/lost-performer.ts';
import { attempt, type Work } from '../runtime/perform.ts';
import { DEATHS, type Death, giveUp, giveUpTimer, type Handled, react, reactToTimer, UNDELIVERABLE } from '../runtime/react.ts';
import type { Performer, Service, TimerFired } from '../service.ts';

type Kills = (what: string, inQuarantine: boolean) => boolean;
type Die = () => Promise<never>;
type AnyHandler = (heard: { readonly address?: string; readonly run?: string; readonly name?: string }, context: object) => unknown;

/** Who handles it: the service, what kills it, and how its process dies. */
export type Mortal<Of> = { readonly service: Of; readonly deps: object; readonly kills?: Kills | undefined; readonly die: Die };

/** The same service, whose handlers die of what kills. */
function deadly({ service, kills = () => false, die: own }: Mortal<Service<never>>, die: Die): Service<never> {
  const on = Object.entries(service.on as { [type: string]: AnyHandler }).map(([type, handler]): [string, AnyHandler] => [
    type,
    (heard, context) => (kills(heard.address ?? `${heard.run} ${heard.name}`, die !== own) ? die() : handler(heard, context)),
  ]);
  return { ...service, on: Object.fromEntries(on) };
}

/** In quarantine a death is an answer. */
async function apart<T>(does: (die: Die) => Promise<T>): Promise<T | Death> {
  const died = Promise.withResolvers<Death>();
  const die = (): Promise<never> => {
    died.resolve({ died: 'died of it' });
    return new Promise(() => {});
  };
  return await Promise.race([does(die), died.promise]);
}

/** A delivery to a service, for the `count`-th time. */
export async function hear(mortal: Mortal<Service<never>>, log: Log, address: string, seq: number, count: number): Promise<Handled> {
  const { service, deps, die } = mortal;
  if (count <= DEATHS) return await react(deadly(mortal, die), deps, log, address, seq, count);
  const verdict = await apart((dieApart) => react(deadly(mortal, dieApart), deps, log, address, seq, count));
  return typeof verdict === 'object' && 'died' in verdict ? await giveUp(service.name, log, address, seq, verdict.died) : verdict;
}

/** The same for a ring of the clock. @param known the runs that are known to be deadly, to which it adds. */
export async function hearTimer(
  mortal: Mortal<Service<never>>,
  log: Log,
  ring: TimerFired,
  count: number,
  known: Set<string>,
): Promise<void> {
  const { service, deps, die } = mortal;
  if (count <= DEATHS && !known.has(ring.run)) return await reactToTimer(deadly(mortal, die), deps, log, ring);
  const death = await apart((dieApart) => reactToTimer(deadly(mortal, dieApart), deps, log, ring));
  if (death === undefined) return;
  known.add(ring.run);
  await giveUpTimer(service.name, log, ring, { code: UNDELIVERABLE, message: death.died });
}

/** The performer whose calls end its process, and its way into quarantine. What kills is known by the address of the step. */
export function performs({ service, deps, kills = () => false, die }: Mortal<Performer<never>>): {
  readonly performer: Performer<never>;
  readonly apart: NonNullable<Work['apart']>;
} {
  const deadly = (dies: Die): Performer<never> => ({
    ...service,
    perform: (call, context) =>
      kills(`${call.run}.${call.at.kind}.${call.at.id}.${call.at.n}`, dies !== die) ? dies() : service.perform(call, context),
  });
  return {
    performer: deadly(die),
    apart: async (call, acting) => {
      const result = await apart((dies) => attempt(deadly(dies), call, { ...deps, ...acting }));
      return 'died' in result ? resultOfDeath(call, result) : result;
    },
  };
}
