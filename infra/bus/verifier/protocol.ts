/** The protocol of a run, checked afterwards: what must be true of any log that services which keep the rules have written. Pure. */
import type { Entry } from '../history.ts';
import { aboutClosings } from './closings.ts';
import { aboutDoubts } from './doubts.ts';
import { aboutFacts } from './facts.ts';
import { aboutGoals } from './goals.ts';
import { aboutJudgement } from './judgement.ts';
import { aboutPlans } from './plans.ts';
import type { Finding, Rule } from './rule.ts';
import { aboutUndoing } from './undoing.ts';
import { type Circumstances, viewOf } from './view.ts';

/** Every rule, in the order of a run. */
export const rules: readonly Rule[] = [
  ...aboutFacts,
  ...aboutJudgement,
  ...aboutPlans,
  ...aboutGoals,
  ...aboutClosings,
  ...aboutUndoing,
  ...aboutDoubts,
];

/**
 * What breaks the protocol in one run's log, by rule; nothing when it was kept. The log may be of a run that is still open: a log that
 * has broken no rule so far breaks none by what it has not said yet, unless `now` tells that it should have.
 */
export function check(entries: readonly Entry[], circumstances: Circumstances = {}, by: readonly Rule[] = rules): Finding[] {
  if (entries.length === 0) return [];
  const view = viewOf(entries, circumstances);
  return by.flatMap((rule) => rule.check(view));
}

/** A finding in one line. */
export const findingText = ({ rule, address, message }: Finding): string => `${rule}: ${address}: ${message}`;

/** The same as lines, for tests and benchmarks. */
export const findings = (entries: readonly Entry[], circumstances: Circumstances = {}): string[] =>
  check(entries, circumstances).map(findingText);
