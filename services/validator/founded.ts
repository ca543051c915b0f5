/** What the answer to a goal rests on: every claim on a step that has a result, and, where there is a rubric, on a model's judgement. */
import type { History } from '@reel/bus/history.ts';
import type { Json, Problem } from '@reel/contracts/envelope.ts';
import { resultsIn } from '@reel/contracts/run/results.ts';
import type { Workflow } from '@reel/contracts/workflow/format.ts';
import { isJudging, isReasoning } from '@reel/contracts/workflow/reasoning.ts';

type Answer = { readonly claims?: readonly { readonly claim: string; readonly step: string }[] };
type Judgement = { readonly pass: boolean; readonly reasons?: readonly string[] };

/** The first claim that rests on nothing, or what the judge has against the answer. Its form has been checked before. */
export function unfounded(answer: Json, history: History, plan: Workflow): Problem | undefined {
  const results = resultsIn(history, plan, { steps: [], all: true });
  for (const { claim, step } of (answer as Answer).claims ?? []) {
    const citable = Object.hasOwn(results, step) && !plan.steps.some((one) => one.id === step && isReasoning(one));
    if (citable) continue;
    const steps = plan.steps.filter((one) => Object.hasOwn(results, one.id) && !isReasoning(one)).map(({ id }) => id);
    const message = `the claim "${claim}" cites step "${step}", which has no result; those that have one: ${steps.join(', ') || 'none'}`;
    return { code: 'unfounded-claim', message };
  }
  const judge = plan.steps.find(isJudging);
  const judgement = judge === undefined ? undefined : (results[judge.id] as Judgement | undefined);
  if (judge === undefined || judgement?.pass === true) return undefined;
  return { code: 'rubric-not-met', message: `by the rubric: ${(judgement?.reasons ?? []).join('; ') || 'no reason was given'}` };
}
