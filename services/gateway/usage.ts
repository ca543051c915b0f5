/** The model usage of a run, summed over every attempt that reported it. Pure. */
import { type Entry, isInvalid } from '@reel/bus/history.ts';
import type { Usage } from '@reel/contracts/model.ts';
import type { RunUsage } from './shapes.ts';

/** The usage in an outcome, if it reports any. */
export function usageIn(entry: Entry | undefined): Usage | undefined {
  if (entry === undefined || isInvalid(entry) || entry.at.slot !== 'outcome') return undefined;
  return (entry.data as { usage?: Usage }).usage;
}

export function usageOf(entries: readonly Entry[]): RunUsage {
  const reported = entries.flatMap((entry) => usageIn(entry) ?? []);
  const priced = reported.flatMap(({ costMicrousd }) => costMicrousd ?? []);
  return {
    calls: reported.length,
    inputTokens: sum(reported.map(({ inputTokens }) => inputTokens)),
    outputTokens: sum(reported.map(({ outputTokens }) => outputTokens)),
    ...(priced.length === 0 ? {} : { costMicrousd: sum(priced) }),
    ...(reported.some(({ scripted }) => scripted) ? { scripted: true } : {}),
  };
}

const sum = (numbers: readonly number[]): number => numbers.reduce((total, one) => total + one, 0);
