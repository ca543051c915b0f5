/** The way of one service into quarantine and back, and what is noted of everything that it does before it may have to go there. */

import type { Log } from '../log.ts';
import { fairly } from '../process/fairness.ts';
import { begin } from '../process/watchdog.ts';
import { resultOfDeath } from '../runtime/lost-performer.ts';
import type { Result } from '../runtime/perform.ts';
import { giveUp, giveUpTimer, type Handled, UNDELIVERABLE } from '../runtime/react.ts';
import type { Answers, ApprovedCall, CallContext, Logger, Performer, Service, TimerFired } from '../service.ts';
import type { TokenStream } from '../signals/token-stream.ts';
import type { Order, Outcome, Quarantine } from './quarantine.ts';

export type Handover = {
  /** Handles a fact there, or says its fault. */
  react(address: string, seq: number, count: number): Promise<Handled>;
  /** The same for a ring of the clock. From then on its run is known to be deadly here: its further rings go there at once. */
  fire(timer: TimerFired): Promise<'handled' | 'died'>;
  isDeadly(run: string): boolean;
  /** Whether the run of a fact can be read there. If it cannot, the fault of the fact is said. */
  reads(address: string, seq: number): Promise<boolean>;
  /** Performs a call there. */
  perform(call: ApprovedCall, acting: CallContext): Promise<Result>;
};

/** So many deadly runs are remembered. */
const DEADLY = 1000;

type Surroundings = { readonly quarantine: Quarantine; readonly log: Log; readonly logger: Logger };

/** @returns undefined for a service that was made in this process: another one cannot load it. */
export function handoverTo(service: Service<never> | Performer<never>, { quarantine, log, logger }: Surroundings): Handover | undefined {
  const { name, module } = service;
  if (module === undefined) return undefined;
  const deadly = new Set<string>();
  const ask = async (what: string, order: Order, acting?: CallContext): Promise<Outcome> => {
    logger.info({ what }, 'this may be what ended processes: it is handled in one of its own');
    const outcome = await quarantine.ask({ name, module }, order, acting);
    if ('died' in outcome) logger.error({ what, inDoubt: outcome.inDoubt }, `the process of its own ${outcome.died}`);
    return outcome;
  };
  return {
    react: async (address, seq, count) => {
      const outcome = await ask(address, { fact: { address, seq, count } });
      return 'died' in outcome ? await giveUp(name, log, address, seq, outcome.died) : (outcome.answer as Handled);
    },
    fire: async (timer) => {
      const outcome = await ask(`${timer.run} ${timer.name}`, { timer });
      if (!('died' in outcome)) return 'handled';
      const message = `${name} did not survive it: handled in a process of its own, that one ${outcome.died}`;
      deadly.add(timer.run);
      if (deadly.size > DEADLY) deadly.delete(deadly.values().next().value as string);
      await giveUpTimer(name, log, timer, { code: UNDELIVERABLE, message });
      return 'died';
    },
    isDeadly: (run) => deadly.has(run),
    reads: async (address, seq) => {
      const outcome = await ask(address, { read: { address, seq } });
      if ('died' in outcome) await giveUp(name, log, address, seq, outcome.died);
      return !('died' in outcome);
    },
    perform: async (call, acting) => {
      const { key, traceparent } = acting;
      const outcome = await ask(key, { perform: { call, key, traceparent } }, acting);
      return 'died' in outcome ? resultOfDeath(call, outcome) : (outcome.answer as Result);
    },
  };
}

type AnyHandler = (
  heard: { readonly address?: string; readonly run?: string; readonly name?: string },
  context: never,
) => Answers | Promise<Answers>;

/** The same service; it handles things in turn with the rest of the process, and what it handles is noted, so that it can be named when it ends the process. */
export function noting(service: Service<never>): Service<never> {
  const noted =
    (handler: AnyHandler): AnyHandler =>
    async (heard, context) => {
      await fairly();
      const isOver = begin(`${service.name} handling ${heard.address ?? `${heard.run} ${heard.name}`}`);
      try {
        return await handler(heard, context);
      } finally {
        isOver();
      }
    };
  const on = Object.entries(service.on as { [type: string]: AnyHandler }).map(([type, handler]) => [type, noted(handler)]);
  return { ...service, on: Object.fromEntries(on) };
}

/** The same performer; what it performs is noted, and what it has shown is out before its outcome is said. */
export function onStage(performer: Performer<never>, stage: TokenStream): Performer<never> {
  return {
    ...performer,
    perform: async (call, context) => {
      await fairly();
      const isOver = begin(`${performer.name} performing ${call.run}.${call.at.kind}.${call.at.id}.${call.at.n}`, true);
      try {
        return await performer.perform(call, context);
      } finally {
        isOver();
        stage.clear(call.run, call.at);
      }
    },
  };
}
