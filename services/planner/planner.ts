/** Carries out plans: asks for every step when its time has come, and for the answer at the end. It never does anything itself. */
import type { History } from '@reel/bus/history.ts';
import { defineService } from '@reel/bus/service.ts';
import type { Parts, Place } from '@reel/contracts/address.ts';
import { answerProposed } from '@reel/contracts/answer.ts';
import type { Draft, Problem } from '@reel/contracts/envelope.ts';
import { planAbandoned, planProposed } from '@reel/contracts/plan.ts';
import { stepDenied, stepExpired, stepPostponed, stepRefused, stepRequested, stepSkipped, stepWithdrawn } from '@reel/contracts/step.ts';
import type { Effect } from '@reel/contracts/tool.ts';
import { begin, propose, type Setback, setBack, settled, tryAgain } from './decide.ts';

type Heard<Data = { readonly problem: Problem }> = { readonly at: Parts; readonly time: number; readonly data: Data };
type Context = { readonly history: History };
type Answer = Promise<Draft[]>;

const effectOf = (history: History, at: Place): Effect => history.find(stepRequested, at)?.data.call.effect ?? 'once';

/**
 * True when the attempt had come to nothing already. An attempt can time out before it is judged and be denied afterwards: whatever
 * comes second must not lead to a second try beside the first.
 */
function wasOver(history: History, { slot, ...at }: Parts): boolean {
  if (slot !== 'outcome' && history.occupant(at, 'outcome') !== undefined) return true;
  if (slot !== 'verdict' && history.find(stepDenied, at) !== undefined) return true;
  if (slot === 'ruling') return false;
  return history.find(stepRefused, at) !== undefined || history.find(stepExpired, at) !== undefined;
}

const cameToNothing = async ({ at, time }: Heard<unknown>, { history }: Context, setback: Setback): Answer =>
  wasOver(history, at) ? [] : await setBack(history, at, time, setback);

/** It had no effect. */
const failed = (event: Heard, context: Context): Answer => {
  const { problem } = event.data;
  return cameToNothing(event, context, { problem, doubtful: false, again: problem.retryable !== false });
};

/** Nobody can tell what became of it. A call that has its effect only once per key can be made again under the same key. */
const inDoubt = (event: Heard, context: Context): Answer => {
  const effect = effectOf(context.history, event.at);
  // What was withdrawn cannot be started any more; what was not may start even now.
  const isHarmless = effect === 'read-only' || context.history.find(stepWithdrawn, event.at) !== undefined;
  return cameToNothing(event, context, { problem: event.data.problem, doubtful: !isHarmless, again: effect !== 'once' });
};

/** The result is not what was promised. Whatever has an effect has had it by now, and would give the same under the same key. */
const rejected = ({ at, time, data: { problem } }: Heard, { history }: Context): Answer => {
  const isHarmless = effectOf(history, at) === 'read-only';
  return setBack(history, at, time, { problem, doubtful: !isHarmless, again: isHarmless });
};

const notAllowed = (event: Heard<unknown>, context: Context, problem: Problem): Answer =>
  cameToNothing(event, context, { problem, doubtful: false, again: false });

export default defineService({
  name: 'planner',
  says: [planProposed, planAbandoned, stepRequested, stepSkipped, stepPostponed, answerProposed],
  on: {
    'run.verdict.approved': (_, { history }) => propose(history),
    'run.ruling.granted': (_, { history }) => propose(history),
    'plan.verdict.approved': (_, { history }) => begin(history),
    'plan.ruling.granted': (_, { history }) => begin(history),
    'step.check.accepted': ({ at }, { history }) => settled(history, at),
    'step.check.rejected': rejected,
    'step.outcome.failed': failed,
    'step.outcome.unknown': inDoubt,
    'step.outcome.timed-out': inDoubt,
    'step.wake.due': ({ at }, { history }) => tryAgain(history, at),
    'step.verdict.denied': (event, context) => notAllowed(event, context, event.data.problem),
    'step.ruling.refused': (event, context) =>
      notAllowed(event, context, { code: 'refused', message: `${event.data.who} refused it: ${event.data.why}` }),
    'step.ruling.expired': (event, context) => notAllowed(event, context, event.data.problem),
  },
});
