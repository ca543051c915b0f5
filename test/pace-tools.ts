/** Tools that take their time, for runs that are to be under way while something happens to the services. */
import { setTimeout } from 'node:timers/promises';
import { defineTool } from '@reel/tool-executor/define-tool.ts';
import { z } from 'zod';

/** Waits for so long; what it gives tells the place where it was called. */
export const pace = defineTool({
  name: 'pace',
  input: z.object({ ms: z.number(), step: z.string() }),
  effect: 'idempotent',
  concurrency: 64,
  compensation: { uses: 'retrace', with: {} },
  run: async ({ ms, step }, { signal }) => {
    await setTimeout(ms, undefined, { signal });
    return { step };
  },
});
export const retrace = defineTool({ name: 'retrace', input: z.object({}), effect: 'idempotent', run: () => ({}) });
