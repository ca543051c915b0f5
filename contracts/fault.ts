/** An event that a service cannot handle becomes a fact of its own, at `fault.<service>.<sequence>`, so that it is never lost silently. */
import { z } from 'zod';
import { fact, Problem } from './envelope.ts';

/** any service: the fact at the address `event` could not be handled and will not be retried. */
export const faultRaised = fact('fault', 'fault', 'raised', { event: z.string(), problem: Problem });
