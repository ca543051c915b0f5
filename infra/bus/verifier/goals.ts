/** Rules about goals: plans are revised and repaired a few times only, and made without the tools that are withheld. */
import { theRun } from '@reel/contracts/address.ts';
import type { Event } from '@reel/contracts/envelope.ts';
import { planProposed } from '@reel/contracts/plan.ts';
import type { Workflow } from '@reel/contracts/workflow/format.ts';
import { isPlanning } from '@reel/contracts/workflow/reasoning.ts';
import { rule } from './rule.ts';
import { type AttemptFacts, answerOf, callOf, said, seqOf, type View } from './view.ts';

const REVISIONS = 3;
const REPAIRS = 2;
const STAGES = 10;

/** What was asked of models about the plan, in the order of its revisions: for a plan, a repair, a revision, what comes next. */
function tasksOf({ facts }: View): { readonly task: unknown; readonly fact: Event }[] {
  const proposals = facts.filter(({ type }) => type === planProposed.type).sort((a, b) => a.at.n - b.at.n);
  return proposals.flatMap((fact) => {
    const { plan } = fact.data as { plan: { steps: { id: string; kind: string; with: { [name: string]: unknown } }[] } };
    const asking = plan.steps.find(isPlanning);
    return asking === undefined ? [] : [{ task: asking.with['task'], fact }];
  });
}

const revised = rule('revised', `The plan of a goal is revised ${REVISIONS} times at most.`, (view, tell) => {
  const revisions = tasksOf(view).filter(({ task }) => task === 'revise');
  for (const { fact } of revisions.slice(REVISIONS)) tell(fact, `the plan had been revised ${REVISIONS} times`);
});

const repaired = rule('repaired', `A plan that cannot be carried out is repaired ${REPAIRS} times in a row at most.`, (view, tell) => {
  let inARow = 0;
  for (const { task, fact } of tasksOf(view)) {
    inARow = task === 'repair' ? inARow + 1 : 0;
    if (inARow > REPAIRS) tell(fact, `the plan had been repaired ${REPAIRS} times in a row`);
  }
});

const withheld = rule('withheld', 'No model plans with a tool that the requester may not use.', ({ spots, whole }, tell) => {
  const names = new Set((said(whole.occupant(theRun, 'verdict'))['withheld'] ?? []) as string[]);
  if (names.size === 0) return;
  for (const spot of spots) {
    const request = spot.slots.get('request');
    const call = callOf(spot);
    if (spot.about !== 'step' || request === undefined || call === undefined || !isPlanning(spot.at)) continue;
    const tools = Array.isArray(call.arguments['tools']) ? (call.arguments['tools'] as { name?: string }[]) : [];
    const shown = tools.map(({ name }) => name).filter((name) => name !== undefined && names.has(name));
    if (shown.length > 0) tell(request, `it is shown ${shown.join(', ')}, which is withheld`);
  }
});

const stages = rule(
  'stages',
  `A goal is planned on ${STAGES} times at most, each time with all the steps before it over.`,
  (view, tell) => {
    const continued = tasksOf(view).filter(({ task }) => task === 'continue');
    for (const { fact } of continued.slice(STAGES)) tell(fact, `it had been planned on ${STAGES} times`);
    for (const { fact } of continued) {
      const { steps } = (fact.data as { plan: { steps: { id: string; kind: string; dependsOn: string[] }[] } }).plan;
      const asking = steps.find(isPlanning);
      const waited = new Set([
        ...steps.filter((step) => step !== asking).flatMap(({ dependsOn }) => dependsOn),
        ...(asking?.dependsOn ?? []),
      ]);
      const left = steps.find((step) => step !== asking && !waited.has(step.id));
      if (left !== undefined) tell(fact, `planning on does not wait for step "${left.id}"`);
    }
  },
);

/** Something that a planning step gave, and that was accepted: with what it leaves for later. */
const isLeft = (spot: AttemptFacts): boolean =>
  typeof (said(spot.slots.get('outcome'))['output'] as { more?: unknown } | undefined)?.more === 'string';

const wholly = rule('wholly', 'What a model leaves to be planned later is planned later, and no answer is given before.', (view, tell) => {
  const proposals = view.facts.filter(({ at }) => at.kind === 'plan' && at.slot === 'proposal');
  for (const spot of view.spots) {
    const { about, at, slots } = spot;
    const proposal = slots.get('proposal');
    if (about === 'answer' && proposal !== undefined && answerOf(proposal) === 'proposed') {
      const asking = view.planAt(proposal.seq)?.steps.find(isPlanning);
      if (asking !== undefined) tell(proposal, `the plan has yet to be made in "${asking.id}"`);
    }
    const check = slots.get('check');
    if (about !== 'step' || !isPlanning(at) || answerOf(check) !== 'accepted' || !isLeft(spot)) continue;
    const next = proposals.find(({ seq }) => seq > seqOf(check));
    const isComplete =
      next !== undefined && answerOf(next) === 'proposed' && !(next.data as { plan: Workflow }).plan.steps.some(isPlanning);
    if (isComplete) tell(next, `"${at.id}" has left something to be planned later`);
  }
});

export const aboutGoals = [revised, repaired, withheld, stages, wholly];
