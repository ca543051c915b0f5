/** The answer of a run: proposed, checked and judged before it is given. */
import { z } from 'zod';
import { fact, Json, Problem } from './envelope.ts';
import { Approved, Denied, Expired, Granted, Held, Refused } from './verdict.ts';

/** An optional step that failed, so that the answer lacks its result. */
export const Omitted = z.object({ step: z.string(), problem: Problem });
export type Omitted = z.infer<typeof Omitted>;

/** planner: an answer is proposed. */
export const answerProposed = fact('answer', 'proposal', 'proposed', { answer: Json, omitted: z.array(Omitted).optional() });
/** validator: the answer is valid. */
export const answerAccepted = fact('answer', 'check', 'accepted', {}, ['proposal.proposed']);
/** validator: the answer is invalid. */
export const answerRejected = fact('answer', 'check', 'rejected', { problem: Problem }, ['proposal.proposed']);
/** policy: the answer may be given. */
export const answerApproved = fact('answer', 'verdict', 'approved', Approved, ['check.accepted']);
/** policy: the answer may not be given. */
export const answerDenied = fact('answer', 'verdict', 'denied', Denied, ['check.accepted']);
/** policy: a person must decide whether the answer may be given. */
export const answerHeld = fact('answer', 'verdict', 'held', Held, ['check.accepted']);
/** policy: a person allowed the answer. */
export const answerGranted = fact('answer', 'ruling', 'granted', Granted, ['verdict.held']);
/** policy: a person refused the answer. */
export const answerRefused = fact('answer', 'ruling', 'refused', Refused, ['verdict.held']);
/** saga-tracker: the answer was not decided on in time. */
export const answerExpired = fact('answer', 'ruling', 'expired', Expired, ['verdict.held']);
