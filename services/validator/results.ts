/** The results that expressions may name: those that were accepted; a fallback's counts as its step's. */

import type { History } from '@reel/bus/history.ts';
import type { Json } from '@reel/contracts/envelope.ts';
import { stepAccepted, stepSucceeded } from '@reel/contracts/step.ts';
import { fallbackId, plannedAs } from '@reel/contracts/workflow/attempt.ts';
import type { References } from '@reel/contracts/workflow/expression.ts';
import type { Workflow } from '@reel/contracts/workflow/format.ts';

/** The results of the steps that are named, by the steps' ids; a step without one is left out. */
export function resultsIn(history: History, plan: Workflow, named: References): { [step: string]: Json } {
  const ids = named.all ? plan.steps.map(({ id }) => id) : named.steps;
  const results: { [step: string]: Json } = {};
  for (const id of ids) {
    const result = resultOf(history, plan, id) ?? resultOf(history, plan, fallbackId(id));
    if (result !== undefined) results[id] = result.output;
  }
  return results;
}

function resultOf(history: History, plan: Workflow, id: string): { output: Json } | undefined {
  const planned = plannedAs(plan, id);
  if (planned === undefined) return undefined;
  const { kind } = planned.attempt;
  for (let n = 1; n <= planned.attempts; n += 1) {
    const at = { kind, id, n };
    if (history.find(stepAccepted, at) !== undefined) return history.find(stepSucceeded, at)?.data;
  }
  return undefined;
}
