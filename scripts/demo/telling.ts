/** Tells a story: its words, then every fact as it is said, then what came of it. */
import { columns } from '@reel/bus/process/terminal.ts';
import type { Json } from '@reel/contracts/envelope.ts';
import type { Run, Submitted } from '@reel/gateway/shapes.ts';
import { ask, follow } from '../cli/api.ts';
import { storyTree } from '../cli/story-tree.ts';
import { costLines } from '../cli/summary.ts';
import { folded } from '../cli/table.ts';
import { decide } from './person.ts';
import type { Stage } from './stage.ts';
import type { Story } from './stories/story.ts';

const WIDTH = 100;

const wrapped = (text: string): string => folded(text, WIDTH).join('\n');

/** `mayDiffer`: what a real model plans and says is its own, so that a story may end otherwise than told. */
export type Manner = { readonly inColour: boolean; readonly mayDiffer: boolean; readonly print: (text: string) => void };

/** @throws AssertionError when the story does not end as told, and may not differ. */
export async function tell(story: Story, number: number, stage: Stage, { inColour, mayDiffer, print }: Manner): Promise<void> {
  const { title, words, submission, who, answers, meanwhile } = story;
  print(`\n${'═'.repeat(WIDTH)}\n${number}. ${title}\n\n${wrapped(words)}\n`);
  if (submission.goal !== undefined) print(`${wrapped(`${submission.requestedBy}: ${submission.goal.text}`)}\n`);
  const { id } = await ask<Submitted>('POST', '/v1/runs', submission);
  const line = storyTree(inColour, columns());
  const happening = meanwhile?.(stage, print);
  for await (const told of follow(id)) {
    print(line(told));
    if ('type' in told && told.type === 'step.verdict.held') await decide(id, who, answers);
  }
  await happening;
  const run = await ask<Run>('GET', `/v1/runs/${id}`);
  print(
    `\n${[wrapped(`${id} ${run.status}${run.problem === undefined ? '' : `: ${run.problem.message}`}`), ...answerLines(run.answer)].join('\n')}`,
  );
  for (const one of [...endLines(story, run, stage, mayDiffer), ...costLines(run.usage)])
    for (const line of folded(one, WIDTH - 2)) print(`  ${line}`);
}

function endLines(story: Story, run: Run, stage: Stage, mayDiffer: boolean): string[] {
  try {
    return story.end(run, stage);
  } catch (error) {
    if (!mayDiffer) throw error;
    return [`not as told: ${(error as Error).message.split('\n')[0]}`];
  }
}

/** An answer to a goal as text with what its claims rest on; any other as it is. */
function answerLines(answer: Json | undefined): string[] {
  if (answer === undefined) return [];
  const { text, claims } = answer as { text?: string; claims?: { claim: string; step: string }[] };
  if (text === undefined || claims === undefined) return [JSON.stringify(answer)];
  return [wrapped(text), ...claims.flatMap(({ claim, step }) => folded(`[${step}] ${claim}`, WIDTH - 2).map((line) => `  ${line}`))];
}
