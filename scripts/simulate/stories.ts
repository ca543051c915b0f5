/** Everything that the simulator plays. */

import { deadly } from './deadly.ts';
import { stories as demo } from './demo.ts';
import { goals, spoiltGoals } from './goals.ts';
import type { Story } from './story.ts';
import { rubbish, steady, workflows } from './workflows.ts';

const random = [workflows, goals, steady, rubbish, spoiltGoals, deadly] as readonly unknown[] as Story<never>[];

export const stories: readonly Story<never>[] = [...random, ...(demo as readonly unknown[] as Story<never>[])];

/** By turns; what is made at random differs more from seed to seed, so its turn comes three times as often. */
const turns: readonly Story<never>[] = [...random, ...random, ...stories];

/** The stories of these names, or all, each as often as its turn comes. @throws when there is no such story. */
export function turnsOf(names: readonly string[]): readonly Story<never>[] {
  return names.length === 0 ? turns : names.map(storyOf);
}

/** @throws when there is none of that name. */
export function storyOf(name: string): Story<never> {
  const story = stories.find((one) => one.name === name);
  if (story === undefined) throw new Error(`there is no story "${name}"; there are ${stories.map((one) => one.name).join(', ')}`);
  return story;
}

/** The one that a seed plays. */
export const storyAt = (chosen: readonly Story<never>[], seed: number): Story<never> => chosen[seed % chosen.length] as Story<never>;
