/**
 * Messages that a stream passes on to its `live.` subjects, told from everything else that can arrive there. The broker sends the answer
 * to any request to the reply subject that the request names, so every service can have answers sent there, with a body of its choice.
 */
import type { Msg } from 'nats';

/** The broker sets these on what a stream passes on. A message that brought one of them along has it twice. */
const NAMED = ['Nats-Stream', 'Nats-Subject', 'Nats-Sequence', 'Nats-Time-Stamp', 'Nats-Last-Sequence'] as const;

/** `isPlain`: it carries no header besides those that the broker sets. */
export type BrokerHeaders = { readonly seq: number; readonly timeMs: number; readonly isPlain: boolean };

/**
 * What `stream` says of a message that it stored under `subject` and passed on; undefined for any other message. An answer to a direct read
 * names another stream, or has no `Nats-Last-Sequence`. A delivery of a consumer has the headers that its writer chose, and a reply.
 */
export function brokerHeadersOf({ headers, reply }: Msg, stream: string, subject: string): BrokerHeaders | undefined {
  if (headers === undefined || (reply ?? '') !== '') return undefined;
  const [from, of, position, stamp] = NAMED.map((name) => {
    const values = headers.values(name);
    return values.length === 1 ? values[0] : undefined;
  });
  const [seq, timeMs] = [Number(position), Date.parse(stamp ?? '')];
  if (headers.values('Nats-Last-Sequence').length !== 1 || from !== stream || of !== subject) return undefined;
  if (!Number.isSafeInteger(seq) || seq < 1 || Number.isNaN(timeMs)) return undefined;
  return { seq, timeMs, isPlain: headers.keys().length === NAMED.length };
}

type Headers = { keys(): Iterable<string>; values(key: string): string[] };

/** The broker sets these on a message that it reads as one of a batch; on one that the leader reads by itself, nothing. */
const READ = { leader: new Set<string>(), replica: new Set<string>([...NAMED, 'Nats-Num-Pending']) };

/** Why a stored message cannot be a fact: facts carry no headers, so one that does asks something else of the broker. */
export function suspicionOf(headers: Headers | undefined, by: keyof typeof READ): string | undefined {
  for (const key of headers?.keys() ?? []) {
    if (!READ[by].has(key) || headers?.values(key).length !== 1) return `it carries the header ${key}, and facts carry none`;
  }
  return undefined;
}
