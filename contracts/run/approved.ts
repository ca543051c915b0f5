/** What counts as approved: a verdict in favour, or a person's ruling in favour where the verdict held it. */
import { aboutOf, type Place, planRevision } from '../address.ts';
import type { Event, FactDefinition } from '../envelope.ts';
import { families, isFamily } from '../judged.ts';
import { planProposed } from '../plan.ts';
import { type Planned, plannedAs } from '../workflow/attempt.ts';
import type { Workflow } from '../workflow/format.ts';

/** As much of a run's history as is needed here. */
type Facts = { find(definition: FactDefinition, at: Place): Event | undefined };

/** The fact by which what stands at this place was approved, or granted by a person. */
export function approvalOf(history: Facts, at: Place): Event | undefined {
  const about = aboutOf(at.kind);
  if (!isFamily(about)) return undefined;
  const { approved, granted } = families[about];
  return history.find(approved, at) ?? history.find(granted, at);
}

/** True when what stands at this place was approved, or granted by a person. */
export const isApproved = (history: Facts, at: Place): boolean => approvalOf(history, at) !== undefined;

/** The newest revision of the plan that was approved or granted: the one that is being carried out. */
export const approvedPlan = (history: Facts): Workflow | undefined => approvedPlans(history)[0];

/** What an id stands for, in the newest approved revision that has it: a revision may have dropped what an earlier one began. */
export function everPlanned(history: Facts, id: string): (Planned & { readonly plan: Workflow }) | undefined {
  for (const plan of approvedPlans(history)) {
    const planned = plannedAs(plan, id);
    if (planned !== undefined) return { ...planned, plan };
  }
  return undefined;
}

/** Every revision that was approved or granted, the newest first. */
export function approvedPlans(history: Facts): Workflow[] {
  const plans: Workflow[] = [];
  for (let n = 1; ; n += 1) {
    const proposal = history.find(planProposed, planRevision(n));
    if (proposal === undefined) return plans;
    if (isApproved(history, planRevision(n))) plans.unshift((proposal.data as { plan: Workflow }).plan);
  }
}
