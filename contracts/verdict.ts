/** How anything is judged: the fields that every verdict, ruling and vote has in common, whatever it is about. */
import { z } from 'zod';
import { Json, JsonSchema, Problem } from './envelope.ts';

/** Which policies decided, out of which set (`sha256:…` of the policy files), on exactly which question (`sha256:…` of its data). */
const grounds = { policies: z.array(z.string()), policySet: z.string(), question: z.string() };

export const Approved = { ...grounds };
export const Denied = { ...grounds, problem: Problem };
/** Held for a person. `form` is the JSON Schema of what has to be filled in, where a choice is asked. */
export const Held = { ...grounds, prompt: z.string(), form: JsonSchema.optional() };

const ruledBy = { who: z.string(), why: z.string(), vote: z.string() };
/** A person with the right to say so said yes; `form` is what they filled in. */
export const Granted = { ...ruledBy, form: Json.optional() };
export const Refused = { ...ruledBy };
/** Nobody decided in time, or the run turned before anybody did. */
export const Expired = { problem: Problem };
