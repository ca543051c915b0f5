/** Nothing dies silently: what a service could not handle becomes a fact of its own, at `fault.<service>.<sequence>`. */
import { z } from 'zod';
import { fact, Problem } from './envelope.ts';

/** any service: this fact (`event`, its address) could not be handled, and will not be tried again. */
export const faultRaised = fact('fault', 'fault', 'raised', { event: z.string(), problem: Problem });
