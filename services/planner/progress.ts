/** How far a run has come, told from its facts alone: which steps are over, with which results, and which were passed over. */

import type { History } from '@reel/bus/history.ts';
import { type Place, planRevision } from '@reel/contracts/address.ts';
import type { Json } from '@reel/contracts/envelope.ts';
import { stepAccepted, stepSucceeded } from '@reel/contracts/step.ts';
import { fallbackId } from '@reel/contracts/workflow/attempt.ts';
import { compile, type References, type Scope } from '@reel/contracts/workflow/expression.ts';
import type { Workflow, WorkflowStep } from '@reel/contracts/workflow/format.ts';
import { ancestorsOf, type Graph, graphOf } from '@reel/contracts/workflow/graph.ts';

/** How a step ended: with a result, or passed over because its condition did not hold. */
export type End = { readonly result: Json } | 'skipped';

/** The run as a planner sees it, up to one fact. Valid for as long as one fact is handled: it remembers what it has worked out. */
export type Progress = {
  readonly plan: Workflow;
  readonly graph: Graph;
  /** How the step ended, or undefined when it has not. */
  endOf(step: WorkflowStep): Promise<End | undefined>;
  /** True when everything that the step waits for is over. */
  isReady(step: WorkflowStep): Promise<boolean>;
  /** What expressions with these references may name. */
  scopeFor(references: References, id?: string): Promise<Scope>;
};

/** @param input the run's input. */
export function progressOf(history: History, plan: Workflow, input: Json): Progress {
  const graph = graphOf(plan);
  const ends = new Map<string, End | undefined>();

  /** A result counts once it has been checked. Attempts are numbered without gaps. */
  function resultOf({ id, kind, fallback }: WorkflowStep): { result: Json } | undefined {
    const own = accepted({ kind, id, n: 1 });
    if (own !== undefined || fallback === undefined) return own;
    return accepted({ kind: fallback.kind, id: fallbackId(id), n: 1 });
  }
  function accepted(first: Place): { result: Json } | undefined {
    for (let at = first; history.occupant(at, 'request') !== undefined; at = { ...at, n: at.n + 1 }) {
      if (history.find(stepAccepted, at) === undefined) continue;
      const output = history.find(stepSucceeded, at)?.data.output;
      if (output !== undefined) return { result: output };
    }
    return undefined;
  }

  async function endOf(step: WorkflowStep): Promise<End | undefined> {
    if (ends.has(step.id)) return ends.get(step.id);
    let end: End | undefined = resultOf(step);
    // That a step is skipped is worked out, not read: its fact may not be stored yet when the other half of a join arrives.
    if (end === undefined && step.when !== undefined && (await isReady(step))) {
      const { references, evaluate } = compile(step.when);
      if ((await evaluate(await scopeFor(references, step.id))) !== true) end = 'skipped';
    }
    ends.set(step.id, end);
    return end;
  }

  async function isReady({ dependsOn }: WorkflowStep): Promise<boolean> {
    // The last is the likeliest to be missing, so a wide join is cheap until it is complete.
    for (let i = dependsOn.length - 1; i >= 0; i -= 1) {
      const other = graph.byId.get(dependsOn[i] as string);
      if (other === undefined || (await endOf(other)) === undefined) return false;
    }
    return true;
  }

  async function scopeFor({ steps, all }: References, id?: string): Promise<Scope> {
    const named = !all ? steps : id === undefined ? graph.byId.keys() : ancestorsOf(graph, id);
    const results: { [step: string]: Json } = {};
    for (const name of named) {
      const step = graph.byId.get(name);
      const end = step === undefined ? undefined : await endOf(step);
      if (end !== undefined && end !== 'skipped') results[name] = end.result;
    }
    return { input, steps: results };
  }
  return { plan, graph, endOf, isReady, scopeFor };
}

/** The number of the newest revision of the plan that was proposed or abandoned; 0 before the first. */
export function newestRevision(history: History): number {
  let n = 0;
  while (history.occupant(planRevision(n + 1), 'proposal') !== undefined) n += 1;
  return n;
}
