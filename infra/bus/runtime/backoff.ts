/** How long to wait before something is tried again. */
import { digestOf } from './digest.ts';

const LONGEST_MS = 86_400_000;

/**
 * Exponential backoff, a little less by lot (AWS, "Exponential Backoff And Jitter"), in ms: what is tried names the lot, so that it is the
 * same for every caller. @param tries how often it has been tried, from 1
 */
export function backoffMs(what: readonly (string | number)[], tries: number, delayMs: number, maxDelayMs = LONGEST_MS): number {
  const grown = Math.min(delayMs * 2 ** (tries - 1), maxDelayMs);
  const lot = Number.parseInt(digestOf(what).slice(-4), 16) / 0xffff;
  return Math.round(grown * (1 - lot / 4));
}
