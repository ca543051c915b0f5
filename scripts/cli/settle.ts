/** `reel settle`: a person says how a failed step goes on, or whether a step or an undo in doubt took effect. */
import { ASKED } from '@reel/contracts/address.ts';
import type { Question } from '@reel/contracts/workflow/attempt.ts';
import type { Approval, ApprovalPage, Ruling, Run } from '@reel/gateway/shapes.ts';
import { ask, Refused } from './api.ts';
import { parseJson } from './submission.ts';

export type Settling = { done?: string; retry?: boolean; with?: string; giveUp?: boolean; who: string; why: string };

/** Answers the open question about the step. @throws Refused when there is none, no such run, or not exactly one way on was chosen. */
export async function settle(run: string, step: string, options: Settling): Promise<Ruling> {
  const form = formOf(options);
  const { approvals } = await ask<ApprovalPage>('GET', `/v1/approvals?run=${encodeURIComponent(run)}`);
  const asked = approvals.find((one) => questioned(one) === step);
  if (asked === undefined) {
    // A run without held steps and a run that does not exist look the same from here.
    await ask<Run>('GET', `/v1/runs/${encodeURIComponent(run)}`);
    const open = approvals.map((one) => questioned(one) ?? one.step).join(', ') || 'nothing';
    throw new Refused(`no person is asked about step "${step}" of run ${run}; waiting for a person there: ${open}`);
  }
  const { who, why } = options;
  return await ask<Ruling>('POST', `/v1/approvals/${encodeURIComponent(asked.id)}`, { decision: 'grant', who, why, form });
}

/** The step of a question: one that failed, or one whose effect or undo is in doubt. */
function questioned({ kind, step, arguments: about }: Approval): string | undefined {
  const isAsked = kind === ASKED || (kind === 'person' && /-escalation-\d+$/.test(step));
  return isAsked ? (about as Partial<Question>).step : undefined;
}

function formOf({ done, retry, giveUp, with: changed }: Settling): object {
  const ways = [done !== undefined && giveUp !== true, retry === true, giveUp === true].filter(Boolean).length;
  if (ways !== 1)
    throw new Refused(
      'say how it goes on: --done RESULT, or --retry, or --give-up (with --done RESULT if it did happen, so that it is undone)',
    );
  if (changed !== undefined && retry !== true) throw new Refused('--with goes with --retry: the arguments of the next attempt');
  const result = done === undefined ? {} : { result: parseJson(done, '--done') };
  if (retry) return { action: 'retry', ...(changed === undefined ? {} : { with: parseJson(changed, '--with') }) };
  return { action: giveUp ? 'end' : 'supply', ...result };
}
