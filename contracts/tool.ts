/** The definition of a tool: the registry's record, which a run copies when it is requested. */
import { z } from 'zod';
import { growing, Json, JsonSchema } from './envelope.ts';

/**
 * The effect of repeating a call. `read-only`: a call has no effect. `idempotent`: one effect per idempotency key. `once`: a call cannot be
 * repeated safely. `metered`: a call only costs its price, so there is nothing to undo and a further attempt does no harm, although no
 * attempt is made twice. MCP's annotations readOnlyHint and idempotentHint map to the first two; without a hint a tool is `once`.
 */
export const Effect = z.enum(['read-only', 'idempotent', 'once', 'metered']);
export type Effect = z.infer<typeof Effect>;

const compensation = { uses: z.string(), with: z.record(z.string(), Json).default({}) };
/** What undoes an effect: another tool, and its arguments as a template over `input`, `steps`, `arguments` and `result`. */
export const Compensation = growing(compensation);
/** The same, but it refuses unknown fields: for input from people. */
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
 * How strictly a result is checked against the tool's declared output. `check`: a deviation rejects the result. `warn`: the result is
 * accepted with warnings. `off`: no check.
 */
export const OutputCheck = z.enum(['check', 'warn', 'off']);

export const ToolDefinition = growing({
  name: z.string(),
  description: z.string().default(''),
  /** The server that offers it, as named in the configuration; `module` for tools in process. */
  server: z.string(),
  input: JsonSchema,
  output: JsonSchema.optional(),
  /** What happens to a result that deviates from `output`. Default: `check` where a repeated call does no harm, otherwise `warn`. */
  outputCheck: OutputCheck.optional(),
  effect: Effect,
  timeoutMs: z.int().positive(),
  /** How many calls one executor makes at a time. */
  concurrency: z.int().positive(),
  compensation: Compensation.optional(),
  /** The total number of attempts and the wait before the second, unless the plan sets them. */
  retry: Retry.optional(),
  /** The total time for all attempts, waits and approvals, in ms, unless the plan sets it. */
  withinMs: WithinMs.optional(),
  /** `sha256:…` over all of the above. An approval is bound to it. */
  digest: z.string(),
});
export type ToolDefinition = z.infer<typeof ToolDefinition>;

/** Problem code: the server failed too often and is not called for a while. A fallback is better than waiting. */
export const CIRCUIT_OPEN = 'circuit-open';
/** Problem code: the tool existed when the run was requested, and no server offers it now. It may come back. */
export const TOOL_GONE = 'tool-gone';
/** Waiting for an unavailable tool uses up none of a step's attempts. It lasts as long as the step may take, unless there is a fallback. */
export const isUnavailable = ({ code }: { readonly code: string }): boolean => code === CIRCUIT_OPEN || code === TOOL_GONE;
