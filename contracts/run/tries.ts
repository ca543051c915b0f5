/** How many of a step's attempts count: told from the facts alone, so that planner and policy agree on it. */
import type { Place } from '../address.ts';
import type { Event, Problem } from '../envelope.ts';
import { stepFailed } from '../step.ts';
import { isUnavailable } from '../tool.ts';
import type { Facts } from './results.ts';

/** How many of the attempts before this one met a server or a tool that was away: those were no tries. */
export function circuitOpenBefore(facts: Facts, at: Place): number {
  let rests = 0;
  for (let n = 1; n < at.n; n += 1) {
    const failed = facts.find(stepFailed, { ...at, n }) as Event<{ problem: Problem }> | undefined;
    if (failed !== undefined && isUnavailable(failed.data.problem)) rests += 1;
  }
  return rests;
}
