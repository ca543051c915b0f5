// A tool: a function with schemas, in the process of the tool-executor.
import { defineTool, z } from '@reel/sdk';

export const discount = defineTool({
  name: 'discount',
  description: 'The price after a discount',
  input: z.object({ cents: z.int(), percent: z.number() }),
  output: z.object({ cents: z.int() }),
  effect: 'read-only',
  run: ({ cents, percent }) => ({ cents: Math.round(cents * (1 - percent / 100)) }),
});
