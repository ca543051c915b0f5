/** The tool of the case "recover": says that it has begun, and takes 200 ms. */
import { setTimeout } from 'node:timers/promises';
import { defineTool } from '@reel/bus/define-tool.ts';
import { z } from 'zod';

export const pause = defineTool({
  name: 'pause',
  description: 'Takes its time.',
  input: z.object({ step: z.int() }),
  output: z.object({ step: z.int() }),
  effect: 'idempotent',
  run: async ({ step }, { signal }) => {
    await fetch(`${process.env['REEL_BENCH_WATCH']}?step=${step}&pid=${process.pid}`, { method: 'POST', signal });
    await setTimeout(200, undefined, { signal });
    return { step };
  },
});
