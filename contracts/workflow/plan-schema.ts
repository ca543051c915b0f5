/** What a model is told to answer when it is asked for a plan: steps in the workflow format, as a JSON Schema. */
import { z } from 'zod';
import type { JsonSchema } from '../envelope.ts';
import { Workflow } from './format.ts';

/**
 * Field by field as the format has it. What is wrong beyond that (names, expressions, the graph) is checked like a person's file. `more`:
 * what is left to be planned when these steps are over, from what they have found; without it the plan is complete.
 */
export const planSchema = z.toJSONSchema(z.object({ steps: Workflow.shape.steps, more: z.string().min(1).max(2000).optional() }), {
  io: 'input',
}) as JsonSchema;
