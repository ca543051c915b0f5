/** How many of a step's attempts count, from the facts alone, so that planner and policy agree. */
import type { Place } from '../address.ts';
import type { Event, Problem } from '../envelope.ts';
import { stepFailed } from '../step.ts';
import { isUnavailable } from '../tool.ts';
import type { Facts } from './results.ts';

/** How many earlier attempts found their server or tool unavailable. Those do not count as attempts. */
export function circuitOpenBefore(facts: Facts, at: Place): number {
  let unavailable = 0;
  for (let n = 1; n < at.n; n += 1) {
    const failed = facts.find(stepFailed, { ...at, n }) as Event<{ problem: Problem }> | undefined;
    if (failed !== undefined && isUnavailable(failed.data.problem)) unavailable += 1;
  }
  return unavailable;
}
