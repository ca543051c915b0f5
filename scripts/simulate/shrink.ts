/** From a seed that failed to the least that fails: smaller data, fewer faults. */
import fc from 'fast-check';
import { Broken, type Change, play } from './play.ts';
import type { Story } from './story.ts';

/** A failure and its script. It fails again each time it is played, independent of the seed. */
export type Reproduction = {
  readonly story: string;
  readonly data: unknown;
  readonly faults: readonly string[];
  readonly message: string;
};

/** The data that a story is played with under a seed. */
export const dataOf = <Data>(story: Story<Data>, seed: number): Data => fc.sample(story.data, { seed, numRuns: 1 })[0] as Data;

/** How it fails, or undefined when it does not. Without a script the faults are those of the seed. */
export async function failureOf<Data>(
  story: Story<Data>,
  data: Data,
  seed: number,
  script?: readonly string[],
  change?: Change,
): Promise<Broken | undefined> {
  try {
    await play(story, data, { seed, script, change });
    return undefined;
  } catch (error) {
    if (error instanceof Broken) return error;
    throw error;
  }
}

/**
 * Shrinks the data under the seed's faults, then leaves out faults for as long as it still fails, then shrinks the data again.
 * @param tries how often it may be played in all.
 * @returns undefined when the seed does not fail.
 */
export async function shrink<Data>(story: Story<Data>, seed: number, change?: Change, tries = 2000): Promise<Reproduction | undefined> {
  let left = tries;
  let path = '';
  let data = dataOf(story, seed);
  let script: readonly string[] | undefined;

  const fails = async (with_: Data, faults: readonly string[] | undefined): Promise<Broken | undefined> =>
    left-- > 0 ? await failureOf(story, with_, seed, faults, change) : undefined;

  async function smaller(): Promise<void> {
    const property = fc.asyncProperty(story.data, async (one) => {
      const failure = await fails(one, script);
      if (failure !== undefined) throw failure;
    });
    const { counterexample, counterexamplePath } = await fc.check(property, { seed, numRuns: 1, path });
    if (counterexample === null) return;
    [data] = counterexample;
    path = counterexamplePath ?? path;
  }

  const first = await fails(data, undefined);
  if (first === undefined) return undefined;
  await smaller();
  const under = await fails(data, undefined);
  script = await fewest((under ?? first).simulation.script, async (lines) => (await fails(data, lines)) !== undefined);
  await smaller();
  script = await fewest(script, async (lines) => (await fails(data, lines)) !== undefined);
  for (let again = true; again; ) {
    again = false;
    for (const [less, fitting] of story.smaller?.(data, script) ?? []) {
      if ((await fails(less, fitting)) === undefined) continue;
      [data, script, again] = [less, fitting, true];
      break;
    }
  }
  left = 1;
  const last = (await fails(data, script)) ?? first;
  return { story: story.name, data, faults: script, message: last.message };
}

/** The fewest lines with which it still fails: left out by halves, then by quarters, and at last one by one until none can be. */
export async function fewest(lines: readonly string[], fails: (lines: readonly string[]) => Promise<boolean>): Promise<readonly string[]> {
  let kept = lines;
  for (let size = Math.max(1, Math.ceil(lines.length / 2)); ; size = Math.ceil(size / 2)) {
    const before = kept.length;
    for (let from = 0; from < kept.length; ) {
      const without = [...kept.slice(0, from), ...kept.slice(from + size)];
      if (await fails(without)) kept = without;
      else from += size;
    }
    if (size === 1 && kept.length === before) return kept;
  }
}
