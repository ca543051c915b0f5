/** The timers of a service: `timer.<shard>.<service>.fired.<run>.<name>`. */
import { parseAddress } from '@reel/contracts/address.ts';
import { type Log, LogUnavailable } from '../log.ts';
import type { Handover } from '../quarantine/handover.ts';
import { DEATHS, giveUpTimer, MAX_DELIVERIES, reactToTimer } from '../runtime/react.ts';
import type { Logger, Service, TimerFired } from '../service.ts';
import type { consume } from './consumer.ts';
import { timerSubject } from './names.ts';

/** Handles the timers that a durable delivers. */
export function timersOf(
  service: Service<never>,
  deps: object,
  { log, logger, apart }: { readonly log: Log; readonly logger: Logger; readonly apart: Handover | undefined },
): Parameters<typeof consume>[5] {
  return async ({ subject, count, deaths }) => {
    const timer = timerAt(service.name, subject, log.now());
    if (timer === undefined) return 'handled';
    const isSound = apart === undefined || (deaths < DEATHS && !apart.isDeadly(timer.run));
    const handling = isSound ? reactToTimer(service, deps, log, timer) : apart.fire(timer);
    if (count < MAX_DELIVERIES) await handling;
    else
      await handling.catch(async (error: Error) => {
        if (error instanceof LogUnavailable) throw error;
        logger.error({ run: timer.run, timer: timer.name, error: error.message }, 'a ring of the clock could not be handled');
        await giveUpTimer(service.name, log, timer, { code: 'handler-failed', message: error.message });
      });
    return 'handled';
  };
}

/** The timer at a subject; undefined for any other message that a service stored in its own stream. */
function timerAt(service: string, subject: string, time: number): TimerFired | undefined {
  const [, shard, , , run = '', name = '', ...more] = subject.split('.');
  if (!subject.startsWith(`${timerSubject(Number(shard), service, 'fired')}.`) || more.length > 0) return undefined;
  if (parseAddress(`reel.${shard}.${run}.run.run.1.${name}`) === undefined) return undefined;
  return { name, shard: Number(shard), run, time };
}
