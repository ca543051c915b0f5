/** What a call has come to, as it enters the log. */
import type { Usage } from '@reel/contracts/model.ts';
import type { Model } from './configuration.ts';
import { costOf } from './prices.ts';
import type { Reply } from './reply.ts';

/** The usage so far. What the provider did not count has no cost, rather than a wrong one. */
export function usageOf({ definition, price }: Model, { usage, finishReason }: Reply, latencyMs: number): Usage {
  const { inputTokens, outputTokens } = usage ?? { inputTokens: 0, outputTokens: 0 };
  const known = usage !== undefined && price !== undefined;
  return {
    model: definition.name,
    inputTokens,
    outputTokens,
    ...(known ? { costMicrousd: costOf(price, inputTokens, outputTokens) } : {}),
    latencyMs: Math.max(0, Math.round(latencyMs)),
    finishReason: finishReason ?? 'none',
    ...(definition.scripted === true ? { scripted: true } : {}),
  };
}
