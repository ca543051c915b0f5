/** What a call has come to, as it enters the log. */
import { excerpt } from '@reel/bus/runtime/secrets.ts';
import type { Usage } from '@reel/contracts/model.ts';
import type { Model } from './configuration.ts';
import { costOf } from './prices.ts';
import type { Reply } from './reply.ts';

/** Providers have words of their own for why they stopped. */
const LONGEST_REASON = 100;

/** The usage so far. What the provider did not count has no cost, rather than a wrong one. */
export function usageOf(
  { definition, price }: Pick<Model, 'definition' | 'price'>,
  { usage, finishReason }: Reply,
  latencyMs: number,
): Usage {
  const { inputTokens, outputTokens } = usage ?? { inputTokens: 0, outputTokens: 0 };
  const known = usage !== undefined && price !== undefined;
  return {
    model: definition.name,
    inputTokens,
    outputTokens,
    ...(known ? { costMicrousd: costOf(price, inputTokens, outputTokens) } : {}),
    latencyMs: Math.max(0, Math.round(latencyMs)),
    finishReason: excerpt(finishReason ?? 'none', LONGEST_REASON),
    ...(definition.scripted === true ? { scripted: true } : {}),
  };
}
