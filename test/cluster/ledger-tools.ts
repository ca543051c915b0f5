/** Tools whose every effect is a line in a file that REEL_TEST_LEDGER names: what was done to the world, whoever says so or not. */
import { appendFileSync } from 'node:fs';
import { defineTool } from '@reel/bus/define-tool.ts';
import { z } from 'zod';

const nothing = z.object({});
const note = (what: string, key: string): void => appendFileSync(process.env['REEL_TEST_LEDGER'] ?? '/dev/null', `${what} ${key}\n`);

/** Neither read-only nor idempotent: done once, or nobody can tell. */
export const charge = defineTool({
  name: 'charge',
  input: nothing,
  run: (_, { key }) => {
    note('charge', key);
    return { charged: key };
  },
});

export const refund = defineTool({
  name: 'refund',
  input: z.object({ charged: z.string() }),
  effect: 'idempotent',
  run: ({ charged }) => {
    note('refund', charged);
    return {};
  },
});

export const look = defineTool({ name: 'look', input: nothing, effect: 'read-only', run: () => ({ seen: 'x'.repeat(180) }) });

/** More than a fact may hold: it stands beside the log. */
export const picture = defineTool({ name: 'picture', input: nothing, effect: 'read-only', run: () => ({ picture: 'x'.repeat(100_000) }) });

const tried = new Set<string>();
/** Fails for the first time that it is tried in a process, and not again. */
export const falter = defineTool({
  name: 'falter',
  input: nothing,
  effect: 'read-only',
  run: (_, { key }) => {
    if (tried.delete(key)) return {};
    tried.add(key);
    throw new Error('not yet');
  },
});

export const refuse = defineTool({
  name: 'refuse',
  input: nothing,
  effect: 'read-only',
  retry: { attempts: 1 },
  run: () => {
    throw new Error('never');
  },
});
