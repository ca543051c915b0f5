// A subscriber that dies of the runs whose input says how, and notes those that it survives.
import { appendFileSync } from 'node:fs';
import { defineService } from '@reel/bus/service.ts';
import { theRun } from '@reel/contracts/address.ts';
import { runRequested } from '@reel/contracts/run.ts';
import { die } from './deaths.ts';

export default defineService<{ note: (run: string) => void }>({
  name: 'listener',
  says: [],
  deps: async ({ env }) => ({ deps: { note: (run) => appendFileSync(env['DEADLY_FILE'] as string, `${run}\n`) } }),
  on: {
    'run.verdict.approved': ({ at }, { history, note }) => {
      const { dies, overflows } = (history.find(runRequested, theRun)?.data.input ?? {}) as { dies?: string; overflows?: boolean };
      die(dies);
      const deeper = (n: number): number => deeper(n + 1) + 1;
      if (overflows) deeper(0);
      note(at.run);
      return [];
    },
  },
});
