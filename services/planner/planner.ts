/** Carries out plans: asks for every step when its time has come, and for the answer at the end. It never does anything itself. */

import type { History } from '@reel/bus/history.ts';
import { defineService } from '@reel/bus/service.ts';
import type { Place } from '@reel/contracts/address.ts';
import { answerProposed } from '@reel/contracts/answer.ts';
import type { Problem } from '@reel/contracts/envelope.ts';
import { planAbandoned, planProposed } from '@reel/contracts/plan.ts';
import { stepPostponed, stepRequested, stepSkipped } from '@reel/contracts/step.ts';
import type { Effect } from '@reel/contracts/tool.ts';
import { begin, propose, setBack, settled, tryAgain } from './decide.ts';

type Heard = { readonly at: Place; readonly time: number; readonly data: unknown };
type Context = { readonly history: History };

const effectOf = (history: History, at: Place): Effect => history.find(stepRequested, at)?.data.call.effect ?? 'once';

/** An attempt failed, and had no effect. */
const failed = ({ at, time, data }: Heard, { history }: Context): ReturnType<typeof setBack> => {
  const { problem } = data as { problem: Problem };
  return setBack(history, at, time, { problem, doubtful: false, again: problem.retryable !== false });
};

/** The result is not what was promised. Whatever has an effect has had it by now. */
const rejected = ({ at, time, data }: Heard, { history }: Context): ReturnType<typeof setBack> => {
  const harmless = effectOf(history, at) === 'read-only';
  return setBack(history, at, time, { problem: (data as { problem: Problem }).problem, doubtful: !harmless, again: harmless });
};

/** Nobody can tell what became of it. A call that has its effect only once per key can be made again under the same key. */
const inDoubt = ({ at, time, data }: Heard, { history }: Context): ReturnType<typeof setBack> => {
  const effect = effectOf(history, at);
  const doubtful = effect !== 'read-only' && history.occupant(at, 'start') !== undefined;
  return setBack(history, at, time, { problem: (data as { problem: Problem }).problem, doubtful, again: effect !== 'once' });
};

const notAllowed = ({ at, time }: Heard, { history }: Context, problem: Problem): ReturnType<typeof setBack> =>
  setBack(history, at, time, { problem, doubtful: false, again: false });

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
