/** Random workflows in which one fact, ring or call ends every process that handles it: its run ends under a name, and it costs two deaths. */
import assert from 'node:assert/strict';
import fc from 'fast-check';
import { type Plan, withoutOne } from './plan.ts';
import type { Played, Scene, Story } from './story.ts';
import { workflows } from './workflows.ts';

/** Whose processes end, of what, and of which one: from 1 on, as they come. */
type Deadly = { readonly plan: Plan; readonly victim: string; readonly of: string; readonly nth: number };

const victims: fc.Arbitrary<Pick<Deadly, 'victim' | 'of'>> = fc.constantFrom(
  { victim: 'planner', of: 'verdict' },
  { victim: 'planner', of: 'check' },
  { victim: 'planner', of: 'outcome' },
  { victim: 'policy', of: 'request' },
  { victim: 'policy', of: 'proposal' },
  { victim: 'validator', of: 'outcome' },
  { victim: 'saga-tracker', of: 'verdict' },
  { victim: 'saga-tracker', of: 'outcome' },
  { victim: 'saga-tracker', of: 'closing' },
  { victim: 'saga-tracker', of: 'ring' },
  { victim: 'tool-executor', of: 'call' },
);

/** The most deaths in a simulation, so that a simulation that breaks the rule ends as well. */
const MOST = 30;
const ALLOWED = 2;

function sceneOf({ plan, victim, of, nth }: Deadly): Scene {
  const scene = workflows.scene(plan);
  const seen = new Set<string>();
  let deaths = 0;
  // Where every look of the sweep ends its process as well, a run that waits for time alone is left to people.
  const kindOf = (what: string): string => {
    if (what.includes(' ')) return what.endsWith(' sweep') ? 'sweep' : 'ring';
    return /^reel\..*\.([a-z]+)$/.exec(what)?.[1] ?? 'call';
  };
  const poison = (): string | undefined => [...seen][nth - 1];
  return {
    ...scene,
    kills: (service, what, inQuarantine) => {
      if (service !== victim || kindOf(what) !== of || deaths >= MOST) return false;
      seen.add(what);
      if (poison() !== what) return false;
      deaths += inQuarantine ? 0 : 1;
      return true;
    },
    check: (played) => {
      // Every time that the clock is set anew makes a ring of its own, and each of them may cost so much before one is known to be deadly.
      const most = of === 'ring' ? MOST : ALLOWED + againOf(played, victim, poison() ?? '');
      assert.ok(deaths <= most, `${poison()} ended ${deaths} processes of ${victim}, and may end ${most}`);
      scene.check(played);
    },
  };
}

/** How often the broker delivered it more than it knew of. */
function againOf({ simulation: { script } }: Played, victim: string, poison: string): number {
  const about = poison.replace(/^reel\.0\./, '');
  const again = script.filter(
    (line) => line.startsWith(victim) && line.includes(about) && /: (twice|forgotten|delayed|unacknowledged)/.test(line),
  );
  return ALLOWED * again.length;
}

export const deadly: Story<Deadly> = {
  name: 'deadly',
  faults: workflows.faults,
  data: victims.chain((victim) =>
    fc.record({ plan: workflows.data, nth: fc.integer({ min: 1, max: 3 }) }).map((rest) => ({ ...rest, ...victim })),
  ),
  scene: sceneOf,
  smaller: ({ plan, ...rest }, script) => withoutOne(plan, script).map(([less, lines]) => [{ plan: less, ...rest }, lines]),
};
