// A subscriber: reports every run that failed.
import { defineService } from '@reel/sdk';

export default defineService<{ tell: (text: string) => Promise<void> }>({
  name: 'notifier',
  publishes: [],
  deps: async ({ env }) => ({
    deps: {
      tell: async (text) => {
        await fetch(env['NOTIFIER_URL'] ?? 'http://127.0.0.1:9000', { method: 'POST', body: text });
      },
    },
  }),
  on: {
    'run.outcome.failed': async ({ at, data }, { tell }) => {
      await tell(`run ${at.run} failed: ${data.problem.message}`);
      return [];
    },
  },
});
