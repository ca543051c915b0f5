/** The tools withheld from a goal's plans: tools that the requester may not use with any arguments. */
import type { Parts } from '@reel/contracts/address.ts';
import type { ToolDefinition } from '@reel/contracts/tool.ts';
import type { Judge, Question } from './cedar.ts';
import { aboutCall, type Run } from './question.ts';
import { unknown } from './value.ts';

/**
 * The names of those tools, sorted. A tool that some arguments would be permitted for is not among them: to show one that is denied later
 * is harmless, since every step is judged, and to hide one that would have been permitted is a loss.
 */
export function withheldFrom(at: Parts, run: Run, judge: Judge): string[] {
  return Object.values(run.tools)
    .filter((tool) => judge.rulesOut(anyUseOf(tool, at, run)))
    .map(({ name }) => name)
    .sort();
}

/** As a step would ask, but for what only the step can say. */
function anyUseOf({ name, effect, timeoutMs }: ToolDefinition, at: Parts, run: Run): Question {
  const step = { kind: 'tool', id: '', n: 1 };
  const question = aboutCall('step', at, step, { uses: name, arguments: {}, effect, timeoutMs }, run);
  const open = { id: unknown('step.id'), kind: 'tool', attempt: unknown('step.attempt'), effect };
  return { ...question, context: { ...question.context, step: open, arguments: unknown('arguments') } };
}
