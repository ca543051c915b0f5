/** Holds every result up to what was promised, and the answer up to what was asked for. */
import { answerAccepted, answerRejected } from '@reel/contracts/answer.ts';
import { stepAccepted, stepRejected } from '@reel/contracts/step.ts';
import { defineService } from '@reel/bus/service.ts';
import { answerProblem, stepProblem } from './decide.ts';

export default defineService({
  name: 'validator',
  says: [stepAccepted, stepRejected, answerAccepted, answerRejected],
  on: {
    'step.outcome.succeeded': async ({ at, data }, { history }) => {
      const problem = await stepProblem(history, at, data.output);
      return [problem === undefined ? stepAccepted(at, {}) : stepRejected(at, { problem })];
    },
    'answer.proposal.proposed': async ({ at, data }, { history }) => {
      const problem = await answerProblem(history, data.answer);
      return [problem === undefined ? answerAccepted(at, {}) : answerRejected(at, { problem })];
    },
  },
});
