/** Everything that the simulator plays, over some seeds each: the demo's stories, workflows and goals made at random. More: `npm run simulate`. */
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { play } from '@reel/scripts/simulate/play.ts';
import { dataOf } from '@reel/scripts/simulate/shrink.ts';
import { stories, storyOf } from '@reel/scripts/simulate/stories.ts';

/** How many seeds of each; the demo's stories take about five times as long as the others. */
const SEEDS: { readonly [story: string]: number } = { workflows: 150, goals: 80, steady: 60, rubbish: 60, 'spoilt-goals': 40 };
const OTHERS = 15;
/** Seeds that failed once, far beyond those. */
const FAILED_ONCE: { readonly [story: string]: readonly number[] } = { rubbish: [4167, 4302] };

describe('whatever goes wrong, everything that was promised holds', () => {
  for (const story of stories) {
    const seeds = SEEDS[story.name] ?? OTHERS;
    it(`in ${seeds} seeds of ${story.name}`, async () => {
      for (const seed of [...Array.from({ length: seeds }, (_, index) => index + 1), ...(FAILED_ONCE[story.name] ?? [])]) {
        await play(story, dataOf(story, seed), { seed }).catch((error: Error) => {
          throw new Error(`npm run simulate -- --story ${story.name} --seeds 1 --from ${seed}\n${error.message}`, { cause: error });
        });
      }
    });
  }
});

describe('a seed', () => {
  it('plays the same whatever was played before it', async () => {
    for (const story of ['workflows', 'goals', 'rubbish', 'travel', 'support'].map(storyOf)) {
      const traces = async (seeds: readonly number[]): Promise<Map<number, readonly string[]>> => {
        const found = new Map<number, readonly string[]>();
        for (const seed of seeds) found.set(seed, (await play(story, dataOf(story, seed), { seed })).simulation.trace);
        return found;
      };
      const [once, again] = [await traces([1, 2, 3, 4]), await traces([4, 2, 3, 1])];
      for (const [seed, trace] of once) assert.deepEqual(again.get(seed), trace, `seed ${seed} of ${story.name}`);
    }
  });

  it('differs from others in what goes wrong', async () => {
    const story = storyOf('travel');
    const [one, other] = [await play(story, dataOf(story, 1), { seed: 1 }), await play(story, dataOf(story, 2), { seed: 2 })];
    assert.notDeepEqual(one.simulation.script, other.simulation.script);
  });
});
