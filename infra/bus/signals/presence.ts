/**
 * Who is there: every service says so itself, every two seconds and whenever somebody asks, outside the log. The subject carries its
 * name, and the kind that it performs, so that the broker holds it to both.
 */
import { randomUUID } from 'node:crypto';
import { readFileSync } from 'node:fs';
import type { NatsConnection } from 'nats';
import { flush } from '../jetstream/flush.ts';
import { componentOf } from '../runtime/component-of.ts';
import { withoutSecretsInJson } from '../runtime/secrets.ts';
import type { AnyService, Logger, Offers } from '../service.ts';
import { messageBody } from './message.ts';

const { version } = JSON.parse(readFileSync(new URL('../package.json', import.meta.url), 'utf8')) as { version: string };

/** How often a service says that it is there, in ms. */
export const PRESENCE_MS = 2000;

/** Where an instance announces itself: `presence.<service>.<instance>`, a performer's with its kind at the end. */
export const presenceSubject = (name: string, instance: string, kind?: string): string =>
  `presence.${name}.${instance}${kind === undefined ? '' : `.${kind}`}`;

/**
 * Where every service is asked to announce itself, and the question. The question is not empty, because the broker's answer to an
 * acknowledgement is, and a service may have that answer sent here.
 */
export const PRESENCE_QUERY = { subject: 'presence-query', question: 'who is there?' } as const;
export type Announcer = {
  /** Tells what is on offer from now on: at once, or with the first announcement. */
  offer(offers: Offers): void;
  /** From now on it is there. */
  start(): void;
  /** Says that it is leaving, and nothing after that. Resolves when the broker has heard it, or cannot. */
  leave(): Promise<void>;
};

/** Announces a service over its own connection. A broker that is away is nothing to it. */
export function announcer(connection: NatsConnection, service: AnyService, log: Logger, everyMs = PRESENCE_MS): Announcer {
  const component = componentOf(service, {
    instance: randomUUID().slice(0, 8),
    pid: process.pid,
    startedAt: new Date().toISOString(),
    version,
  });
  const subject = presenceSubject(component.name, component.instance, component.kind);
  let offers: Offers = {};
  let here = false;
  let timer: NodeJS.Timeout | undefined;
  const say = (last: { leaving?: true } = {}): void => {
    if (!here || connection.isClosed()) return;
    try {
      connection.publish(subject, withoutSecretsInJson(JSON.stringify({ ...component, offers, ...last })));
    } catch (error) {
      log.warn({ error: (error as Error).message }, 'it could not be announced that this service is there');
    }
  };
  return {
    offer: (now) => {
      offers = now;
      say();
    },
    start: () => {
      here = true;
      connection.subscribe(PRESENCE_QUERY.subject, {
        callback: (error, message) => (error === null && messageBody(message) === PRESENCE_QUERY.question ? say() : undefined),
      });
      // Neither keeps the process: it is there for the service, not the other way round.
      timer = setInterval(say, everyMs).unref();
      void (async () => {
        for await (const { type } of connection.status()) if (type === 'reconnect') say();
      })();
      say();
    },
    leave: async () => {
      if (!here || connection.isClosed()) return;
      clearInterval(timer);
      say({ leaving: true });
      here = false;
      await flush(connection);
    },
  };
}
