/** Rules about plans and what is asked for by them: in order, from an approved plan, when what it waits for is over. */
import { planRevision, theRun } from '@reel/contracts/address.ts';
import { planProposed } from '@reel/contracts/plan.ts';
import { effectOf, plannedAs, usesOf } from '@reel/contracts/workflow/attempt.ts';
import type { WorkflowStep } from '@reel/contracts/workflow/format.ts';
import { withRegistered } from '@reel/contracts/workflow/registered.ts';
import { candidatesFor } from '@reel/contracts/workflow/route.ts';
import type { Entry } from '../history.ts';
import { canonical, digestOf } from '../runtime/digest.ts';
import { hasResult, tryOf } from './derived.ts';
import { rule } from './rule.ts';
import { type AttemptFacts, answerOf, callOf, isQuestion, nameOf, said, seqOf, setBackBefore, type View } from './view.ts';

const asked = ({ slots }: AttemptFacts): Entry | undefined => slots.get('request') ?? slots.get('proposal');
const before = (view: View, { at }: AttemptFacts): AttemptFacts | undefined => view.spot({ ...at, n: at.n - 1 });
const isRepeated = ({ about, at }: AttemptFacts): boolean => ['step', 'undo', 'plan', 'answer'].includes(about) && at.n > 1;

/** The service that requested it decided on the run up to and including the fact that this answers. */
const decidedAt = (view: View, fact: Entry): number => ('cause' in fact ? (view.byAddress.get(fact.cause)?.seq ?? fact.seq) : fact.seq);

const counted = rule('counted', 'Attempts and revisions are counted from 1, without gaps.', (view, tell) => {
  for (const spot of view.spots) {
    const question = asked(spot);
    if (question === undefined || !isRepeated(spot)) continue;
    const earlier = before(view, spot);
    if (earlier === undefined || seqOf(asked(earlier)) > question.seq)
      tell(question, `it was asked for before ${nameOf({ ...spot.at, n: spot.at.n - 1 })}`);
  }
});

const repeated = rule(
  'repeated',
  'Something is tried again only when it came to nothing before, and when its time has come.',
  (view, tell) => {
    for (const spot of view.spots) {
      const question = asked(spot);
      const earlier = before(view, spot);
      if (question === undefined || earlier === undefined || seqOf(asked(earlier)) > question.seq) continue;
      if ((spot.about !== 'step' && spot.about !== 'undo') || isQuestion(spot)) continue;
      const { retry, wake } = Object.fromEntries(earlier.slots);
      if (!setBackBefore(earlier, question.seq)) tell(question, `${nameOf(earlier.at)} had not come to nothing`);
      else if (seqOf(retry) < question.seq && seqOf(wake) > question.seq) tell(question, 'it was to wait, and its time had not come');
    }
  },
);

const asRequested = rule('as-requested', 'A run without a goal is planned as it was requested.', ({ whole, request }, tell) => {
  const plan = whole.find(planProposed, planRevision(1));
  if (plan === undefined || request === undefined || request.data.goal !== undefined) return;
  const { workflow, tools } = request.data;
  // Earlier versions wrote less of the registrations into the plan.
  const [found, expected] = [plan.data.plan, workflow].map((one) => digestOf({ ...one, steps: withRegistered(one.steps, tools) }));
  if (found !== expected) tell(plan, 'it is not the workflow that was requested');
});

const abandoned = rule('abandoned', 'What was abandoned is not planned any further.', (view, tell) => {
  const given = view.spots.find(({ about, slots }) => about === 'plan' && answerOf(slots.get('proposal')) === 'abandoned');
  if (given === undefined) return;
  for (const { about, at, slots } of view.spots) {
    const proposal = slots.get('proposal');
    if (about === 'plan' && proposal !== undefined && at.n > given.at.n) tell(proposal, `the plan was abandoned at revision ${given.at.n}`);
  }
});

const admitted = rule('admitted', 'Nothing is planned of a run but of one that was let begin.', ({ whole, spots }, tell) => {
  const leave = ['verdict', 'ruling'].map((slot) => whole.occupant(theRun, slot));
  const given = leave.find((entry) => ['approved', 'granted'].includes(answerOf(entry) as string));
  for (const { about, slots } of spots) {
    const proposal = slots.get('proposal');
    if (about === 'plan' && proposal !== undefined && proposal.seq < seqOf(given)) tell(proposal, 'the run had not been let begin');
  }
});

const planned = rule('planned', 'Nothing is asked for, skipped or answered but by a plan that was approved.', (view, tell) => {
  for (const spot of view.spots) {
    const question = asked(spot);
    if (question === undefined || (spot.about !== 'step' && spot.about !== 'answer')) continue;
    const plans = view.plansAt(decidedAt(view, question));
    if (plans.length === 0) tell(question, 'no plan had been approved');
    else if (spot.about === 'step' && !plans.some((plan) => plannedAs(plan, spot.at.id) !== undefined))
      tell(question, `no approved plan has "${spot.at.id}"`);
  }
});

const asPlanned = rule(
  'as-planned',
  'A step that is let happen is as the approved plan has it: by whom, with what tool and effect, undone by what, how often.',
  (view, tell) => {
    for (const spot of view.spots) {
      const verdict = spot.slots.get('verdict');
      const call = callOf(spot);
      if (
        spot.about !== 'step' ||
        call === undefined ||
        verdict === undefined ||
        !['approved', 'held'].includes(answerOf(verdict) as string)
      )
        continue;
      const plan = view.planAt(seqOf(spot.slots.get('request')));
      const entry = plan === undefined ? undefined : plannedAs(plan, spot.at.id);
      if (entry === undefined) {
        tell(verdict, `the approved plan does not have "${spot.at.id}"`);
        continue;
      }
      const { attempt, attempts } = entry;
      const { models = [], tools = {} } = view.request?.data ?? {};
      const may =
        attempt.kind === 'model' ? candidatesFor(attempt, models).some(({ name }) => name === call.uses) : usesOf(attempt) === call.uses;
      const tool = spot.at.kind === 'tool' ? tools[call.uses] : undefined;
      if (attempt.kind !== spot.at.kind || !may)
        tell(verdict, `it is ${spot.at.kind} "${call.uses}", and planned is ${attempt.kind} "${usesOf(attempt)}"`);
      else if (tryOf(view.entries, spot.at) > attempts) tell(verdict, `it is attempt ${spot.at.n}, and the plan allows ${attempts}`);
      else if (tool !== undefined && call.definition !== tool.digest)
        tell(verdict, `"${call.uses}" is not the tool that the run was requested with`);
      else if (call.effect !== (tool?.effect ?? effectOf(attempt))) tell(verdict, `it is let happen as ${call.effect}, which it is not`);
      else if (canonical(call.compensation ?? null) !== canonical(attempt.compensate ?? tool?.compensation ?? null))
        tell(verdict, 'it is undone otherwise than was declared');
    }
  },
);

/** A step with a condition may be passed over, which is worked out and need not be stored yet. */
const mayBePassed = (step: WorkflowStep): boolean => step.when !== undefined || (step as { optional?: boolean }).optional === true;

const inTurn = rule(
  'in-turn',
  'A step is asked for when what it waits for is over, and the answer is proposed when everything is.',
  (view, tell) => {
    for (const spot of view.spots) {
      const question = asked(spot);
      if (question === undefined || (spot.about !== 'step' && spot.about !== 'answer')) continue;
      const seq = decidedAt(view, question);
      const plan = view.planAt(seq);
      const entry = plan === undefined ? undefined : plannedAs(plan, spot.at.id);
      if (plan === undefined || (spot.about === 'step' && (entry?.role !== 'step' || spot.at.n > 1))) continue;
      const waitsFor = new Set(spot.about === 'step' ? entry?.step.dependsOn : plan.steps.map(({ id }) => id));
      for (const step of plan.steps) {
        if (!waitsFor.has(step.id) || mayBePassed(step) || hasResult(view.entries, step, seq)) continue;
        tell(question, `step "${step.id}" was not over`);
        break;
      }
    }
  },
);

const skipped = rule('skipped', 'What is skipped has a condition, and is not done all the same.', (view, tell) => {
  for (const { about, at, slots } of view.spots) {
    const request = slots.get('request');
    if (about !== 'step' || request === undefined || answerOf(request) !== 'skipped') continue;
    const when = view.planAt(decidedAt(view, request))?.steps.find(({ id }) => id === at.id)?.when;
    if (when === undefined || String(when) !== said(request)['when'])
      tell(request, `its condition is ${when === undefined ? 'none' : `"${when}"`} in the plan`);
    else if (at.n > 1) tell(request, 'it had been tried before');
  }
});

export const aboutPlans = [counted, repeated, asRequested, abandoned, admitted, planned, asPlanned, inTurn, skipped];
