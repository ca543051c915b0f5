/** What is known about a model before it is asked, and what asking it came to. */
import { z } from 'zod';
import { growing } from './envelope.ts';

/** From cheap to dear, as whoever configures it sees it. */
export const PriceClass = z.enum(['low', 'medium', 'high']);
export type PriceClass = z.infer<typeof PriceClass>;

/** A model on offer. Several providers may offer the same one under names of their own: a name is one model at one provider. */
export const ModelDefinition = growing({
  name: z.string(),
  /** What it is good for, in words that steps ask for: `plan`, `vision`, `long-context` … */
  capabilities: z.array(z.string()).default([]),
  price: PriceClass.default('medium'),
  /** How long one attempt at it may take, in ms, where a plan does not say. */
  timeoutMs: z.int().positive().optional(),
  /** True for the stand-in that answers from scripts: it is no model. */
  scripted: z.boolean().optional(),
});
export type ModelDefinition = z.infer<typeof ModelDefinition>;

/** What a step asks of whichever model it is given: all of these capabilities, at no more than this price. */
const needs = { capabilities: z.array(z.string()).default([]), price: PriceClass.optional() };
export const Needs = growing(needs);
/** The same, refusing what it does not know: for what people hand in. */
export const StrictNeeds = z.strictObject(needs);
export type Needs = z.infer<typeof Needs>;

/** What one call came to, whether it succeeded or not. Tokens as the provider counted them; 0 where it did not. */
export const Usage = growing({
  model: z.string(),
  inputTokens: z.int().min(0),
  outputTokens: z.int().min(0),
  /** Millionths of a US dollar, by the price list; left out where that does not know the model. */
  costMicrousd: z.int().min(0).optional(),
  latencyMs: z.int().min(0),
  /** Why the model stopped: `stop`, `length`, `content_filter`, `tool_calls` …; `none` when it never began. */
  finishReason: z.string(),
  /** True when no model answered but a script. */
  scripted: z.boolean().optional(),
});
export type Usage = z.infer<typeof Usage>;
