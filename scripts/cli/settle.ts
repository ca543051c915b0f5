/** `reel settle`: a person has looked into a step that failed, or of which nobody knows whether it took effect, and says how it goes on; or into an undo. */
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
    // A run in which nothing is held and one that nobody requested look the same from here.
    await ask<Run>('GET', `/v1/runs/${encodeURIComponent(run)}`);
    const open = approvals.map((one) => questioned(one) ?? one.step).join(', ') || 'nothing';
    throw new Refused(`nobody is asked about step "${step}" of run ${run}; what waits for a person there: ${open}`);
  }
  const { who, why } = options;
  return await ask<Ruling>('POST', `/v1/approvals/${encodeURIComponent(asked.id)}`, { decision: 'grant', who, why, form });
}

/** The step that a question is about which is open because it failed, or because nobody can tell what became of it or of its undo. */
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
