/** A plan for the eye: its steps in the order in which they can come, what each does with what, and what it waits for. Pure text. */
import { inLine } from '@reel/bus/process/terminal.ts';
import { usesOf } from '@reel/contracts/workflow/attempt.ts';
import type { Workflow, WorkflowStep } from '@reel/contracts/workflow/format.ts';
import { isReasoning, planningIn } from '@reel/contracts/workflow/reasoning.ts';
import { folded } from './table.ts';

/** A paragraph per step, in lines of at most `width`. It shows the whole plan to the person who decides. */
export function planView(plan: Workflow, width: number): string {
  const shown = inOrder(plan.steps.filter((step) => !isReasoning(step)));
  if (shown.length === 0) return '  no steps: the answer is given at once';
  const widest = Math.max(...shown.map(({ id }) => inLine(id).length));
  const margin = ' '.repeat(7 + widest);
  const { task, more } = planningIn(plan) ?? {};
  const later = task === 'continue' ? folded(`then, from what they have found: ${more}`, width - 5).map((line) => `     ${line}`) : [];
  const lines = shown.map((step, index) => {
    const head = `${String(index + 1).padStart(3)}  ${inLine(step.id).padEnd(widest)}  `;
    return (
      head +
      linesOf(step)
        .flatMap((line) => folded(line, width - margin.length))
        .join(`\n${margin}`)
    );
  });
  return [...lines, ...later].join('\n');
}

function linesOf(step: WorkflowStep): string[] {
  const { kind, dependsOn, when, prompt, fallback } = step;
  const what = step.uses === '' ? kind : `${kind} ${usesOf(step)}`;
  return [
    `${what}  ${JSON.stringify(step.with)}`,
    ...(prompt === undefined ? [] : [`asks: ${prompt}`]),
    ...(when === undefined ? [] : [`only when: ${when}`]),
    ...(dependsOn.length === 0 ? [] : [`after: ${dependsOn.join(', ')}`]),
    ...(fallback === undefined ? [] : [`or else: ${fallback.kind} ${usesOf(fallback)}`]),
  ];
}

/** The steps, each after those it depends on. */
function inOrder(steps: readonly WorkflowStep[]): WorkflowStep[] {
  const ordered: WorkflowStep[] = [];
  const placed = new Set<string>();
  const known = new Set(steps.map(({ id }) => id));
  for (let left = [...steps]; left.length > 0; ) {
    const next = left.filter(({ dependsOn }) => dependsOn.every((id) => placed.has(id) || !known.has(id)));
    if (next.length === 0) return [...ordered, ...left];
    for (const step of next) placed.add(step.id);
    ordered.push(...next);
    left = left.filter(({ id }) => !placed.has(id));
  }
  return ordered;
}
