/** The fields that verdicts, rulings and votes have in common, for every family of facts. */
import { z } from 'zod';
import { Json, JsonSchema, Problem } from './envelope.ts';

/** The policies that decided, their set (`sha256:…` of the policy files), and the exact question (`sha256:…` of its data). */
const grounds = { policies: z.array(z.string()), policySet: z.string(), question: z.string() };

export const Approved = { ...grounds };
export const Denied = { ...grounds, problem: Problem };
/** Held for a person. `form` is the JSON Schema of what the person fills in, where a choice is needed. */
export const Held = { ...grounds, prompt: z.string(), form: JsonSchema.optional() };

const ruledBy = { who: z.string(), why: z.string(), vote: z.string() };
/** A person with the right to decide said yes; `form` is what they filled in. */
export const Granted = { ...ruledBy, form: Json.optional() };
export const Refused = { ...ruledBy };
/** No decision in time, or the run closed before one. */
export const Expired = { problem: Problem };
