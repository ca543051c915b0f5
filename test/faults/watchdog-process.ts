/** A process with an impatient watchdog, which tells when it is there, and stands still or answers when it is told to. */
import { begin, guard } from '@reel/bus/process/watchdog.ts';

guard({ stillMs: 1000, busyMs: 3000 });
process.once('disconnect', () => process.exit(0));
process.on('message', (order: 'hang' | 'work' | 'exit' | 'answer') => {
  if (order === 'answer') return process.send?.('here');
  begin(`somebody handling ${order}`, order === 'work');
  if (order === 'exit') process.exit(7);
  if (order === 'hang') for (;;);
  // Longer than what only computes may take, and not as long as what may be busy.
  Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 2000);
  return process.send?.('here');
});
process.send?.('here');
