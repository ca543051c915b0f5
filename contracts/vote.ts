/** A person's vote on something held. Policy decides whether it counts. */
import { z } from 'zod';
import { fact, Json } from './envelope.ts';
import { Denied } from './verdict.ts';

/** gateway: a person votes on what is held at `question` (the address of the verdict slot). */
export const voteCast = fact('vote', 'request', 'cast', {
  question: z.string(),
  decision: z.enum(['grant', 'refuse']),
  who: z.string(),
  why: z.string(),
  form: Json.optional(),
});
/** policy: the vote does not count. The ruling names the vote that counted. */
export const voteDenied = fact('vote', 'verdict', 'denied', Denied, ['request.cast']);
