/** A tool that takes anything and gives it back. */
import { defineTool } from '@reel/bus/define-tool.ts';
import { z } from 'zod';

export const anything = defineTool({
  name: 'anything',
  input: z.looseObject({}),
  effect: 'read-only',
  run: (input) => input as { [name: string]: string },
});
