/** What is to be done, before it is done. */
import { fact, Problem } from './envelope.ts';
import { Approved, Denied, Expired, Granted, Held, Refused } from './verdict.ts';
import { Workflow } from './workflow/format.ts';

/** planner: this is how. */
export const planProposed = fact('plan', 'proposal', 'proposed', { plan: Workflow });
/** planner: there is no way (on); it stands where the next revision would. */
export const planAbandoned = fact('plan', 'proposal', 'abandoned', { problem: Problem });

/** policy: it may be carried out; every step is still judged with its arguments. */
export const planApproved = fact('plan', 'verdict', 'approved', Approved, ['proposal.proposed']);
/** policy: it may not be carried out. */
export const planDenied = fact('plan', 'verdict', 'denied', Denied, ['proposal.proposed']);
/** policy: a person has to look at it first. */
export const planHeld = fact('plan', 'verdict', 'held', Held, ['proposal.proposed']);
/** policy: a person let it pass. */
export const planGranted = fact('plan', 'ruling', 'granted', Granted, ['verdict.held']);
/** policy: a person stopped it. */
export const planRefused = fact('plan', 'ruling', 'refused', Refused, ['verdict.held']);
/** saga-tracker: nobody looked at it in time. */
export const planExpired = fact('plan', 'ruling', 'expired', Expired, ['verdict.held']);
