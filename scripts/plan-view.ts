/** A plan for the eye: its steps in the order in which they can come, what each does with what, and what it waits for. Pure text. */
import { usesOf } from '@reel/contracts/workflow/attempt.ts';
import type { Workflow, WorkflowStep } from '@reel/contracts/workflow/format.ts';
import { isReasoning } from '@reel/contracts/workflow/reasoning.ts';

const short = (text: string, length = 100): string => (text.length > length ? `${text.slice(0, length - 1)}…` : text);

/** One line per step, and a second one for what a person or a model is asked. */
export function planView({ steps }: Workflow): string {
  const shown = inOrder(steps.filter((step) => !isReasoning(step)));
  if (shown.length === 0) return '  no steps: the answer is given at once';
  const width = Math.max(...shown.map(({ id }) => id.length));
  return shown.flatMap((step, index) => lines(step, index + 1, width)).join('\n');
}

function lines(step: WorkflowStep, number: number, width: number): string[] {
  const { id, kind, dependsOn, when, prompt, fallback } = step;
  const margin = ' '.repeat(6 + width);
  const what = step.uses === '' ? kind : `${kind} ${usesOf(step)}`;
  const rows = [`${String(number).padStart(3)}  ${id.padEnd(width)}  ${what}  ${short(JSON.stringify(step.with))}`];
  if (prompt !== undefined) rows.push(`${margin} asks: ${short(prompt)}`);
  if (when !== undefined) rows.push(`${margin} only when: ${short(when)}`);
  if (dependsOn.length > 0) rows.push(`${margin} after: ${dependsOn.join(', ')}`);
  if (fallback !== undefined) rows.push(`${margin} or else: ${fallback.kind} ${usesOf(fallback)}`);
  return rows;
}

/** Whatever a step waits for comes before it. */
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
