/** Everything that the simulator plays, by turns. */
import { stories as demo } from './demo.ts';
import { goals, spoiltGoals } from './goals.ts';
import type { Story } from './story.ts';
import { rubbish, steady, workflows } from './workflows.ts';

export const stories: readonly Story<never>[] = [
  workflows,
  goals,
  steady,
  rubbish,
  spoiltGoals,
  ...demo,
] as readonly unknown[] as Story<never>[];

/** Those of these names; all of them when there are none. @throws when there is no such story. */
export function storiesOf(names: readonly string[]): readonly Story<never>[] {
  for (const name of names) {
    if (!stories.some((story) => story.name === name))
      throw new Error(`there is no story "${name}"; there are ${stories.map((story) => story.name).join(', ')}`);
  }
  return names.length === 0 ? stories : stories.filter(({ name }) => names.includes(name));
}

/** The one that a seed plays. */
export const storyAt = (chosen: readonly Story<never>[], seed: number): Story<never> => chosen[seed % chosen.length] as Story<never>;
