/** Tools in process: a function with schemas, exported by a module that the configuration names. */
import type { Json } from '@reel/contracts/envelope.ts';
import type { Compensation, Effect, Retry } from '@reel/contracts/tool.ts';
import type { z } from 'zod';

/** What a tool in process is given beside its arguments. */
export type ToolContext = {
  /** Aborts when the call times out or is not wanted any more. */
  readonly signal: AbortSignal;
  /** The idempotency key: the same for every attempt at one effect. */
  readonly key: string;
};

export type InProcessTool = {
  readonly shape: 'tool';
  readonly name: string;
  readonly description: string;
  readonly input: z.ZodType;
  readonly output?: z.ZodType | undefined;
  readonly outputCheck?: 'check' | 'warn' | 'off' | undefined;
  readonly effect: Effect;
  readonly timeoutMs?: number | undefined;
  readonly concurrency?: number | undefined;
  readonly compensation?: Compensation | undefined;
  readonly retry?: Retry | undefined;
  readonly withinMs?: number | undefined;
  readonly run: (args: never, context: ToolContext) => Json | Promise<Json>;
};

type Described<Input extends z.ZodType> = {
  name: string;
  description?: string;
  input: Input;
  /** Of what `run` returns; the validator holds every result up to it. */
  output?: z.ZodType;
  /** What becomes of a result that is not: `check` (no result), `warn` (said, and let pass), `off`. */
  outputCheck?: 'check' | 'warn' | 'off';
  /** What calling it twice does to the world; `once` when nothing is said. */
  effect?: Effect;
  timeoutMs?: number;
  /** How many calls at a time in one process. */
  concurrency?: number;
  /** What undoes it: `with` is a template over `input`, `steps`, `arguments` and `result`. */
  compensation?: { uses: string; with?: Record<string, Json> };
  /** How often it may be tried, where a plan does not say. */
  retry?: { attempts: number; delayMs?: number; maxDelayMs?: number };
  /** How long it may take with all tries and waits, in ms, where a plan does not say. */
  withinMs?: number;
  /** What it throws says that nothing was done; anything in between has to be undone by itself before it throws. */
  run: (args: z.output<Input>, context: ToolContext) => Json | Promise<Json>;
};

/** Declares a tool. Importing its module starts nothing. */
export function defineTool<Input extends z.ZodType>(tool: Described<Input>): InProcessTool {
  const compensation = tool.compensation && { with: {}, ...tool.compensation };
  const retry = tool.retry && { delayMs: 0, ...tool.retry };
  return { description: '', effect: 'once', ...tool, compensation, retry, shape: 'tool' };
}

/** True for what `defineTool` made, by whichever copy of this file. */
export const isInProcessTool = (value: unknown): value is InProcessTool =>
  typeof value === 'object' &&
  value !== null &&
  (value as InProcessTool).shape === 'tool' &&
  typeof (value as InProcessTool).run === 'function';
