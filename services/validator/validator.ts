/** Holds every result and the answer up to what was promised: the tool's declared output, the plan's schemas, its assertions. */

import { defineService } from '@reel/bus/service.ts';
import { answerAccepted, answerRejected } from '@reel/contracts/answer.ts';
import { stepAccepted, stepRejected } from '@reel/contracts/step.ts';
import { problemOfAnswer, problemOfResult } from './decide.ts';

export default defineService({
  name: 'validator',
  says: [stepAccepted, stepRejected, answerAccepted, answerRejected],
  on: {
    // After the turn too: what a late step came to decides whether it is undone.
    'step.outcome.succeeded': async (event, { history }) => {
      const problem = await problemOfResult(event, history);
      return [problem === undefined ? stepAccepted(event.at, {}) : stepRejected(event.at, { problem: { ...problem, step: event.at.id } })];
    },
    'answer.proposal.proposed': async (event, { history }) => {
      const problem = await problemOfAnswer(event, history);
      return [problem === undefined ? answerAccepted(event.at, {}) : answerRejected(event.at, { problem })];
    },
  },
});
