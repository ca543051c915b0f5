/** Results by step: which of a step's attempts counts, told from the facts alone. Planner, validator and saga tracker have it from here. */
import type { Place } from '../address.ts';
import type { Event, FactDefinition, Json } from '../envelope.ts';
import { stepAccepted, stepRequested, stepSucceeded } from '../step.ts';
import { type Escalated, escalationId, fallbackId, retryId } from './attempt.ts';
import type { References } from './expression.ts';
import type { Workflow, WorkflowStep } from './format.ts';

/** As much of a run's history as is needed here. */
export type Facts = { find(definition: FactDefinition, at: Place): Event | undefined };

/** The result of a step: its own, its fallback's, or what came of asking a person. A result counts once it has been checked. */
export function resultOf(facts: Facts, { id, kind, fallback }: WorkflowStep, levels: number): { readonly result: Json } | undefined {
  const own = accepted(facts, { kind, id, n: 1 });
  if (own !== undefined) return own;
  if (fallback !== undefined) {
    const instead = accepted(facts, { kind: fallback.kind, id: fallbackId(id), n: 1 });
    if (instead !== undefined) return instead;
  }
  for (let level = 1; level <= levels; level += 1) {
    const said = accepted(facts, { kind: 'person', id: escalationId(id, level), n: 1 })?.result as Escalated | undefined;
    if (said?.action === 'supply') return { result: said.result as Json };
    const again = said === undefined ? undefined : accepted(facts, { kind, id: retryId(id, level), n: 1 });
    if (again !== undefined) return again;
  }
  return undefined;
}

/** Attempts are numbered without gaps. */
function accepted(facts: Facts, first: Place): { readonly result: Json } | undefined {
  for (let at = first; facts.find(stepRequested, at) !== undefined; at = { ...at, n: at.n + 1 }) {
    if (facts.find(stepAccepted, at) === undefined) continue;
    const succeeded = facts.find(stepSucceeded, at) as Event<{ output: Json }> | undefined;
    if (succeeded !== undefined) return { result: succeeded.data.output };
  }
  return undefined;
}

/** The results of the steps that are named, by the steps' ids; a step without one is left out. */
export function resultsIn(facts: Facts, { steps, escalate = [] }: Workflow, named: References): { [step: string]: Json } {
  const results: { [step: string]: Json } = {};
  for (const step of steps) {
    if (!named.all && !named.steps.includes(step.id)) continue;
    const found = resultOf(facts, step, escalate.length);
    if (found !== undefined) results[step.id] = found.result;
  }
  return results;
}
