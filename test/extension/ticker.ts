// A subscriber that publishes no facts, and has timers: it looks at every run after a minute.
import { defineService, timer } from '@reel/sdk';

export default defineService({
  name: 'ticker',
  publishes: [],
  on: {
    'run.request.requested': ({ time }) => [timer('minute', time + 60_000)],
    'timer.fired': () => [],
  },
});
