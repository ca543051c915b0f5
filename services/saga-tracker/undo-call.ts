/** The call that undoes an attempt: what its compensation says, filled in with what the attempt was given and what it gave. */
import type { Event, Json, Problem } from '@reel/contracts/envelope.ts';
import type { Call } from '@reel/contracts/step.ts';
import type { EventOf } from '@reel/contracts/story.ts';
import { plannedAs } from '@reel/contracts/workflow/attempt.ts';
import { renderTemplate } from '@reel/contracts/workflow/expression.ts';
import type { Workflow } from '@reel/contracts/workflow/format.ts';
import { type Attempt, type Attempts, callOf, outputOf, word } from './attempt.ts';

type RunRequest = EventOf<'run.request.requested'>['data'];

/** @returns the call, or why it cannot be made. It depends on nothing that came after the attempt, so it comes out the same later. */
export async function undoCall(request: RunRequest, steps: Attempts, attempt: Attempt): Promise<{ call: Call } | { problem: Problem }> {
  const call = callOf(attempt) as Call;
  const { uses, with: template } = call.compensation as NonNullable<Call['compensation']>;
  const tool = request.tools[uses];
  const isTool = attempt.at.kind === 'tool';
  if (tool === undefined && isTool) {
    return {
      problem: { code: 'unknown-tool', message: `it is undone by "${uses}", which was not among the tools of this run`, retryable: false },
    };
  }
  const { effect, timeoutMs } = tool ?? call;
  const scope = {
    input: request.input,
    steps: resultsBefore(request.workflow, steps, (attempt.slots.request as Event).seq),
    arguments: call.arguments,
    result: outputOf(attempt)?.output ?? null,
  };
  try {
    const filledIn = (await renderTemplate(template, scope)) as Call['arguments'];
    return { call: { uses, arguments: filledIn, effect, timeoutMs, ...(tool === undefined ? {} : { definition: tool.digest }) } };
  } catch (error) {
    const message = `the arguments of "${uses}" cannot be made: ${(error as Error).message}`;
    return { problem: { code: 'compensation-arguments', message, retryable: false } };
  }
}

/** The results that could be named when the attempt was asked for; a fallback's counts as its step's. */
function resultsBefore(plan: Workflow, steps: Attempts, seq: number): { [step: string]: Json } {
  const results: { [step: string]: Json } = {};
  for (const attempt of steps.values()) {
    if (word(attempt, 'check') !== 'accepted' || (attempt.slots.check?.seq ?? 0) > seq) continue;
    const { output } = outputOf(attempt) ?? { output: null };
    results[plannedAs(plan, attempt.at.id)?.step.id ?? attempt.at.id] = output;
  }
  return results;
}
