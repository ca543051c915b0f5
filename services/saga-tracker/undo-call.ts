/** The call that undoes an attempt: what its compensation says, filled in with what the attempt was given and what it gave. */
import type { History } from '@reel/bus/history.ts';
import type { Event, Json, Problem } from '@reel/contracts/envelope.ts';
import { approvedPlan } from '@reel/contracts/run/approved.ts';
import { type AttemptFacts, callOf, outputOf } from '@reel/contracts/run/attempt-facts.ts';
import { type Facts, resultsIn } from '@reel/contracts/run/results.ts';
import type { Call } from '@reel/contracts/step.ts';
import type { EventOf } from '@reel/contracts/story.ts';
import { renderTemplate } from '@reel/contracts/workflow/expression.ts';

type RunRequest = EventOf<'run.request.requested'>['data'];

/** @returns the call, or why it cannot be made. It depends on nothing that came after the attempt, so it comes out the same later. */
export async function undoCall(
  request: RunRequest,
  history: History,
  attempt: AttemptFacts,
): Promise<{ call: Call } | { problem: Problem }> {
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
    steps: resultsBefore(history, (attempt.slots.request as Event).seq),
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

/** A run as it was at a position of its log. */
export const factsUpTo = (history: History, seq: number): Facts => ({
  find: (definition, at) => {
    const fact = history.find(definition, at) as Event | undefined;
    return fact !== undefined && fact.seq <= seq ? fact : undefined;
  },
});

/** The results that could be named when the attempt was asked for. */
function resultsBefore(history: History, seq: number): { [step: string]: Json } {
  const then = factsUpTo(history, seq);
  const plan = approvedPlan(then);
  return plan === undefined ? {} : resultsIn(then, plan, { steps: [], all: true });
}
