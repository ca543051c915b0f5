/** The definition of a model, and what one call of it used. */
import { z } from 'zod';
import { growing } from './envelope.ts';

/** From cheap to expensive, as the configuration classifies it. */
export const PriceClass = z.enum(['low', 'medium', 'high']);
export type PriceClass = z.infer<typeof PriceClass>;

/** An available model. A name is one model at one provider; the same model at another provider has another name. */
export const ModelDefinition = growing({
  name: z.string(),
  /** What it can do, in the words that steps ask for: `plan`, `vision`, `long-context` … */
  capabilities: z.array(z.string()).default([]),
  price: PriceClass.default('medium'),
  /** How long one attempt may take, in ms, unless the plan sets it. */
  timeoutMs: z.int().positive().optional(),
  /** True for the scripted stand-in, which is not a model. */
  scripted: z.boolean().optional(),
});
export type ModelDefinition = z.infer<typeof ModelDefinition>;

/** What a step requires of its model: all of these capabilities, at no more than this price. */
const needs = { capabilities: z.array(z.string()).default([]), price: PriceClass.optional() };
export const Needs = growing(needs);
/** The same, but it refuses unknown fields: for input from people. */
export const StrictNeeds = z.strictObject(needs);
export type Needs = z.infer<typeof Needs>;

/** What one call used, whether it succeeded or not. Tokens are the provider's counts; 0 where it gives none. */
export const Usage = growing({
  model: z.string(),
  inputTokens: z.int().min(0),
  outputTokens: z.int().min(0),
  /** Millionths of a US dollar, by the price list; absent where the list lacks the model. */
  costMicrousd: z.int().min(0).optional(),
  latencyMs: z.int().min(0),
  /** Why the model stopped: `stop`, `length`, `content_filter`, `tool_calls` …; `none` when it never started. */
  finishReason: z.string(),
  /** True when a script answered instead of a model. */
  scripted: z.boolean().optional(),
});
export type Usage = z.infer<typeof Usage>;
