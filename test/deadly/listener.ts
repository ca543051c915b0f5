// A subscriber that dies of the runs whose input says how, and notes those that it survives. Each replica set has a name of its own.
import { appendFileSync } from 'node:fs';
import { defineService, type Service } from '@reel/bus/service.ts';
import { theRun } from '@reel/contracts/address.ts';
import { runRequested } from '@reel/contracts/run.ts';
import { die } from './deaths.ts';

export const listenerNamed = (name: string): Service<{ note: (run: string) => void }> =>
  defineService({
    name,
    says: [],
    deps: async ({ env }) => ({ deps: { note: (run) => appendFileSync(env['DEADLY_FILE'] as string, `${name} ${run}\n`) } }),
    on: {
      'run.verdict.approved': ({ at }, { history, note }) => {
        const { victim, dies } = (history.find(runRequested, theRun)?.data.input ?? {}) as { victim?: string; dies?: string };
        if (victim === name) die(dies);
        note(at.run);
        return [];
      },
    },
  });
