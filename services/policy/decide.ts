/** Judges what is about to happen: first by what the run itself has approved, then by the policies. It only computes. */

import { type History, isInvalid } from '@reel/bus/history.ts';
import { canonical, digestOf } from '@reel/bus/runtime/digest.ts';
import { ASKED, aboutOf, askedAbout, type Parts, type Place, theRun, undoneBy } from '@reel/contracts/address.ts';
import { answerProposed } from '@reel/contracts/answer.ts';
import type { Draft, Json, JsonSchema } from '@reel/contracts/envelope.ts';
import { type Family, families } from '@reel/contracts/judged.ts';
import { approvedPlan, approvedPlans, isApproved } from '@reel/contracts/run/approved.ts';
import { circuitOpenBefore } from '@reel/contracts/run/tries.ts';
import { closingCompleted, runDenied, runRequested } from '@reel/contracts/run.ts';
import { type Call, stepFailed, stepRequested, stepSucceeded } from '@reel/contracts/step.ts';
import type { EventOf } from '@reel/contracts/story.ts';
import type { Compensation, Effect, ToolDefinition } from '@reel/contracts/tool.ts';
import { undoFailed, undoSucceeded } from '@reel/contracts/undo.ts';
import { type Question as Doubtful, effectOf, levelsOf, type PlannedAttempt, plannedAs, usesOf } from '@reel/contracts/workflow/attempt.ts';
import type { Workflow } from '@reel/contracts/workflow/format.ts';
import { isReasoning } from '@reel/contracts/workflow/reasoning.ts';
import { candidatesFor } from '@reel/contracts/workflow/route.ts';
import type { Judge, Question } from './cedar.ts';
import { findingsIn } from './detect/findings.ts';
import { aboutCall, aboutWorkflow, type Run, toolOf } from './question.ts';
import { withheldFrom } from './withheld.ts';

/** A reason to deny a request regardless of the policies. */
type Objection = { readonly code: string; readonly message: string };

const object = (code: string, message: string): Objection => ({ code, message });

export function judgeRun(event: EventOf<'run.request.requested'>, judge: Judge): Draft {
  const run = event.data;
  const asked = { goal: run.goal?.text ?? null, input: run.input };
  const draft = verdict('run', event.at, run, judge, () => ({
    action: 'run',
    ...aboutWorkflow(event.at, run),
    findings: () => findingsIn(asked),
  }));
  if (run.goal === undefined || draft.type === runDenied.type) return draft;
  const withheld = withheldFrom(event.at, run, judge);
  return withheld.length === 0 ? draft : { ...draft, data: { ...(draft.data as object), withheld } };
}

export function judgePlan(event: EventOf<'plan.proposal.proposed'>, history: History, judge: Judge): Draft {
  const { plan } = event.data;
  const run = history.find(runRequested, theRun)?.data;
  if (run === undefined || !isApproved(history, theRun)) return denied('plan', event.at, event.data, judge, noApprovedRun);
  if (turned(history)) return denied('plan', event.at, event.data, judge, runTurned);
  const about = aboutWorkflow(event.at, run);
  const attempts = plan.steps.flatMap((step) => (step.fallback === undefined ? [step] : [step, step.fallback]));
  const outline = { steps: plan.steps.length, uses: [...new Set(attempts.map(usesOf))] };
  const context = { ...about.context, plan: outline };
  const question = (): Question => ({ action: 'plan', ...about, context, findings: () => findingsIn(plan as unknown as Json) });
  return verdict('plan', event.at, event.data, judge, question, reviewing(run, plan, approvedPlan(history)));
}

/** With `review`, the requester approves each part of a goal's plan that is new to them. */
function reviewing({ goal }: Run, plan: Workflow, before: Workflow | undefined): Asking | undefined {
  const seen = new Set(before?.steps.map(({ id }) => id));
  const added = plan.steps.filter((step) => !isReasoning(step) && !seen.has(step.id)).map(({ id }) => id);
  if (goal?.review !== true || added.length === 0) return undefined;
  return { prompts: [`Carry out this plan? ${before === undefined ? 'Its' : 'Its new'} steps are: ${added.join(', ')}`], always: true };
}

/** Hears that the answer was checked; what is judged is the answer. */
export function judgeAnswer(event: EventOf<'answer.check.accepted'>, history: History, judge: Judge): Draft {
  const proposal = history.find(answerProposed, event.at)?.data;
  const run = history.find(runRequested, theRun)?.data;
  if (run === undefined || proposal === undefined || approvedPlan(history) === undefined) {
    return denied(
      'answer',
      event.at,
      proposal ?? {},
      judge,
      object('no-approved-plan', 'no plan of this run was approved, so it has no answer'),
    );
  }
  if (turned(history)) return denied('answer', event.at, proposal, judge, runTurned);
  const about = aboutWorkflow(event.at, run);
  const context = { ...about.context, answer: proposal.answer };
  const findings = () => findingsIn(proposal.answer);
  return verdict('answer', event.at, proposal, judge, () => ({ action: 'answer', ...about, context, findings }));
}

export function judgeStep(event: EventOf<'step.request.requested'>, history: History, judge: Judge): Draft {
  const { at, data } = event;
  const run = history.find(runRequested, theRun)?.data;
  const objection = run === undefined ? noApprovedRun : objectionToStep(at, data.call, run, history);
  if (run === undefined || objection !== undefined) return denied('step', at, data, judge, objection as Objection);
  return verdict('step', at, data, judge, () => aboutCall('step', at, at, data.call, run), asking(at.kind, data.call));
}

export function judgeUndo(event: EventOf<'undo.request.requested'>, history: History, judge: Judge): Draft {
  const { at, data } = event;
  const run = history.find(runRequested, theRun)?.data;
  const objection = run === undefined ? noApprovedRun : objectionToUndo(at, data.call, run, history);
  if (run === undefined || objection !== undefined) return denied('undo', at, data, judge, objection as Objection);
  const undone = undoneBy(at);
  return verdict('undo', at, data, judge, () => aboutCall('undo', at, undone, data.call, run), asking(undone.kind, data.call));
}

const noApprovedRun = object('no-approved-run', 'the run itself was not approved');
const runTurned = object('run-closing', 'the run is closing: only undos may begin');

/** True when the closing is decided, even if the entry cannot be read. */
const turned = (history: History): boolean => history.occupant(theRun, 'closing') !== undefined;

function objectionToStep(at: Place, call: Call, run: Run, history: History): Objection | undefined {
  if (turned(history)) return runTurned;
  const plan = approvedPlan(history);
  if (plan === undefined) return object('no-approved-plan', 'no plan of this run was approved, so none of its steps may be done');
  const planned = plannedAs(plan, at.id);
  if (planned === undefined) return object('not-in-plan', `the approved plan has no step "${at.id}"`);
  const { attempt, attempts } = planned;
  if (attempt.kind !== at.kind || !mayUse(attempt, call.uses, run)) {
    const plans = `${attempt.kind} "${usesOf(attempt)}"`;
    return object('not-in-plan', `the approved plan has ${plans} as step "${at.id}", and asked for is ${at.kind} "${call.uses}"`);
  }
  if (at.n - circuitOpenBefore(history, at) > attempts)
    return object('not-in-plan', `attempt ${at.n} of step "${at.id}": the approved plan allows ${attempts}`);
  const tool = at.kind === 'tool' ? toolOf(run, call.uses) : undefined;
  const differs = at.kind === 'tool' ? toolDiffers(call, tool) : effectDiffers(call, effectOf(attempt));
  return differs ?? compensationDiffers(call, attempt.compensate ?? tool?.compensation);
}

/** What performs it is in the plan; which model is asked, as long as it fits, is not. */
const mayUse = (attempt: PlannedAttempt, uses: string, { models = [] }: Run): boolean =>
  attempt.kind === 'model' ? candidatesFor(attempt, models).some(({ name }) => name === uses) : usesOf(attempt) === uses;

function objectionToUndo(at: Place, call: Call, run: Run, history: History): Objection | undefined {
  if (!turned(history) || history.find(closingCompleted, theRun) !== undefined) {
    return object('not-closing', 'nothing is undone while the run goes on, nor when it has been completed');
  }
  if (at.kind === ASKED) return objectionToAsking(at, call, history);
  const undone = undoneBy(at);
  const named = `attempt ${undone.n} of ${undone.kind} "${undone.id}"`;
  const declared = isApproved(history, undone) ? history.find(stepRequested, undone)?.data.call.compensation : undefined;
  if (declared === undefined) return object('undeclared-undo', `${named} was not approved with a compensation, so nothing may undo it`);
  if (declared.uses !== call.uses) {
    return object('undeclared-undo', `${named} was approved to be undone by "${declared.uses}", and asked for is "${call.uses}"`);
  }
  return undone.kind === 'tool' ? toolDiffers(call, toolOf(run, call.uses)) : undefined;
}

/** A question about an attempt or undo may go only to the people of the plan, and only while the outcome is unknown. */
function objectionToAsking(at: Place, call: Call, history: History): Objection | undefined {
  const { attempt } = call.arguments as Partial<Doubtful>;
  const isUndo = attempt !== undefined && aboutOf(attempt.kind) === 'undo';
  const step = isUndo ? undoneBy(attempt) : attempt;
  if (attempt === undefined || step === undefined || at.id !== askedAbout(step, at.n).id || !isApproved(history, step))
    return object('not-in-doubt', `${at.id} is not about an approved attempt, so no question about it is allowed`);
  const outcome = history.occupant(attempt, 'outcome');
  const isKnown = outcome !== undefined && !isInvalid(outcome) && KNOWN.has(outcome.type);
  if (outcome === undefined || isKnown)
    return object('not-in-doubt', `what became of attempt ${attempt.n} at ${attempt.kind} "${attempt.id}" is known, or not to be told yet`);
  if (!approvedPlans(history).some((plan) => levelsOf(plan).some(({ to }) => to === call.uses)))
    return object('not-in-plan', `"${call.uses}" is none of those whom an approved plan would ask`);
  return effectDiffers(call, 'read-only');
}

const KNOWN = new Set<string>([stepSucceeded, stepFailed, undoSucceeded, undoFailed].map(({ type }) => type));

function toolDiffers({ uses, effect, definition }: Call, tool: ToolDefinition | undefined): Objection | undefined {
  if (tool === undefined) return object('tool-differs', `"${uses}" is none of the tools that the run was requested with`);
  if (definition !== tool.digest) {
    return object('tool-differs', `"${uses}" is asked for as ${definition ?? 'any definition'}; the run was requested with ${tool.digest}`);
  }
  return effectDiffers({ effect }, tool.effect);
}

function effectDiffers({ effect }: Pick<Call, 'effect'>, declared: Effect): Objection | undefined {
  return effect === declared ? undefined : object('tool-differs', `it is asked for as ${effect}, and declared as ${declared}`);
}

function compensationDiffers({ compensation }: Call, declared: Compensation | undefined): Objection | undefined {
  if (compensation === declared) return undefined;
  if (compensation !== undefined && declared !== undefined && canonical(compensation) === canonical(declared)) return undefined;
  const words = (one: Compensation | undefined): string => (one === undefined ? 'none' : canonical(one));
  return object('compensation-differs', `the compensation is ${words(compensation)}; the plan or its tool declares ${words(declared)}`);
}

/** What a person is asked, where one is. */
type Asking = { readonly prompts: readonly string[]; readonly always: boolean; readonly form?: JsonSchema | undefined };

/** A step that a person performs is held for them whenever it is permitted. */
function asking(kind: string, { prompt, form }: Call): Asking {
  const always = kind === 'person';
  return { prompts: prompt === undefined ? [] : [prompt], always, form };
}

function verdict(family: Family, at: Parts, data: unknown, judge: Judge, question: () => Question, asked?: Asking): Draft {
  const opinion = judge.ask(question());
  const grounds = { policies: opinion.policies, policySet: judge.digest, question: digestOf(data) };
  const { approved, held, denied: refused } = families[family];
  if (!opinion.allowed) return refused(at, { ...grounds, problem: { ...opinion.problem, ...inStep(at) } });
  if (opinion.holds.length === 0 && asked?.always !== true) return approved(at, grounds);
  const prompts = [...(asked?.prompts ?? []), ...opinion.holds];
  const prompt = prompts.length > 0 ? prompts.join('\n') : `"${at.id}" waits for a person`;
  return held(at, { ...grounds, prompt, ...(asked?.form === undefined ? {} : { form: asked.form }) });
}

function denied(family: Family, at: Parts, data: unknown, judge: Judge, objection: Objection): Draft {
  const problem = { ...objection, retryable: false, ...inStep(at) };
  return families[family].denied(at, { policies: [], policySet: judge.digest, question: digestOf(data), problem });
}

function inStep(at: Place): { step?: string } {
  const about = aboutOf(at.kind);
  return about === 'step' ? { step: at.id } : about === 'undo' ? { step: undoneBy(at).id } : {};
}
