/** What a service hears of its own clock: `timer.<shard>.<service>.rang.<run>.<name>`. */
import { parseAddress } from '@reel/contracts/address.ts';
import { type Log, LogUnavailable } from '../log.ts';
import type { Apart } from '../quarantine/handover.ts';
import { DEATHS, giveUpRing, MAX_DELIVERIES, reactToRing } from '../runtime/react.ts';
import type { Logger, Ring, Service } from '../service.ts';
import type { consume } from './consumer.ts';
import { timerSubject } from './names.ts';

/** Handles the rings that a durable delivers. */
export function ringsOf(
  service: Service<never>,
  deps: object,
  { log, logger, apart }: { readonly log: Log; readonly logger: Logger; readonly apart: Apart | undefined },
): Parameters<typeof consume>[5] {
  return async ({ subject, count, deaths }) => {
    const ring = ringAt(service.name, subject, log.now());
    if (ring === undefined) return 'handled';
    const isSound = apart === undefined || (deaths < DEATHS && !apart.isDeadly(ring.run));
    const handling = isSound ? reactToRing(service, deps, log, ring) : apart.ring(ring);
    if (count < MAX_DELIVERIES) await handling;
    else
      await handling.catch(async (error: Error) => {
        if (error instanceof LogUnavailable) throw error;
        logger.error({ run: ring.run, ring: ring.name, error: error.message }, 'a ring of the clock could not be handled');
        await giveUpRing(service.name, log, ring, { code: 'handler-failed', message: error.message });
      });
    return 'handled';
  };
}

/** The ring that stands at a subject; undefined for whatever else a service may have had stored in its own stream. */
function ringAt(service: string, subject: string, time: number): Ring | undefined {
  const [, shard, , , run = '', name = '', ...more] = subject.split('.');
  if (!subject.startsWith(`${timerSubject(Number(shard), service, 'rang')}.`) || more.length > 0) return undefined;
  if (parseAddress(`reel.${shard}.${run}.run.run.1.${name}`) === undefined) return undefined;
  return { name, shard: Number(shard), run, time };
}
