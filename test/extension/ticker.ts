// A subscriber that publishes no facts, and has timers: it looks at every run after a minute.
import { alarm, defineService } from '@reel/sdk';

export default defineService({
  name: 'ticker',
  says: [],
  on: {
    'run.request.requested': ({ time }) => [alarm('minute', time + 60_000)],
    'clock.rang': () => [],
  },
});
