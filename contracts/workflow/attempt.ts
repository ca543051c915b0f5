/** What a step's id stands for in a plan: the step itself, or what is done instead when it has failed, as `<id>-fallback`. */
import type { Effect } from '../tool.ts';
import type { Workflow, WorkflowStep } from './format.ts';

/** How something is done: what a step and its fallback have in common. */
export type Attempt = NonNullable<WorkflowStep['fallback']>;

/** An attempt, the step of the plan that it belongs to, and how often it may be made in all. */
export type Planned = { readonly attempt: Attempt; readonly step: WorkflowStep; readonly attempts: number };

/** What performs it, within its kind. A kind that has only one performer need not name it: then it is called as the kind is. */
export const usesOf = ({ kind, uses }: Attempt): string => (uses === '' && kind !== 'tool' ? kind : uses);

/** What calling it twice does, for a kind without a registry. Asking a person changes nothing. */
export const effectOf = ({ kind, effect }: Attempt): Effect => (kind === 'person' ? 'read-only' : (effect ?? 'once'));

/** The id under which a step's fallback is requested. */
export const fallbackId = (id: string): string => `${id}-fallback`;

// Every step of a run is looked up several times, and a plan may have thousands: so the index is kept with the plan.
const indexes = new WeakMap<Workflow, ReadonlyMap<string, Planned>>();

/** What the plan has under this id, or undefined. A step's own id goes before another's fallback. */
export function plannedAs(plan: Workflow, id: string): Planned | undefined {
  let index = indexes.get(plan);
  if (index === undefined) indexes.set(plan, (index = indexOf(plan)));
  return index.get(id);
}

function indexOf(plan: Workflow): ReadonlyMap<string, Planned> {
  const index = new Map<string, Planned>();
  for (const step of plan.steps) {
    if (step.fallback !== undefined) index.set(fallbackId(step.id), { attempt: step.fallback, step, attempts: 1 });
  }
  for (const step of plan.steps) index.set(step.id, { attempt: step, step, attempts: step.retry?.attempts ?? 1 });
  return index;
}
