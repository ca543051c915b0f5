/** Tools for poisoned runs: an effect that can be taken back. */
import { defineTool } from '@reel/bus/define-tool.ts';
import { z } from 'zod';

const anything = z.object({ value: z.number().optional() });

export const mark = defineTool({
  name: 'mark',
  input: anything,
  effect: 'idempotent',
  // What may have been begun is waited for.
  timeoutMs: 1000,
  compensation: { uses: 'unmark', with: {} },
  run: () => ({ marked: true }),
});
export const unmark = defineTool({
  name: 'unmark',
  input: anything,
  effect: 'idempotent',
  timeoutMs: 1000,
  run: () => ({ marked: false }),
});
