/** The planner's own steps: what it asks of models to reach a goal. Their ids are kept for them, so that nobody mistakes them for work. */
import type { WorkflowStep } from './format.ts';

type Named = Pick<WorkflowStep, 'id' | 'kind'>;

/** Asking for a plan, for the answer, or for a judgement of it; the number is that of the plan's revision in which it first stands. */
export const isReasoning = ({ id, kind }: Named): boolean => kind === 'model' && /^(plan|answer|judge)-[1-9]\d*$/.test(id);
/** Ids that no model may give to a step, whoever performs it: those of the planner's own steps, and of asking people about them. */
export const isKept = (id: string): boolean => /^(plan|answer|judge)-[1-9]\d*(-(escalation|retry)-\d+)?$/.test(id);
export const isPlanning = (step: Named): boolean => isReasoning(step) && step.id.startsWith('plan-');
export const isJudging = (step: Named): boolean => isReasoning(step) && step.id.startsWith('judge-');
