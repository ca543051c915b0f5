// A subscriber that dies of the runs whose input says how, and notes those that it survives. Each replica set has a name of its own.
import { appendFileSync } from 'node:fs';
import type { History } from '@reel/bus/history.ts';
import { defineService, type Service } from '@reel/bus/service.ts';
import { theRun } from '@reel/contracts/address.ts';
import { runRequested } from '@reel/contracts/run.ts';
import { die } from './deaths.ts';

/** Who dies, in which way: of its fact, or of every look at its run. */
type Input = { readonly victim?: string; readonly dies?: string; readonly ring?: string };
const inputOf = (history: History): Input => (history.find(runRequested, theRun)?.data.input ?? {}) as Input;

export const listenerNamed = (name: string): Service<{ note: (run: string) => void }> =>
  defineService({
    name,
    publishes: [],
    deps: async ({ env }) => ({ deps: { note: (run) => appendFileSync(env['DEADLY_FILE'] as string, `${name} ${run}\n`) } }),
    on: {
      'timer.fired': (_, { history }) => {
        const { victim, ring } = inputOf(history);
        if (victim === name) die(ring);
        return [];
      },
      'run.verdict.approved': ({ at }, { history, note }) => {
        const { victim, dies } = inputOf(history);
        if (victim === name) die(dies);
        note(at.run);
        return [];
      },
    },
  });
