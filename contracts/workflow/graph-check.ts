/** What can be wrong with a workflow as a graph: names taken twice, steps that wait for nobody they could, steps that wait for each other. */
import { escalationId, fallbackId, levelsOf, retryId } from './attempt.ts';
import type { Workflow, WorkflowStep } from './format.ts';
import type { Graph } from './graph.ts';
import { didYouMean } from './nearest.ts';
import type { Examination, Finding } from './place.ts';
import { isReasoning } from './reasoning.ts';

/** Ids that are not unique, also counting what is done in the place of steps. */
export function checkIds(plan: Workflow): Finding[] {
  const { steps } = plan;
  const first = new Map<string, number>();
  const taken = new Map<string, string>();
  for (const { id, fallback } of steps) {
    if (fallback !== undefined) taken.set(fallbackId(id), `the fallback of "${id}"`);
    for (const level of levelsOf(plan).keys()) {
      taken.set(escalationId(id, level + 1), `asking a person about "${id}"`);
      taken.set(retryId(id, level + 1), `trying "${id}" again`);
    }
  }
  return steps.flatMap(({ id, kind }, index) => {
    const path = ['steps', index, 'id'];
    const before = first.get(id);
    if (before !== undefined) return [{ path, message: `there is already a step "${id}": steps[${before}]` }];
    first.set(id, index);
    if (isReasoning({ id, kind })) return [{ path, message: `"${id}" is kept for the planner's own questions to models: rename it` }];
    const other = taken.get(id);
    return other === undefined ? [] : [{ path, message: `"${id}" is what ${other} is called: rename one of the two` }];
  });
}

/** Dependencies that do not exist, and the first cycle. */
export function* checkDependencies({ steps }: Workflow, graph: Graph): Examination {
  for (const [index, { id, dependsOn }] of steps.entries()) {
    const before = new Set<string>();
    for (const [k, other] of dependsOn.entries()) {
      const path = ['steps', index, 'dependsOn', k];
      if (other === id) yield { path, message: `"${id}" depends on itself` };
      else if (before.has(other)) yield { path, message: `"${other}" is named twice` };
      else if (!graph.byId.has(other)) yield { path, message: `there is no step "${other}"${didYouMean(other, graph.byId.keys())}` };
      before.add(other);
    }
    yield dependsOn.length;
  }
  const cycle = cycleIn(steps, graph);
  if (cycle === undefined) return;
  const [from, to = from] = cycle as [string, ...string[]];
  const index = steps.findIndex(({ id }) => id === from);
  const path = ['steps', index, 'dependsOn', (steps[index] as WorkflowStep).dependsOn.indexOf(to)];
  const shown = cycle.length > 20 ? [...cycle.slice(0, 20), `${cycle.length - 20} more`] : cycle;
  yield { path, message: `these steps wait for each other: ${[...shown, from].join(' -> ')}` };
}

/** Some cycle, each step waiting for the next. Without recursion, because a workflow may be thousands of steps deep. */
function cycleIn(steps: readonly WorkflowStep[], graph: Graph): string[] | undefined {
  const done = new Set<string>();
  for (const { id } of steps) {
    const trail: string[] = [];
    const onTrail = new Set<string>();
    const stack: { id: string; leave: boolean }[] = [{ id, leave: false }];
    for (let top = stack.pop(); top !== undefined; top = stack.pop()) {
      if (top.leave) {
        onTrail.delete(trail.pop() as string);
        done.add(top.id);
      } else if (onTrail.has(top.id)) {
        return trail.slice(trail.indexOf(top.id));
      } else if (!done.has(top.id)) {
        trail.push(top.id);
        onTrail.add(top.id);
        stack.push({ id: top.id, leave: true });
        const next = graph.byId.get(top.id)?.dependsOn.filter((other) => other !== top.id && graph.byId.has(other)) ?? [];
        stack.push(...next.map((other) => ({ id: other, leave: false })));
      }
    }
  }
  return undefined;
}
