/** What counts as approved: an approving verdict, or a granting ruling where the verdict held it. */
import { aboutOf, type Place, planRevision } from '../address.ts';
import type { Event, FactDefinition } from '../envelope.ts';
import { families, isFamily } from '../judged.ts';
import { planProposed } from '../plan.ts';
import { type Planned, plannedAs } from '../workflow/attempt.ts';
import type { Workflow } from '../workflow/format.ts';

/** The part of a run's history that this file needs. */
type Facts = { find(definition: FactDefinition, at: Place): Event | undefined };

/** The fact that approved this place, or by which a person granted it. */
export function approvalOf(history: Facts, at: Place): Event | undefined {
  const about = aboutOf(at.kind);
  if (!isFamily(about)) return undefined;
  const { approved, granted } = families[about];
  return history.find(approved, at) ?? history.find(granted, at);
}

/** True when this place was approved, or granted by a person. */
export const isApproved = (history: Facts, at: Place): boolean => approvalOf(history, at) !== undefined;

/** The newest approved or granted revision of the plan: the one that is carried out. */
export const approvedPlan = (history: Facts): Workflow | undefined => approvedPlans(history)[0];

/** What an id stands for, in the newest approved revision that has it. A revision may drop a step that an earlier one began. */
export function everPlanned(history: Facts, id: string): (Planned & { readonly plan: Workflow }) | undefined {
  for (const plan of approvedPlans(history)) {
    const planned = plannedAs(plan, id);
    if (planned !== undefined) return { ...planned, plan };
  }
  return undefined;
}

/** All approved or granted revisions, the newest first. */
export function approvedPlans(history: Facts): Workflow[] {
  const plans: Workflow[] = [];
  for (let n = 1; ; n += 1) {
    const proposal = history.find(planProposed, planRevision(n));
    if (proposal === undefined) return plans;
    if (isApproved(history, planRevision(n))) plans.unshift((proposal.data as { plan: Workflow }).plan);
  }
}
