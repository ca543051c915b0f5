/** Holds every result and the answer up to what was promised: the tool's declared output, the plan's schemas, its assertions. */

import type { History } from '@reel/bus/history.ts';
import { defineService } from '@reel/bus/service.ts';
import { answerAccepted, answerRejected } from '@reel/contracts/answer.ts';
import type { Draft } from '@reel/contracts/envelope.ts';
import { stepAccepted, stepRejected } from '@reel/contracts/step.ts';
import type { EventOf } from '@reel/contracts/story.ts';
import { judgementOf, problemOfAnswer } from './decide.ts';

type Result = EventOf<'step.outcome.succeeded'> | EventOf<'step.late.succeeded'>;

async function check(event: Result, { history }: { readonly history: History }): Promise<Draft[]> {
  const judged = await judgementOf(event, history);
  if ('problem' in judged) return [stepRejected(event.at, { problem: { ...judged.problem, step: event.at.id } })];
  return [stepAccepted(event.at, judged.warnings.length === 0 ? {} : { warnings: [...judged.warnings] })];
}

export default defineService({
  name: 'validator',
  publishes: [stepAccepted, stepRejected, answerAccepted, answerRejected],
  on: {
    // After the turn too: what a late step came to decides whether it is undone.
    'step.outcome.succeeded': check,
    'step.late.succeeded': check,
    'answer.proposal.proposed': async (event, { history }) => {
      const problem = await problemOfAnswer(event, history);
      return [problem === undefined ? answerAccepted(event.at, {}) : answerRejected(event.at, { problem })];
    },
  },
});
