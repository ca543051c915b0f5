/** Messages that are no facts: what services tell each other outside the log. */
import type { Msg } from 'nats';
import { readJson } from '../runtime/json.ts';

/**
 * The JSON of a message that a service sent here itself, otherwise undefined. The broker can be made to send its answers to any subject
 * at all, by naming it as the reply: they have headers, or a reply of their own, or a body of the broker's.
 */
export function messageBody(message: Msg): unknown {
  if (message.headers !== undefined || (message.reply ?? '') !== '') return undefined;
  try {
    return readJson(message.string());
  } catch {
    return undefined;
  }
}
