/** What the run gives back, before it is given. */
import { z } from 'zod';
import { fact, Json, Problem } from './envelope.ts';
import { Approved, Denied, Expired, Granted, Held, Refused } from './verdict.ts';

/** A step that the answer does without: it was optional, and has failed. */
export const Omitted = z.object({ step: z.string(), problem: Problem });
export type Omitted = z.infer<typeof Omitted>;

/** planner: this is the answer. */
export const answerProposed = fact('answer', 'proposal', 'proposed', { answer: Json, omitted: z.array(Omitted).optional() });
/** validator: it has the form that was asked for. */
export const answerAccepted = fact('answer', 'check', 'accepted', {}, ['proposal.proposed']);
/** validator: it does not have the form that was asked for. */
export const answerRejected = fact('answer', 'check', 'rejected', { problem: Problem }, ['proposal.proposed']);
/** policy: it may be given. */
export const answerApproved = fact('answer', 'verdict', 'approved', Approved, ['check.accepted']);
/** policy: it may not be given. */
export const answerDenied = fact('answer', 'verdict', 'denied', Denied, ['check.accepted']);
/** policy: a person has to read it first. */
export const answerHeld = fact('answer', 'verdict', 'held', Held, ['check.accepted']);
/** policy: a person let it be given. */
export const answerGranted = fact('answer', 'ruling', 'granted', Granted, ['verdict.held']);
/** policy: a person stopped it. */
export const answerRefused = fact('answer', 'ruling', 'refused', Refused, ['verdict.held']);
/** saga-tracker: nobody read it in time. */
export const answerExpired = fact('answer', 'ruling', 'expired', Expired, ['verdict.held']);
