/** What a plan says of retries once the tools' registrations have been read: the planner writes it, and whoever checks a log expects it. */
import type { ToolDefinition } from '../tool.ts';
import type { Workflow, WorkflowStep } from './format.ts';

/** The plan, with what the tools' registrations say of retries where the plan says nothing. */
export function withRetries(plan: Workflow, tools: { readonly [name: string]: ToolDefinition }): Workflow {
  const added = (step: WorkflowStep): WorkflowStep => {
    const retry = step.kind === 'tool' && step.retry === undefined && Object.hasOwn(tools, step.uses) ? tools[step.uses]?.retry : undefined;
    return retry === undefined ? step : { ...step, retry };
  };
  return Object.values(tools).some(({ retry }) => retry !== undefined) ? { ...plan, steps: plan.steps.map(added) } : plan;
}
