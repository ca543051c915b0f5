// A performer that dies of the calls whose arguments say how, when it has noted under which key it was called: steps of the kind `deadly`.
import { appendFileSync } from 'node:fs';
import { definePerformer } from '@reel/bus/service.ts';
import { die } from './deaths.ts';

export default definePerformer({
  name: 'performer',
  kind: 'deadly',
  perform: async ({ arguments: { dies } }, { key }) => {
    appendFileSync(process.env['DEADLY_FILE'] as string, `${key}\n`);
    die(dies);
    return { done: true };
  },
});
