/** Asking for an attempt at a step: the step's own, its fallback's, the one that a person wanted, or asking that person. */

import type { Place } from '@reel/contracts/address.ts';
import type { Draft, Json, Problem } from '@reel/contracts/envelope.ts';
import { type Call, stepRequested, stepSucceeded } from '@reel/contracts/step.ts';
import { type Escalated, escalationId, type Planned, plannedAs } from '@reel/contracts/workflow/attempt.ts';
import { callOf } from './call.ts';
import { setbackOf } from './setback.ts';
import type { Situation } from './situation.ts';

/** @param at a place that the plan has. @throws Uncomputable */
export async function ask({ history, progress, request }: Situation, at: Place): Promise<Draft> {
  const planned = plannedAs(progress.plan, at.id);
  if (planned === undefined) throw new Error(`the plan has nothing called "${at.id}"`);
  const call = await callOf(planned.attempt, planned.step.id, at.n, progress, request);
  const wanted = planned.role === 'retry' ? whatWasSaid({ history }, planned)?.with : undefined;
  const changed = wanted === undefined ? call : { ...call, arguments: wanted as Call['arguments'] };
  return stepRequested(at, { call: at.kind === 'model' ? corrected(changed, at, { history }) : changed });
}

/** What the person said who was asked at this level about a step that had failed. */
export function whatWasSaid({ history }: Pick<Situation, 'history'>, { step, level }: Planned): Escalated | undefined {
  return history.find(stepSucceeded, { kind: 'person', id: escalationId(step.id, level), n: 1 })?.data.output as Escalated | undefined;
}

const WRONG = new Set(['model-nonsense', 'schema-broken', 'assertion-failed']);

/** A model that is asked once more is told what was wrong with what it said. */
function corrected(call: Call, at: Place, { history }: Pick<Situation, 'history'>): Call {
  const before = at.n > 1 ? setbackOf(history, { ...at, n: at.n - 1 })?.problem : undefined;
  if (before === undefined || !WRONG.has(before.code)) return call;
  return { ...call, prompt: `${call.prompt ?? ''}\n\nYour previous result was not accepted: ${before.message}` };
}

/** Asks the next person about a step that has failed for good, or undefined when there is nobody left to ask. */
export function escalated(
  { history, progress }: Situation,
  planned: Planned,
  at: Place,
  problem: Problem,
  doubtful: boolean,
): Draft | undefined {
  const level = planned.level + 1;
  const asking = plannedAs(progress.plan, escalationId(planned.step.id, level));
  if (asking === undefined || asking.role !== 'escalation') return undefined;
  const { attempt, step } = asking;
  const tried = history.find(stepRequested, at)?.data.call;
  const doubt = doubtful ? ' Whether it took effect is not known: look before you have it tried again.' : '';
  const who = step.uses === '' ? step.kind : `${step.kind} "${step.uses}"`;
  const call: Call = {
    uses: attempt.uses,
    arguments: { step: step.id, uses: tried?.uses ?? step.uses, arguments: tried?.arguments ?? {}, problem: problem as unknown as Json },
    prompt: `Step "${step.id}" (${who}) has failed for good: ${problem.message}${doubt} Supply its result, have it tried again (with other arguments, if you like), or end the run.`,
    form: attempt.form,
    effect: 'read-only',
    timeoutMs: attempt.timeoutMs as number,
  };
  return stepRequested({ kind: 'person', id: escalationId(step.id, level), n: 1 }, { call });
}
