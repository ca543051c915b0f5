// A service: reports every run that failed.
import { defineService } from '@reel/sdk';

export default defineService({
  name: 'bell',
  publishes: [],
  on: {
    'run.outcome.failed': async ({ at, data }) => {
      await fetch('http://127.0.0.1:9000', { method: 'POST', body: `${at.run}: ${data.problem.message}` });
      return [];
    },
  },
});
