/** A person's opinion on something held. Whether it counts is for policy to say. */
import { z } from 'zod';
import { fact, Json } from './envelope.ts';
import { Denied } from './verdict.ts';

/** gateway: this person says yes or no to what is held at `question` (an address without its slot's answer: `…verdict`). */
export const voteCast = fact('vote', 'request', 'cast', {
  question: z.string(),
  decision: z.enum(['grant', 'refuse']),
  who: z.string(),
  why: z.string(),
  form: Json.optional(),
});
/** policy: it does not count. A vote that counts is named by the ruling it led to. */
export const voteDenied = fact('vote', 'verdict', 'denied', Denied, ['request.cast']);
