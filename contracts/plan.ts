/** The plan of a run: proposed, then judged. */
import { fact, Problem } from './envelope.ts';
import { Approved, Denied, Expired, Granted, Held, Refused } from './verdict.ts';
import { Workflow } from './workflow/format.ts';

/** planner: a plan is proposed. */
export const planProposed = fact('plan', 'proposal', 'proposed', { plan: Workflow });
/** planner: no plan is possible, or none from here on. It takes the place of the next revision. */
export const planAbandoned = fact('plan', 'proposal', 'abandoned', { problem: Problem });

/** policy: the plan may be carried out. Every step is still judged with its arguments. */
export const planApproved = fact('plan', 'verdict', 'approved', Approved, ['proposal.proposed']);
/** policy: the plan may not be carried out. */
export const planDenied = fact('plan', 'verdict', 'denied', Denied, ['proposal.proposed']);
/** policy: a person must decide whether the plan may be carried out. */
export const planHeld = fact('plan', 'verdict', 'held', Held, ['proposal.proposed']);
/** policy: a person allowed the plan. */
export const planGranted = fact('plan', 'ruling', 'granted', Granted, ['verdict.held']);
/** policy: a person refused the plan. */
export const planRefused = fact('plan', 'ruling', 'refused', Refused, ['verdict.held']);
/** saga-tracker: the plan was not decided on in time. */
export const planExpired = fact('plan', 'ruling', 'expired', Expired, ['verdict.held']);
