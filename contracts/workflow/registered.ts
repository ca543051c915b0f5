/** What a plan says of retries and time once the tools' registrations have been read: the planner writes it, and whoever checks a log expects it. */
import type { ToolDefinition } from '../tool.ts';
import type { Attempt } from './attempt.ts';
import type { Workflow, WorkflowStep } from './format.ts';

type Tools = { readonly [name: string]: ToolDefinition };

/** The plan, with what the tools' registrations say of retries and of a step's time where the plan says nothing. Twice is as good as once. */
export function withRegistered(plan: Workflow, tools: Tools): Workflow {
  if (!Object.values(tools).some(({ retry, withinMs }) => retry !== undefined || withinMs !== undefined)) return plan;
  return { ...plan, steps: plan.steps.map((step) => filled(step, tools)) };
}

function filled(step: WorkflowStep, tools: Tools): WorkflowStep {
  const fallback = step.fallback === undefined ? {} : { fallback: { ...step.fallback, ...unsaid(step.fallback, tools, ['retry']) } };
  return { ...step, ...unsaid(step, tools, ['retry', 'withinMs']), ...fallback };
}

/** Those of the settings that the step leaves out and its tool's registration has. */
function unsaid(step: Attempt & { withinMs?: number | undefined }, tools: Tools, settings: readonly ('retry' | 'withinMs')[]): object {
  const tool = step.kind === 'tool' && Object.hasOwn(tools, step.uses) ? tools[step.uses] : undefined;
  const found = settings.filter((name) => step[name] === undefined && tool?.[name] !== undefined);
  return Object.fromEntries(found.map((name) => [name, tool?.[name]]));
}
