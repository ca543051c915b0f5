// A performer whose event loop stands still while it works, as when it computes: steps of the kind `block`.
import { appendFileSync } from 'node:fs';
import { definePerformer } from '@reel/sdk';

export default definePerformer({
  name: 'blocker',
  kind: 'block',
  perform: async ({ arguments: { forMs } }) => {
    appendFileSync(process.env['BLOCKER_FILE'] as string, `${process.pid}\n`);
    Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, forMs as number);
    return { pid: process.pid };
  },
});
