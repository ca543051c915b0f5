/** The planner's own steps: what it asks of models to reach a goal. Their ids are kept for them, so that nobody mistakes them for work. */
import type { Workflow, WorkflowStep } from './format.ts';

type Named = Pick<WorkflowStep, 'id' | 'kind'>;

/** Asking for a plan, for the answer, or for a judgement of it; the number is that of the plan's revision in which it first stands. */
export const isReasoning = ({ id, kind }: Named): boolean => kind === 'model' && /^(plan|answer|judge)-[1-9]\d*$/.test(id);
/** Ids that no model may give to a step, whoever performs it: those of the planner's own steps, and of asking people about them. */
export const isKept = (id: string): boolean => /^(plan|answer|judge)-[1-9]\d*(-(escalation|retry)-\d+)?$/.test(id);
export const isPlanning = (step: Named): boolean => isReasoning(step) && step.id.startsWith('plan-');
export const isJudging = (step: Named): boolean => isReasoning(step) && step.id.startsWith('judge-');

/**
 * What a planning step is asked for: a plan, a mended one, another way for what has failed, or what comes next, once the steps so far are
 * over. `more`: what is to be planned then, in the words of the model that left it for later.
 */
export type Planning = { readonly task: 'plan' | 'repair' | 'revise' | 'continue'; readonly more?: string };

/** What is still to be planned, where a plan is not complete. */
export function planningIn({ steps }: Pick<Workflow, 'steps'>): Planning | undefined {
  const asking = steps.find(isPlanning);
  if (asking === undefined) return undefined;
  const { task, more } = asking.with as { task: Planning['task']; more?: unknown };
  // It stands in a template, where a text that begins with `=` has another before it.
  return { task, ...(typeof more === 'string' ? { more: more.replace(/^==/, '=') } : {}) };
}
