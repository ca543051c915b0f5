/** What is known about a tool before it is called: the registry's record, and what a run takes from it when it is requested. */
import { z } from 'zod';
import { growing, Json, JsonSchema } from './envelope.ts';

/**
 * What calling it twice does to the world. `read-only`: nothing, ever. `idempotent`: no more than once per idempotency key.
 * `once`: it cannot be repeated safely. `metered`: nothing but its price, so there is nothing to undo and another attempt does no harm,
 * though no attempt is ever made twice. MCP's annotations readOnlyHint and idempotentHint say the same; without a hint it is `once`.
 */
export const Effect = z.enum(['read-only', 'idempotent', 'once', 'metered']);
export type Effect = z.infer<typeof Effect>;

const compensation = { uses: z.string(), with: z.record(z.string(), Json).default({}) };
/** What undoes an effect: another tool, and its arguments as a template over `input`, `steps`, `arguments` and `result`. */
export const Compensation = growing(compensation);
/** The same, refusing what it does not know: for what people hand in. */
export const StrictCompensation = z.strictObject(compensation);
export type Compensation = z.infer<typeof Compensation>;

const DelayMs = z.int().min(0).max(86_400_000);
const retry = { attempts: z.int().min(1).max(20), delayMs: DelayMs.default(0), maxDelayMs: DelayMs.optional() };
export const Retry = growing(retry);
export const StrictRetry = z.strictObject(retry);
export type Retry = z.infer<typeof Retry>;

/** How long something may take with all its attempts and waits, in ms: up to thirty days. */
export const WithinMs = z.int().positive().max(2_592_000_000);

/**
 * `check`: a result that is not what the tool declares is no result. `warn`: it is one, and the validator says what is wrong with it.
 * `off`: nobody looks.
 */
export const OutputCheck = z.enum(['check', 'warn', 'off']);

export const ToolDefinition = growing({
  name: z.string(),
  description: z.string().default(''),
  /** Which server offers it, as named in the configuration; `module` for tools in process. */
  server: z.string(),
  input: JsonSchema,
  output: JsonSchema.optional(),
  /** What becomes of a result that does not keep to `output`; left out: `check` where calling it again does no harm, `warn` elsewhere. */
  outputCheck: OutputCheck.optional(),
  effect: Effect,
  timeoutMs: z.int().positive(),
  /** How many calls one executor makes at a time. */
  concurrency: z.int().positive(),
  compensation: Compensation.optional(),
  /** How often it may be tried in all, and the wait before the second try, where a plan does not say. */
  retry: Retry.optional(),
  /** How long it may take with all tries and waits, and whoever has to let it happen, in ms, where a plan does not say. */
  withinMs: WithinMs.optional(),
  /** `sha256:…` over all of the above: an approval is bound to it. */
  digest: z.string(),
});
export type ToolDefinition = z.infer<typeof ToolDefinition>;

/** The code of a problem with a server that has failed too often and is left alone for a while: a fallback is better than waiting. */
export const CIRCUIT_OPEN = 'circuit-open';
/** The code of a problem with a tool that was there when the run was requested, and that nobody offers now. It may come back. */
export const TOOL_GONE = 'tool-gone';
/** Waiting for what is away is none of a step's tries: it lasts as long as the step may take, unless there is a fallback. */
export const isUnavailable = ({ code }: { readonly code: string }): boolean => code === CIRCUIT_OPEN || code === TOOL_GONE;
