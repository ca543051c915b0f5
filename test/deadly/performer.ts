// A performer that dies of the calls whose arguments say how, when it has noted under which key it was called: steps of the kind `deadly`.
import { appendFileSync } from 'node:fs';
import { definePerformer } from '@reel/bus/service.ts';
import { die } from './deaths.ts';

export default definePerformer({
  name: 'performer',
  kind: 'deadly',
  perform: async ({ arguments: { dies } }, { key, used }) => {
    appendFileSync(process.env['DEADLY_FILE'] as string, `${key}\n`);
    used({ model: 'm', inputTokens: 1, outputTokens: 1, costMicrousd: 1, latencyMs: 1, finishReason: 'stop' });
    die(dies);
    return { done: true };
  },
});
