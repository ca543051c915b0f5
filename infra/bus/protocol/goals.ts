/** Rules about goals: plans are revised and repaired a few times only, and made without the tools that are withheld. */
import { theRun } from '@reel/contracts/address.ts';
import type { Event } from '@reel/contracts/envelope.ts';
import { planProposed } from '@reel/contracts/plan.ts';
import { isPlanning } from '@reel/contracts/workflow/reasoning.ts';
import { rule } from './rule.ts';
import { callOf, said, type View } from './view.ts';

const REVISIONS = 3;
const REPAIRS = 2;

/** What was asked of models about the plan, in the order of its revisions: for a plan, a repair, a revision. */
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

const withheld = rule('withheld', 'No model plans with a tool that whoever asked may not use.', ({ spots, whole }, tell) => {
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

export const aboutGoals = [revised, repaired, withheld];
