/** Performers, tools and expressions of your own in a test: called as Reel calls them, with nothing else running. */

import type { InProcessTool, ToolContext } from '@reel/bus/define-tool.ts';
import type { ApprovedCall, CallContext, Performer } from '@reel/bus/service.ts';
import { keyOf } from '@reel/contracts/address.ts';
import type { Json } from '@reel/contracts/envelope.ts';
import { compile } from '@reel/contracts/workflow/expression.ts';

const quiet = (): void => {};

/**
 * What a performer returns for a call, with these dependencies. What the call leaves out is that of a first attempt of the step `s`.
 * @throws what the performer throws.
 */
export async function perform<Deps extends object>(
  performer: Performer<Deps>,
  call: Partial<ApprovedCall>,
  context: Deps & Partial<CallContext>,
): Promise<Json> {
  const at = call.at ?? { kind: performer.kind, id: 's', n: 1 };
  const whole: ApprovedCall = { run: 'R', uses: '', arguments: {}, effect: 'once', timeoutMs: 60_000, ...call, at };
  return await performer.perform(whole, {
    signal: new AbortController().signal,
    key: keyOf({ shard: 0, run: whole.run, ...at, slot: 'outcome' }),
    used: quiet,
    show: quiet,
    log: { debug: quiet, info: quiet, warn: quiet, error: quiet },
    ...context,
  });
}

/** What a tool returns for these arguments. @throws when they, or what it returns, do not fit its schemas, and what the tool throws. */
export async function callTool(tool: InProcessTool, args: Json, context: Partial<ToolContext> = {}): Promise<Json> {
  const whole = { signal: new AbortController().signal, key: 'R.tool.s', ...context };
  const result = await tool.run(tool.input.parse(args) as never, whole);
  return tool.output === undefined ? result : (tool.output.parse(result) as Json);
}

/**
 * The value of an expression as it stands in a workflow, over the run's `input` and the results of `steps`; undefined when there is none.
 * @throws when it cannot be evaluated.
 */
export async function evaluate(expression: string, scope: { readonly [name: string]: Json }): Promise<Json | undefined> {
  return await compile(expression).evaluate(scope);
}
