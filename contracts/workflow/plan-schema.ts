/** What a model is told to answer when it is asked for a plan: steps in the workflow format, as a JSON Schema. */
import { z } from 'zod';
import type { JsonSchema } from '../envelope.ts';
import { Workflow } from './format.ts';

/** Field by field as the format has it. What is wrong beyond that (names, expressions, the graph) is checked like a person's file. */
export const planSchema = z.toJSONSchema(z.object({ steps: Workflow.shape.steps }), { io: 'input' }) as JsonSchema;
