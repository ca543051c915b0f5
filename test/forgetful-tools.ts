/**
 * Loaded before the simulator (`node --import`): the tools of its workflows do again what they are asked for again, under a key of their
 * own. `FORGETFUL=elsewhere` makes them so in the processes that play the seeds alone.
 */
import type { Performer } from '@reel/bus/service.ts';
import type { Player } from '@reel/bus/simulator.ts';
import { workflows } from '@reel/scripts/simulate/workflows.ts';

const { scene } = workflows;

function forgetful(player: Player): Player {
  const { perform, ...rest } = player.service as unknown as Performer<object>;
  const times = new Map<string, number>();
  const again: typeof perform = (call, { key, ...context }) => {
    const time = (times.get(key) ?? 0) + 1;
    times.set(key, time);
    return perform(call, { ...context, key: time === 1 ? key : `${key}-${time}` });
  };
  return { ...player, service: { ...rest, perform: again } };
}

if (process.env['FORGETFUL'] !== 'elsewhere' || process.send !== undefined)
  Object.assign(workflows, {
    scene: (data: Parameters<typeof scene>[0]) => {
      const made = scene(data);
      return { ...made, players: made.players.map(forgetful) };
    },
  } satisfies Partial<typeof workflows>);
