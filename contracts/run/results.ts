/** Results by step: which attempt of a step counts, from the facts alone. Planner, validator and saga tracker share it. */
import type { Place } from '../address.ts';
import type { Event, FactDefinition, Json } from '../envelope.ts';
import { stepAccepted, stepLate, stepRequested, stepSucceeded } from '../step.ts';
import { type Escalated, escalationId, fallbackId, levelsOf, retryId } from '../workflow/attempt.ts';
import type { References } from '../workflow/expression.ts';
import type { Workflow, WorkflowStep } from '../workflow/format.ts';

/** The part of a run's history that this file needs. */
export type Facts = { find(definition: FactDefinition, at: Place): Event | undefined };

/** A result, and the log position of the fact that accepted it. */
export type Result = { readonly result: Json; readonly seq: number };

/**
 * The result of a step: its own (in time or late), its fallback's, or one from an escalation to a person. Of several, the first accepted
 * one counts, so that the result never changes.
 */
export function resultOf(facts: Facts, plan: Workflow, { id, kind, fallback }: WorkflowStep): Result | undefined {
  const found = [accepted(facts, { kind, id, n: 1 })];
  if (fallback !== undefined) found.push(accepted(facts, { kind: fallback.kind, id: fallbackId(id), n: 1 }));
  const levels = levelsOf(plan).length;
  for (let level = 1; level <= levels; level += 1) {
    const asked = accepted(facts, { kind: 'person', id: escalationId(id, level), n: 1 });
    if (asked === undefined) continue;
    const decision = asked.result as Escalated;
    if (decision.action === 'supply') found.push({ result: decision.result as Json, seq: asked.seq });
    found.push(accepted(facts, { kind, id: retryId(id, level), n: 1 }));
  }
  return found.reduce((first, one) => (first === undefined || (one !== undefined && one.seq < first.seq) ? one : first), undefined);
}

/** The first accepted result. Attempts are numbered without gaps, and a result counts once the validator accepts it. */
function accepted(facts: Facts, first: Place): Result | undefined {
  let found: Result | undefined;
  for (let at = first; facts.find(stepRequested, at) !== undefined; at = { ...at, n: at.n + 1 }) {
    const check = facts.find(stepAccepted, at);
    if (check === undefined || (found !== undefined && found.seq < check.seq)) continue;
    const succeeded = (facts.find(stepSucceeded, at) ?? facts.find(stepLate, at)) as Event<{ output: Json }> | undefined;
    if (succeeded !== undefined) found = { result: succeeded.data.output, seq: check.seq };
  }
  return found;
}

/** The results of the named steps, by step id; steps without a result are left out. */
export function resultsIn(facts: Facts, plan: Workflow, named: References): { [step: string]: Json } {
  const results: { [step: string]: Json } = {};
  for (const step of plan.steps) {
    if (!named.all && !named.steps.includes(step.id)) continue;
    const found = resultOf(facts, plan, step);
    if (found !== undefined) results[step.id] = found.result;
  }
  return results;
}
