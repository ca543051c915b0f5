/** Judges everything before it happens, by Cedar policies: the run, its plan, every step with its arguments, every undo, the answer, and who may say so. */
import { join } from 'node:path';
import { defineService } from '@reel/bus/service.ts';
import { families } from '@reel/contracts/judged.ts';
import { voteDenied } from '@reel/contracts/vote.ts';
import { type Judge, judgeBy } from './cedar.ts';
import { judgeAnswer, judgePlan, judgeRun, judgeStep, judgeUndo } from './decide.ts';
import { readFolder } from './policies.ts';
import { judgeVote } from './ruling.ts';

/** Where the policies are when REEL_POLICIES names no other folder. */
export const defaultPolicies = join(import.meta.dirname, 'policies');

/**
 * Default deny; a forbid outweighs every permit; a permit with `@hold("…")` puts that question to a person first. What policies may look
 * at is written at the top of policies/default.cedar. A policy that would have forbidden or held but cannot be evaluated denies.
 */
export default defineService<{ judge: Judge }>({
  name: 'policy',
  publishes: [
    ...Object.values(families).flatMap(({ approved, denied, held, granted, refused }) => [approved, denied, held, granted, refused]),
    voteDenied,
  ],
  deps: async ({ env, log }) => {
    const folder = env['REEL_POLICIES'] || defaultPolicies;
    const files = readFolder(folder);
    const judge = judgeBy(files);
    log.info({ folder, files: files.map(({ name }) => name), policySet: judge.digest }, 'policies read');
    return { deps: { judge } };
  },
  on: {
    'run.request.requested': (event, { judge }) => [judgeRun(event, judge)],
    'plan.proposal.proposed': (event, { history, judge }) => [judgePlan(event, history, judge)],
    'step.request.requested': (event, { history, judge }) => [judgeStep(event, history, judge)],
    'undo.request.requested': (event, { history, judge }) => [judgeUndo(event, history, judge)],
    'answer.check.accepted': (event, { history, judge }) => [judgeAnswer(event, history, judge)],
    'vote.request.cast': (event, { history, judge }) => [judgeVote(event, history, judge)],
  },
});
