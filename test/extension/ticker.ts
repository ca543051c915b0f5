// A subscriber that may say nothing, and has timers: it wants to know of every run that is not over after a minute.
import { alarm, defineService } from '@reel/bus/service.ts';

export default defineService({
  name: 'ticker',
  says: [],
  on: {
    'run.request.requested': ({ time }) => [alarm('minute', time + 60_000)],
    'clock.rang': () => [],
  },
});
