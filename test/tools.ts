/** Tools that misbehave in the ways that tools do, for whole runs. */
import { EventEmitter } from 'node:events';
import { setTimeout as wait } from 'node:timers/promises';
import { defineTool } from '@reel/tool-executor/define-tool.ts';
import { z } from 'zod';

const nothing = z.object({});

export const liar = defineTool({
  name: 'liar',
  input: nothing,
  output: z.object({ number: z.number() }),
  effect: 'read-only',
  run: () => ({ number: 'not one' }),
});
export const huge = defineTool({ name: 'huge', input: nothing, effect: 'read-only', run: () => ({ text: 'x'.repeat(1_200_000) }) });
export const large = defineTool({ name: 'large', input: nothing, effect: 'read-only', run: () => ({ text: 'x'.repeat(200_000) }) });
export const echo = defineTool({
  name: 'echo',
  input: z.object({ value: z.number() }),
  effect: 'read-only',
  run: ({ value }) => ({ value }),
});
export const inbox = defineTool({
  name: 'inbox',
  input: nothing,
  effect: 'read-only',
  run: () => ({ invoices: [90.5, 1200, 30] }),
});
let failures = 0;
export const flaky = defineTool({
  name: 'flaky',
  input: nothing,
  effect: 'read-only',
  run: () => {
    failures += 1;
    if (failures < 3) throw new Error('the line was busy');
    return { tries: failures };
  },
});
export const slow = defineTool({
  name: 'slow',
  input: nothing,
  effect: 'read-only',
  timeoutMs: 300,
  run: (_, { signal }) => new Promise((_resolve, reject) => signal.addEventListener('abort', () => reject(signal.reason))),
});
export const broken = defineTool({
  name: 'broken',
  input: z.object({ of: z.number() }),
  output: z.object({ value: z.number() }),
  effect: 'read-only',
  run: () => {
    throw new Error('connect ECONNREFUSED 10.0.0.7:5432');
  },
});
/** Tells that `endless` was begun, under which key, and by what it will be broken off: for a test in the process that runs it. */
export const looking = new EventEmitter<{ begun: [key: string, signal: AbortSignal] }>();
export const endless = defineTool({
  name: 'endless',
  input: nothing,
  effect: 'read-only',
  timeoutMs: 60_000,
  run: (_, { key, signal }) =>
    new Promise((_resolve, reject) => {
      signal.addEventListener('abort', () => reject(signal.reason));
      looking.emit('begun', key, signal);
    }),
});
export const away = defineTool({
  name: 'away',
  input: nothing,
  effect: 'read-only',
  retry: { attempts: 5, delayMs: 60_000 },
  run: () => {
    throw new Error('nobody is there');
  },
});
const triesOf = new Map<string, number>();
export const spotty = defineTool({
  name: 'spotty',
  input: nothing,
  effect: 'read-only',
  retry: { attempts: 3, delayMs: 10 },
  run: (_, { key }) => {
    const tries = (triesOf.get(key) ?? 0) + 1;
    triesOf.set(key, tries);
    if (tries < 3) throw new Error('the line was busy');
    return { tries };
  },
});
/** Its next try would come after its time. */
export const hasty = defineTool({
  name: 'hasty',
  input: nothing,
  effect: 'read-only',
  retry: { attempts: 5, delayMs: 60_000 },
  withinMs: 20_000,
  run: () => {
    throw new Error('nobody is there');
  },
});
export const reserve = defineTool({
  name: 'reserve',
  input: nothing,
  effect: 'idempotent',
  compensation: { uses: 'unreserve', with: { place: '= result.place' } },
  run: async (_, { key }) => {
    await wait(400);
    return { place: key };
  },
});
export const unreserve = defineTool({ name: 'unreserve', input: z.object({ place: z.string() }), effect: 'idempotent', run: () => ({}) });
