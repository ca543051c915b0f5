/** The benchmark's tool: does nothing, and returns about 200 bytes. */
import { defineTool } from '@reel/bus/define-tool.ts';
import { z } from 'zod';

export const noop = defineTool({
  name: 'noop',
  description: 'Does nothing.',
  input: z.object({ step: z.string() }),
  output: z.object({ step: z.string(), text: z.string() }),
  effect: 'read-only',
  concurrency: 256,
  run: ({ step }) => ({ step, text: 'x'.repeat(180) }),
});
