/**
 * Acknowledged publishing over one subscription: a fact costs one entry in a map, where the client's own request costs a timer, an
 * error and several promises (a tenth of a busy process, measured).
 */
import { createInbox, type Msg, type MsgHdrs, type NatsConnection } from 'nats';
import { LogUnavailable } from '../log.ts';
import { failoverOf } from './failover.ts';

export type PubAck = { seq?: number; error?: { code?: number; err_code?: number; description?: string } };

/** The broker refuses this subject, at all or to this service. Trying again soon does not help. */
export class Refused extends LogUnavailable {}

type Waiting = {
  readonly subject: string;
  readonly sinceMs: number;
  readonly resolve: (ack: PubAck) => void;
  readonly reject: (error: Error) => void;
};

const TIMEOUT_MS = 5000;

/**
 * @returns a function that publishes and resolves with the stream's answer; it rejects with LogUnavailable when none comes: at once when
 * nobody stores it, or when the connection is lost, which takes along what was on its way in either direction.
 */
export function openPublisher(
  connection: NatsConnection,
  inboxPrefix: string,
): (subject: string, body: string, headers?: MsgHdrs) => Promise<PubAck> {
  const inbox = createInbox(inboxPrefix);
  const roam = failoverOf(connection);
  const waiting = new Map<string, Waiting>();
  let last = 0;
  let away = false;

  const settle = (token: string, error: Error | undefined, ack: PubAck): void => {
    const one = waiting.get(token);
    waiting.delete(token);
    if (error === undefined) one?.resolve(ack);
    else one?.reject(error);
  };
  const hear = (error: Error | null, message: Msg): void => {
    if (error !== null) return;
    const token = message.subject.slice(inbox.length + 1);
    const subject = waiting.get(token)?.subject;
    if (message.headers?.code === 503) {
      roam.trouble();
      settle(token, new LogUnavailable(`no stream stores ${subject} right now`), {});
      return;
    }
    try {
      const ack = message.json<PubAck>();
      if (ack.error?.code !== 503) roam.fine();
      settle(token, undefined, ack);
    } catch {
      settle(token, new LogUnavailable(`${subject} was answered with what is no acknowledgement`), {});
    }
  };
  connection.subscribe(`${inbox}.*`, { callback: hear });
  const sweep = setInterval(() => {
    const before = Date.now() - TIMEOUT_MS;
    for (const [token, { sinceMs, subject }] of waiting) {
      if (sinceMs > before) return;
      roam.trouble(performance.now() - TIMEOUT_MS);
      settle(token, new LogUnavailable(`${subject} was not acknowledged within ${TIMEOUT_MS} ms`), {});
    }
  }, TIMEOUT_MS / 5);
  sweep.unref();
  const refused = (subject: string, why: string): void => {
    for (const [token, one] of waiting) if (one.subject === subject) settle(token, new Refused(`${subject}: ${why}`), {});
  };
  const lost = (why: string): void => {
    for (const token of waiting.keys()) settle(token, new LogUnavailable(why), {});
  };
  void (async () => {
    for await (const status of connection.status()) {
      if (status.type === 'disconnect' || status.type === 'reconnect') away = status.type === 'disconnect';
      if (away) lost('the connection to the broker was lost');
      if (status.type !== 'error') continue;
      const { subject, message } = status.error as { subject?: string; message: string };
      if (subject !== undefined) refused(subject, message);
    }
  })();
  void connection.closed().then(() => {
    clearInterval(sweep);
    lost('the connection to the broker is closed');
  });

  return (subject, body, headers) =>
    new Promise((resolve, reject) => {
      // The client would keep it for the next connection, and forget it when that is made.
      if (away) return reject(new LogUnavailable(`${subject} cannot be sent: the broker is away`));
      last += 1;
      const token = last.toString(36);
      waiting.set(token, { subject, sinceMs: Date.now(), resolve, reject });
      try {
        connection.publish(subject, body, { reply: `${inbox}.${token}`, ...(headers === undefined ? {} : { headers }) });
      } catch (error) {
        settle(token, new LogUnavailable(`${subject} cannot be sent: ${(error as Error).message}`), {});
      }
    });
}
