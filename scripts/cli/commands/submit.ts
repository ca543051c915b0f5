/** `reel run`: submits a workflow or a goal, and follows it. */
import { columns, confirmed, isAttended, line, print } from '@reel/bus/process/terminal.ts';
import type { Workflow } from '@reel/contracts/workflow/format.ts';
import type { Ruling, Submitted } from '@reel/gateway/shapes.ts';
import type { Command } from 'commander';
import { ask, inWords, Refused, type Told } from '../api.ts';
import { commandLine } from '../command-line.ts';
import { planView } from '../plan-view.ts';
import { type SubmissionOptions, submissionOf } from '../submission.ts';
import { command, json } from './command.ts';
import { approvalOf, type Following, tail } from './following.ts';

export function addRun(reel: Command): void {
  command(reel, 'run <FILE-OR-GOAL>', 'submit a workflow (YAML or JSON), or a goal in words')
    .option('--input <JSON>', "the run's input, or @FILE", '{}')
    .option('--follow', 'show every fact until the run ends')
    .option('--tokens', 'follow it, and show the text of models while they write it')
    .option('--plan', 'for a goal: show the plan, and ask before it is carried out')
    .option('--rubric <TEXT>', 'for a goal: the rubric by which a model judges the answer')
    .option('--by <WHO>', 'who requests it', 'local')
    .option('--key <KEY>', 'Idempotency-Key: the same key gives the same run')
    .action(async (what: string, options: Following & SubmissionOptions & { follow?: boolean; key?: string }) => {
      const body = await submissionOf(what, options);
      const headers = options.key === undefined ? {} : { 'idempotency-key': options.key };
      const run = await ask<Submitted>('POST', '/v1/runs', body, headers).catch((error: unknown) => {
        if (!(error instanceof Refused) || error.problem === undefined || !('workflow' in body)) throw error;
        throw new Refused(inWords(error.problem, what), error.exit, error.problem);
      });
      if (options.plan) return await tail(run.id, options, reviewing(options.by, options.json ?? false));
      if (!options.follow && !options.tokens)
        return options.json
          ? json(run)
          : print(`${line`${run.id}  ${run.status}`}\n  ${commandLine({ command: 'npx reel show', operands: [run.id] })}`);
      return await tail(run.id, options);
    });
}

/** Shows every plan that is held, and asks the person at the terminal. @returns false when there is none. */
function reviewing(who: string, asJson: boolean): (told: Told) => Promise<boolean> {
  let plan: Workflow | undefined;
  return async (told) => {
    if (!('type' in told)) return true;
    if (told.type === 'plan.proposal.proposed') plan = (told.data as { plan: Workflow }).plan;
    if (told.type !== 'plan.verdict.held' || plan === undefined) return true;
    const id = approvalOf(told.id);
    if (!asJson) print(`\nThe plan:\n${planView(plan, columns())}\n`);
    if (asJson || !isAttended()) {
      const suggested = (word: string): string => commandLine({ command: `npx reel ${word}`, operands: [id], options: { who } });
      if (!asJson) print(`It waits for somebody to decide:\n  ${suggested('approve')}\n  ${suggested('refuse')}`);
      return false;
    }
    const yes = await confirmed('Carry it out?');
    await ask<Ruling>('POST', `/v1/approvals/${encodeURIComponent(id)}`, {
      decision: yes ? 'grant' : 'refuse',
      who,
      why: 'having seen the plan',
    });
    return true;
  };
}
