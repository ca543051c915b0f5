/** A plan as a graph: who waits for whom. Computed once per plan, because every step of a run looks into it. */
import type { Json } from '../envelope.ts';
import { compile, type References, templateExpressions } from './expression.ts';
import type { Workflow, WorkflowStep } from './format.ts';

export type Graph = {
  readonly byId: ReadonlyMap<string, WorkflowStep>;
  /** The steps that wait for this one, directly. */
  readonly dependents: ReadonlyMap<string, readonly WorkflowStep[]>;
  /** The ids of the steps that nobody waits for: when they are over, everything is. */
  readonly sinks: readonly string[];
  /** The steps that wait for nobody. */
  readonly roots: readonly WorkflowStep[];
};

const graphs = new WeakMap<Workflow, Graph>();

export function graphOf(plan: Workflow): Graph {
  const known = graphs.get(plan);
  if (known !== undefined) return known;
  const byId = new Map(plan.steps.map((step) => [step.id, step]));
  const dependents = new Map<string, WorkflowStep[]>(plan.steps.map(({ id }) => [id, []]));
  for (const step of plan.steps) for (const id of new Set(step.dependsOn)) dependents.get(id)?.push(step);
  const graph = {
    byId,
    dependents,
    sinks: plan.steps.filter(({ id }) => dependents.get(id)?.length === 0).map(({ id }) => id),
    roots: plan.steps.filter(({ dependsOn }) => dependsOn.length === 0),
  };
  graphs.set(plan, graph);
  return graph;
}

/** Everything that is over before this step is asked for: what it depends on, and what those do. */
export function ancestorsOf(graph: Graph, id: string): Set<string> {
  const ancestors = new Set<string>();
  const waiting = [...(graph.byId.get(id)?.dependsOn ?? [])];
  for (let next = waiting.pop(); next !== undefined; next = waiting.pop()) {
    if (ancestors.has(next)) continue;
    ancestors.add(next);
    waiting.push(...(graph.byId.get(next)?.dependsOn ?? []));
  }
  return ancestors;
}

const referenced = new WeakMap<object, References>();

/** The steps that the expressions of a template name. @throws ExpressionError */
export function referencesOf(template: Json): References {
  const memo = typeof template === 'object' && template !== null ? template : undefined;
  const known = memo && referenced.get(memo);
  if (known !== undefined) return known;
  const each = templateExpressions(template).map(({ source }) => compile(source).references);
  const references = { steps: [...new Set(each.flatMap(({ steps }) => steps))], all: each.some(({ all }) => all) };
  if (memo !== undefined) referenced.set(memo, references);
  return references;
}
