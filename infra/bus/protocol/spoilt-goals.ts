/** For the tests: for every rule about goals a run that breaks it and no other. */
import { answerRevision, planRevision } from '@reel/contracts/address.ts';
import { answerProposed } from '@reel/contracts/answer.ts';
import type { Draft, Json } from '@reel/contracts/envelope.ts';
import { planProposed } from '@reel/contracts/plan.ts';
import * as s from '@reel/contracts/step.ts';
import { Workflow } from '@reel/contracts/workflow/format.ts';
import type { Case } from './doubtful.ts';
import { goal } from './runs.ts';
import { type Line, placed, saying } from './scene.ts';

const line = (draft: Draft, more: Partial<Line> = {}): Line => ({ draft, ...more });
/** A model has made a plan. */
const planMade = (id: string, output: Json): Line[] => {
  const at = placed(`model.${id}.1`);
  return [line(s.stepStarted(at, { nonce: 'p' })), line(s.stepSucceeded(at, { output })), line(s.stepAccepted(at, {}))];
};
/** A plan in which nothing is left to be planned. */
const plan = (n: number): Line[] => [line(planProposed(planRevision(n), { plan: Workflow.parse({ name: 'goal', steps: [] }) }))];

export const goalCases: readonly Case[] = [
  { rule: 'revised', when: 'a plan is revised for the fourth time', log: goal(['revise', 'repair', 'revise', 'revise', 'revise']) },
  { rule: 'stages', when: 'a goal is planned on for the eleventh time', log: goal(Array(11).fill('continue')) },
  {
    rule: 'wholly',
    when: 'what a model left to be planned later is forgotten',
    log: [...goal([]), ...planMade('plan-1', { steps: [], more: 'the rest' }), ...plan(2)],
  },
  {
    rule: 'stages',
    when: 'planning on does not wait for a step',
    log: goal([], { steps: [{ id: 'a', uses: 'look' }], task: 'continue' }),
  },
  {
    rule: 'wholly',
    when: 'an answer is proposed although a plan has yet to be made',
    log: [
      ...goal([], { task: 'continue' }),
      ...planMade('plan-1', { steps: [] }),
      line(answerProposed(answerRevision(1), { answer: null })),
    ],
  },
  { rule: 'repaired', when: 'a plan is repaired a third time in a row', log: goal(['revise', 'repair', 'repair', 'repair']) },
  {
    rule: 'withheld',
    when: 'a model is shown a tool that is withheld',
    log: saying('model.plan-1.1.request', {
      call: { uses: 'm', arguments: { tools: [{ name: 'cancel' }] }, effect: 'metered', timeoutMs: 1000 },
    })(goal([])),
  },
];
