/** Asking for an attempt at a step: the step's own, its fallback's, the one that a person wanted, or asking that person. */

import type { History } from '@reel/bus/history.ts';
import type { Place } from '@reel/contracts/address.ts';
import type { Draft, Problem } from '@reel/contracts/envelope.ts';
import { type Call, stepRequested, stepSucceeded } from '@reel/contracts/step.ts';
import { type Escalated, escalationForm, escalationId, type Planned, plannedAs, type Question } from '@reel/contracts/workflow/attempt.ts';
import { attemptFailureOf } from './attempt-failure.ts';
import { callOf } from './call.ts';
import type { PlanningContext } from './planning-context.ts';
import { endsAt } from './retry.ts';

/** @param at a place that the plan has. @throws Uncomputable */
export async function ask({ history, progress, request }: PlanningContext, at: Place): Promise<Draft> {
  const planned = plannedAs(progress.plan, at.id);
  if (planned === undefined) throw new Error(`the plan has nothing called "${at.id}"`);
  const call = await callOf(planned.attempt, planned.step.id, at.n, progress, request);
  const wanted = planned.role === 'retry' ? whatWasSaid({ history }, planned)?.with : undefined;
  const changed = wanted === undefined ? call : { ...call, arguments: wanted as Call['arguments'] };
  const left = leftMs(history, planned, at);
  if (left !== undefined) Object.assign(changed, { timeoutMs: Math.min(changed.timeoutMs, left), leftMs: left });
  return stepRequested(at, { call: at.kind === 'model' ? corrected(changed, at, { history }) : changed });
}

/** How long it may still take, where that is bounded. */
function leftMs(history: History, { attempt }: Planned, at: Place): number | undefined {
  if (attempt.withinMs === undefined) return undefined;
  const nowMs = history.entries().at(-1)?.time ?? 0;
  const endMs = endsAt(history, attempt, at);
  return endMs === Number.POSITIVE_INFINITY ? attempt.withinMs : Math.max(endMs - nowMs, 1);
}

/** What the person said who was asked at this level about a step that had failed. */
export function whatWasSaid({ history }: Pick<PlanningContext, 'history'>, { step, level }: Planned): Escalated | undefined {
  return history.find(stepSucceeded, { kind: 'person', id: escalationId(step.id, level), n: 1 })?.data.output as Escalated | undefined;
}

const WRONG = new Set(['model-nonsense', 'schema-broken', 'assertion-failed']);

/** A model that is asked once more is told what was wrong with what it said. */
function corrected(call: Call, at: Place, { history }: Pick<PlanningContext, 'history'>): Call {
  const before = at.n > 1 ? attemptFailureOf(history, { ...at, n: at.n - 1 })?.problem : undefined;
  if (before === undefined || !WRONG.has(before.code)) return call;
  return { ...call, prompt: `${call.prompt ?? ''}\n\nYour previous result was not accepted: ${before.message}` };
}

/** The subject of a question: the failed attempt, its problem, and whether its effect is unknown. */
export type Began = { readonly at: Place; readonly problem: Problem; readonly unknown: boolean };

/** Asks the next person about a step that has failed for good, or undefined when no person is left. */
export function escalated(
  { history, progress, request }: PlanningContext,
  { step, level }: Planned,
  { at, problem, unknown }: Began,
): Draft | undefined {
  const next = escalationId(step.id, level + 1);
  const asking = plannedAs(progress.plan, next);
  // The level after those of the plan (operators) is asked only about attempts with an unknown outcome.
  if (asking?.role !== 'escalation' || (level >= (progress.plan.escalate?.length ?? 0) && !unknown)) return undefined;
  const { attempt } = asking;
  const tried = history.find(stepRequested, at)?.data.call;
  const doubt = unknown ? ' Whether it took effect is not known: look before you say how it goes on.' : '';
  const who = step.uses === '' ? step.kind : `${step.kind} "${step.uses}"`;
  const question: Question = {
    step: step.id,
    attempt: { kind: at.kind, id: at.id, n: at.n },
    uses: tried?.uses ?? step.uses,
    arguments: tried?.arguments ?? {},
    problem,
    unknown,
  };
  const call: Call = {
    uses: attempt.uses,
    arguments: question as unknown as Call['arguments'],
    prompt: `Step "${step.id}" (${who}) has failed for good: ${problem.message}${doubt} Supply its result, have it tried again (with other arguments, if you like), or end the run.`,
    form: escalationForm(step.output ?? (step.kind === 'tool' ? request.tools[tried?.uses ?? step.uses]?.output : undefined)),
    effect: 'read-only',
    timeoutMs: attempt.timeoutMs as number,
  };
  return stepRequested({ kind: 'person', id: next, n: 1 }, { call });
}
