/** For the tests: the runs of `runs.ts` in other forms. */
import { type Place, theRun } from '@reel/contracts/address.ts';
import type { Draft } from '@reel/contracts/envelope.ts';
import * as r from '@reel/contracts/run.ts';
import * as s from '@reel/contracts/step.ts';
import type { ToolDefinition } from '@reel/contracts/tool.ts';
import { Workflow } from '@reel/contracts/workflow/format.ts';
import { withRegistered } from '@reel/contracts/workflow/registered.ts';
import { asked, callOf, completed, done, failed, harmless, problem, tools, undone } from './runs.ts';
import { after, both, changed, type Line, placed, saying } from './scene.ts';

const line = (draft: unknown, more: Omit<Line, 'draft'> = {}): Line => ({ draft: draft as Draft, ...more });
const other = (draft: unknown) => ({ draft: draft as Draft });
const c = placed('tool.c.1');

/** The workflow of all of them, with something else in it. */
export const planned = (data: object): Workflow =>
  Workflow.parse({ ...((completed[2] as Line).draft.data as { plan: object }).plan, ...data });

/** The same, planned where these tools were registered. */
export const plannedWith = (offered: { readonly [name: string]: ToolDefinition }): Workflow =>
  planned({ steps: withRegistered(planned({}).steps, offered) });

const registered = { ...tools, book: { ...tools.book, retry: { attempts: 2, delayMs: 0 }, withinMs: 600_000 } };
/** The run that completes, with a registration that says more of its tools, as earlier versions planned it. */
export const plannedBefore = saying('run.run.1.request', { tools: registered })(completed);
/** The same, as it is planned now. */
export const plannedNow = saying('plan.plan.1.proposal', { plan: plannedWith(registered) })(plannedBefore);

/** A step that was begun, timed out, and was left behind: and then it was done after all. */
export const lateAfterEnd = both(
  changed('tool.c.1.outcome', (one) => ({ ...one, ...other(s.stepTimedOut(c, { problem })) })),
  changed('run.run.1.outcome', (one) => ({
    ...one,
    ...other(r.runStranded(theRun, { problem, undone: [], stranded: [{ ...c, problem }] })),
  })),
  after('run.run.1.outcome', line(s.stepLate(c, { output: 1 }), { answers: 'tool.c.1.verdict' })),
)(harmless);

/** The undos in the order of doing. */
export function swapped(lines: readonly Line[]): Line[] {
  const first = lines.findIndex(({ draft: { at } }) => at.id === 'c-1');
  const [head, last, ofA, tail] = [
    lines.slice(0, first),
    lines.slice(first, first + 4),
    lines.slice(first + 4, first + 8),
    lines.slice(first + 8),
  ];
  const answering = (answers: string, [one, ...rest]: readonly Line[]): Line[] => [{ ...(one as Line), answers }, ...rest];
  return [...head, ...answering('tool.d.1.outcome', ofA), ...answering('undo-tool.a-1.1.outcome', last), ...tail];
}

/** With one more step in the plan, of which this is said when that is approved. */
export function withStep(step: object, ...lines: Line[]): (log: readonly Line[]) => Line[] {
  const call = 'uses' in step ? [callOf(step.uses as 'cancel')] : [];
  const workflow = planned({ steps: [...planned({}).steps, { id: 'x', uses: 'book', ...step }] });
  return both(
    saying('run.run.1.request', { workflow }),
    saying('plan.plan.1.proposal', { plan: workflow }),
    after('plan.plan.1.verdict', ...asked('tool.x.1', 'plan.plan.1.verdict', ...call), ...lines),
  );
}

/** With a step that comes late, while the first of these is being undone: it is undone between the two. */
export function withLate(first: Place, last: Place): Line[] {
  const x = placed('tool.x.1');
  const undoing = failed.findIndex(({ draft }) => draft.at.kind === 'undo-tool');
  return [
    ...withStep({}, line(s.stepStarted(x, { nonce: 'x' })))(failed.slice(0, undoing)),
    line(s.stepTimedOut(x, { problem }), { answers: 'tool.x.1.verdict' }),
    ...undone(first, 'tool.x.1.outcome'),
    line(s.stepLate(x, { output: 1 }), { answers: 'tool.x.1.verdict' }),
    ...undone(x, `undo-tool.${first.id}-1.1.outcome`),
    ...undone(last, 'undo-tool.x-1.1.outcome'),
    line(r.runFailed(theRun, { problem, undone: [first, x, last] }), { answers: `undo-tool.${last.id}-1.1.outcome` }),
  ];
}

/** With a step that is done beside the others under a condition, so that nothing rests on it. */
export const beside = (lines: readonly Line[]): Line[] => withStep({ when: 'true' }, ...done('tool.x.1'))(lines);
