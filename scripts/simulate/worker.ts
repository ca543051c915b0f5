// One of several processes that play seeds: told which, it tells of those that failed.
import { warn } from '@reel/bus/process/terminal.ts';
import { dataOf, failureOf } from './shrink.ts';
import { storyAt, turnsOf } from './stories.ts';

/** Seeds `from` (included) to `to` (excluded), of these stories or of all. */
export type Portion = { readonly from: number; readonly to: number; readonly names: readonly string[] };
export type Report = { readonly played: number; readonly failed: readonly { seed: number; story: string; message: string }[] };

async function play({ from, to, names }: Portion): Promise<Report> {
  const chosen = turnsOf(names);
  const failed: { seed: number; story: string; message: string }[] = [];
  for (let seed = from; seed < to; seed += 1) {
    const story = storyAt(chosen, seed);
    const failure = await failureOf(story, dataOf(story, seed), seed);
    if (failure !== undefined) failed.push({ seed, story: story.name, message: failure.message });
  }
  return { played: to - from, failed };
}

process.on('message', (portion: Portion) => {
  play(portion).then(
    (report) => process.send?.(report),
    (error: Error) => {
      warn(error.stack ?? error.message);
      process.exit(1);
    },
  );
});
