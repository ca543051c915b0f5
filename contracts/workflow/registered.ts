/** What a plan says of retries and time once the tools' registrations have been read: the planner writes it, and whoever checks a log expects it. */
import type { ToolDefinition } from '../tool.ts';
import type { PlannedAttempt } from './attempt.ts';
import type { WorkflowStep } from './format.ts';

/** The steps, with what the registrations of their tools say of retries and of time where they say nothing. Twice is as good as once. */
export function withRegistered(steps: readonly WorkflowStep[], tools: { readonly [name: string]: ToolDefinition }): WorkflowStep[] {
  const filled = <Kind extends PlannedAttempt>(attempt: Kind): Kind => {
    const tool = attempt.kind === 'tool' && Object.hasOwn(tools, attempt.uses) ? tools[attempt.uses] : undefined;
    const { retry = tool?.retry, withinMs = tool?.withinMs } = attempt;
    return { ...attempt, ...(retry === undefined ? {} : { retry }), ...(withinMs === undefined ? {} : { withinMs }) };
  };
  return steps.map(({ fallback, ...step }) => ({ ...filled(step), ...(fallback === undefined ? {} : { fallback: filled(fallback) }) }));
}
