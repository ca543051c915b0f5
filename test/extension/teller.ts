// A performer that shows what it is making while it makes it, and tells what it came to: steps of the kind `tell` are its to do.
import { setImmediate as others } from 'node:timers/promises';
import { definePerformer } from '@reel/sdk';

export default definePerformer({
  name: 'teller',
  kind: 'tell',
  perform: async ({ at, arguments: { words } }, { show, used, signal }) => {
    const count = Number(words);
    for (let word = 1; word <= count; word += 1) {
      show(`${at.id}-${word} `);
      await others(undefined, { signal });
    }
    used({ model: 'teller-1', inputTokens: 1, outputTokens: count, costMicrousd: 2 * count, latencyMs: 1, finishReason: 'stop' });
    return { words: count };
  },
});
