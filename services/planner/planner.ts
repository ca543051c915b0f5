/** Carries out plans: asks for every step when its time has come, and for the answer at the end. It never does anything itself. */
import type { History } from '@reel/bus/history.ts';
import { defineService } from '@reel/bus/service.ts';
import type { Parts } from '@reel/contracts/address.ts';
import { answerProposed } from '@reel/contracts/answer.ts';
import type { Draft } from '@reel/contracts/envelope.ts';
import { planAbandoned, planProposed } from '@reel/contracts/plan.ts';
import { stepPostponed, stepRequested, stepSkipped } from '@reel/contracts/step.ts';
import { answerDenied, attemptFailed, begin, planDenied, propose, settled, tryAgain } from './decide.ts';

const cameToNothing = (
  { at, seq }: { readonly at: Parts; readonly seq: number },
  { history }: { readonly history: History },
): Promise<Draft[]> => attemptFailed(history, at, seq);

export default defineService({
  name: 'planner',
  publishes: [planProposed, planAbandoned, stepRequested, stepSkipped, stepPostponed, answerProposed],
  on: {
    'run.verdict.approved': (_, { history }) => propose(history),
    'run.ruling.granted': (_, { history }) => propose(history),
    'plan.verdict.approved': ({ at }, { history }) => begin(history, at),
    'plan.ruling.granted': ({ at }, { history }) => begin(history, at),
    'plan.verdict.denied': ({ data }, { history }) => planDenied(history, data.problem),
    'step.check.accepted': ({ at, seq }, { history }) => settled(history, at, seq),
    'step.check.rejected': cameToNothing,
    'step.outcome.failed': cameToNothing,
    'step.outcome.unknown': cameToNothing,
    'step.outcome.timed-out': cameToNothing,
    'step.verdict.denied': cameToNothing,
    'step.ruling.refused': cameToNothing,
    'step.ruling.expired': cameToNothing,
    'step.wake.due': ({ at }, { history }) => tryAgain(history, at),
    'answer.check.rejected': ({ at, data }, { history }) => answerDenied(history, at, data.problem),
    'answer.verdict.denied': ({ at, data }, { history }) => answerDenied(history, at, data.problem),
  },
});
