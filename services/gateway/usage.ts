/** What the models of a run came to, summed over every attempt that told. Pure. */
import { type Entry, isInvalid } from '@reel/bus/history.ts';
import type { Usage } from '@reel/contracts/model.ts';
import type { RunUsage } from './shapes.ts';

/** The usage that a fact tells of, if it is an outcome that does. */
export function usageIn(entry: Entry | undefined): Usage | undefined {
  if (entry === undefined || isInvalid(entry) || entry.at.slot !== 'outcome') return undefined;
  return (entry.data as { usage?: Usage }).usage;
}

export function usageOf(entries: readonly Entry[]): RunUsage {
  const told = entries.flatMap((entry) => usageIn(entry) ?? []);
  const priced = told.flatMap(({ costMicrousd }) => costMicrousd ?? []);
  return {
    calls: told.length,
    inputTokens: sum(told.map(({ inputTokens }) => inputTokens)),
    outputTokens: sum(told.map(({ outputTokens }) => outputTokens)),
    ...(priced.length === 0 ? {} : { costMicrousd: sum(priced) }),
    ...(told.some(({ scripted }) => scripted) ? { scripted: true } : {}),
  };
}

const sum = (numbers: readonly number[]): number => numbers.reduce((total, one) => total + one, 0);
