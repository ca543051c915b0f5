/** For the tests: for every rule of the protocol a run that breaks it and no other. */
import { answerRevision, planRevision, theRun, undoOf } from '@reel/contracts/address.ts';
import type { Draft } from '@reel/contracts/envelope.ts';
import { faultRaised } from '@reel/contracts/fault.ts';
import { planProposed } from '@reel/contracts/plan.ts';
import * as r from '@reel/contracts/run.ts';
import * as s from '@reel/contracts/step.ts';
import * as u from '@reel/contracts/undo.ts';
import { voteCast, voteDenied } from '@reel/contracts/vote.ts';
import { type Case, casesInDoubt } from './doubtful.ts';
import { asked, callOf, completed, DEADLINE_MS, failed, grounds, harmless, problem, tools } from './runs.ts';
import { after, both, changed, type Line, moved, placed, saying, without } from './scene.ts';
import { goalCases } from './spoilt-goals.ts';
import { beside, lateAfterEnd, planned, plannedWith, swapped, withLate } from './variants.ts';

const line = (draft: unknown, more: Omit<Line, 'draft'> = {}): Line => ({ draft: draft as Draft, ...more });
const other = (draft: unknown) => ({ draft: draft as Draft });
export const later = DEADLINE_MS + 3_600_000;
const [a, c] = [placed('tool.a.1'), placed('tool.c.1')];

/** With what is told of `d` told of this step instead, on the way to the turn, which came first; and with its success after the end. */
export const outrun = (spot: string, call: object, ...start: Line[]): Line[] => {
  const answers = 'plan.plan.1.verdict';
  const [request, verdict] = asked(spot, answers, call) as [Line, Line];
  const onTheWay = (one: Line): Line => ({ ...one, answers });
  return both(
    without('tool.d.1.request', 'tool.d.1.verdict', 'tool.d.1.outcome'),
    after('run.run.1.turn', request, ...[verdict, ...start].map(onTheWay)),
    after('run.run.1.outcome', onTheWay(line(s.stepSucceeded(placed(spot), { output: 1 })))),
  )(harmless);
};

export const cases: readonly Case[] = [
  ...casesInDoubt,
  {
    rule: 'readable',
    when: 'rubbish stands in a slot',
    log: changed('tool.s.1.request', (one) => ({ ...one, unreadable: true }))(completed),
  },
  {
    rule: 'founded',
    when: 'somebody rules on what was not held',
    log: after('tool.a.1.verdict', line(s.stepGranted(a, { who: 'eve', why: 'so', vote: 'v' })))(completed),
  },
  { rule: 'founded', when: 'something is performed that nobody approved', log: without('tool.d.1.verdict')(failed) },
  { rule: 'founded', when: 'a run ends that has not turned', log: without('run.run.1.turn')(harmless) },
  {
    rule: 'founded',
    when: 'a plan is judged that nobody proposed',
    log: after('plan.plan.2.proposal', line({ ...harmless[3]?.draft, at: planRevision(3) }))(harmless),
  },
  {
    rule: 'once',
    when: 'a slot is decided again',
    log: after('run.run.1.outcome', line(completed.at(-1)?.draft, { answers: 'run.run.1.turn' }))(completed),
  },
  {
    rule: 'begun',
    when: 'something is said before the run was requested',
    log: [
      line({ type: 'run.control.paused', slot: 'control', at: theRun, data: {} }),
      { ...completed[0], answers: 'run.run.1.request' } as Line,
      ...completed.slice(1),
    ],
  },
  {
    rule: 'told',
    when: 'somebody says what is for another to say',
    log: changed('tool.a.1.check', (one) => ({ ...one, by: 'planner' }))(completed),
  },
  {
    rule: 'told',
    when: 'a performer speaks of what another performs',
    log: changed('tool.a.1.start', (one) => ({ ...one, by: 'desk' }))(completed),
  },
  { rule: 'told', when: 'nobody knows who says it', log: changed('tool.a.1.start', (one) => ({ ...one, by: 'stranger' }))(completed) },
  {
    rule: 'caused',
    when: 'a fact answers what is not there',
    log: changed('tool.a.1.check', (one) => ({ ...one, answers: 'tool.z.1.outcome' }))(completed),
  },
  {
    rule: 'caused',
    when: 'a fact answers what came later',
    log: changed('tool.a.1.check', (one) => ({ ...one, answers: 'run.run.1.turn' }))(completed),
  },
  {
    rule: 'caused',
    when: 'a fact answers itself',
    log: changed('tool.a.1.check', (one) => ({ ...one, answers: 'tool.a.1.check' }))(completed),
  },
  {
    rule: 'faulted',
    when: 'a fault is about what stands elsewhere',
    log: after(
      'tool.a.1.check',
      line(faultRaised({ kind: 'fault', id: 'planner', n: 99 }, { event: 'reel.0.R.tool.a.1.check', problem })),
    )(completed),
  },
  {
    rule: 'judged-as-asked',
    when: 'a verdict is about other arguments',
    log: saying('tool.a.1.verdict', { question: 'sha256:other' })(completed),
  },
  {
    rule: 'voted-on-held',
    when: 'somebody votes on what was approved',
    log: after(
      'tool.a.1.verdict',
      line(voteCast(placed('vote.bob.1'), { question: 'reel.0.R.tool.a.1.verdict', decision: 'refuse', who: 'bob', why: 'no' })),
      line(voteDenied(placed('vote.bob.1'), { ...grounds, problem })),
    )(completed),
  },
  { rule: 'ruled-as-voted', when: 'a ruling is said to be by another', log: saying('person.q.1.ruling', { who: 'bob' })(completed) },
  {
    rule: 'ruled-as-voted',
    when: 'a vote against is taken for one in favour',
    log: saying('vote.eve.1.request', { decision: 'refuse' })(completed),
  },
  {
    rule: 'denied-is-no-vote',
    when: 'a vote that was denied is ruled by',
    log: after('vote.eve.1.request', line(voteDenied(placed('vote.eve.1'), { ...grounds, problem })))(completed),
  },
  { rule: 'started-first', when: 'an effect is told of that nobody started', log: without('tool.a.1.start')(completed) },
  {
    rule: 'started-first',
    when: 'an effect is told of that had been withdrawn',
    log: changed('tool.a.1.start', () => ({ ...line(s.stepWithdrawn(a, { problem })), answers: 'tool.a.1.verdict' }))(completed),
  },
  {
    rule: 'late-after-all',
    when: 'something comes late that had come in time',
    log: after('tool.a.1.check', line(s.stepLate(a, { output: 1 })))(completed),
  },
  {
    rule: 'undone-as-declared',
    when: 'something else undoes it than what it declared',
    log: saying('undo-tool.a-1.1.request', { call: callOf('cancel', { uses: 'book' }) })(failed),
  },
  {
    rule: 'counted',
    when: 'a revision is left out',
    log: completed.map((one) => (one.draft.at.kind === 'answer' ? { ...one, draft: { ...one.draft, at: answerRevision(2) } } : one)),
  },
  {
    rule: 'repeated',
    when: 'what has succeeded is tried again',
    log: both(
      changed('tool.b.1.outcome', (one) => ({ ...one, ...other(s.stepSucceeded(placed('tool.b.1'), { output: 1 })) })),
      after('tool.b.1.outcome', line(s.stepAccepted(placed('tool.b.1'), {}))),
    )(completed),
  },
  {
    rule: 'repeated',
    when: 'nobody waits for the time to try again',
    log: changed('tool.b.2.request', (one) => ({ ...one, answers: 'tool.b.1.retry' }))(without('tool.b.1.wake')(completed)),
  },
  {
    rule: 'as-requested',
    when: 'the plan is not the workflow',
    log: saying('plan.plan.1.proposal', { plan: planned({ description: 'better' }) })(completed),
  },
  {
    rule: 'as-requested',
    when: 'the plan has retries that neither the workflow nor the tool has',
    log: saying('plan.plan.1.proposal', {
      plan: plannedWith({ ...tools, look: { ...tools.look, retry: { attempts: 9, delayMs: 0 } } }),
    })(completed),
  },
  {
    rule: 'as-requested',
    when: 'the plan has a time for a step that neither the workflow nor the tool has',
    log: saying('plan.plan.1.proposal', { plan: plannedWith({ ...tools, look: { ...tools.look, withinMs: 60_000 } }) })(completed),
  },
  {
    rule: 'abandoned',
    when: 'there is a plan after all',
    log: after('plan.plan.2.proposal', line(planProposed(planRevision(3), { plan: planned({}) })))(harmless),
  },
  {
    rule: 'admitted',
    when: 'a run is planned that was not let begin',
    log: changed('run.run.1.verdict', () => line(r.runDenied(theRun, { ...grounds, problem })))(completed),
  },
  {
    rule: 'admitted',
    when: 'a run is planned of which somebody has still to say whether it may begin',
    log: changed('run.run.1.verdict', () => line(r.runHeld(theRun, { ...grounds, prompt: 'may it?' })))(completed),
  },
  {
    rule: 'planned',
    when: 'a step is asked for that no plan has',
    log: after(
      'tool.a.1.check',
      line(s.stepRequested(placed('tool.z.1'), { call: callOf('book') })),
      line(s.stepDenied(placed('tool.z.1'), { ...grounds, problem })),
    )(completed),
  },
  {
    rule: 'as-planned',
    when: 'another tool is approved than the plan has',
    log: saying('tool.a.1.request', { call: callOf('book', { uses: 'cancel', definition: 'sha256:cancel' }) })(completed),
  },
  {
    rule: 'as-planned',
    when: 'another definition of the tool is approved',
    log: saying('tool.a.1.request', { call: callOf('book', { definition: 'sha256:new' }) })(completed),
  },
  {
    rule: 'as-planned',
    when: 'what has an effect is approved as if it had none',
    log: saying('tool.a.1.request', { call: callOf('book', { effect: 'read-only' }) })(completed),
  },
  {
    rule: 'as-planned',
    when: 'it is approved without what undoes it',
    log: saying('tool.a.1.request', { call: callOf('book', { compensation: undefined }) })(completed),
  },
  {
    rule: 'as-planned',
    when: 'it is approved more often than the plan allows',
    log: both(
      changed('tool.d.1.outcome', (one) => ({ ...one, ...other(s.stepFailed(placed('tool.d.1'), { problem })) })),
      changed('tool.d.1.check', () => ({ ...(asked('tool.d.2', 'tool.d.1.outcome', callOf('look'))[0] as Line) })),
      after(
        'tool.d.2.request',
        line(s.stepApproved(placed('tool.d.2'), grounds)),
        line(s.stepSucceeded(placed('tool.d.2'), { output: 1 })),
        line(s.stepAccepted(placed('tool.d.2'), {})),
      ),
    )(completed),
  },
  {
    rule: 'in-turn',
    when: 'a step does not wait for what it depends on',
    log: changed('tool.b.1.request', (one) => ({ ...one, answers: 'tool.a.1.check' }))(completed),
  },
  {
    rule: 'in-turn',
    when: 'the answer does not wait for a step',
    log: changed('answer.answer.1.proposal', (one) => ({ ...one, answers: 'person.q.1.check' }))(completed),
  },
  {
    rule: 'skipped',
    when: 'something is skipped for another reason than the plan has',
    log: saying('tool.s.1.request', { when: 'true' })(completed),
  },
  ...goalCases,
  { rule: 'turned', when: 'a run completes without an answer that was approved', log: without('answer.answer.1.verdict')(completed) },
  {
    rule: 'turned',
    when: 'a run fails that nothing defeats',
    log: changed('run.run.1.turn', (one) => ({ ...one, answers: 'tool.c.1.outcome' }))(without('plan.plan.2.proposal')(harmless)),
  },
  {
    rule: 'turned',
    when: 'a run is stopped that nobody wanted to stop',
    log: both(
      changed('run.run.1.turn', (one) => ({ ...one, ...other(r.turnedCancelling(theRun, { problem })) })),
      changed('run.run.1.outcome', (one) => ({ ...one, ...other(r.runCancelled(theRun, { problem, undone: [] })) })),
    )(harmless),
  },
  {
    rule: 'turned',
    when: 'a run is over before its deadline has passed',
    log: both(
      changed('run.run.1.turn', (one) => ({ ...one, ...other(r.turnedExhausted(theRun, { problem })) })),
      changed('run.run.1.outcome', (one) => ({ ...one, ...other(r.runExhausted(theRun, { problem, undone: [] })) })),
    )(harmless),
  },
  {
    rule: 'answered',
    when: 'the run gives another answer than the one that was approved',
    log: saying('run.run.1.outcome', { answer: 43 })(completed),
  },
  {
    rule: 'nothing-begun',
    when: 'a step is asked for in answer to an undo',
    log: after('undo-tool.c-1.1.outcome', line(s.stepSkipped(placed('tool.s.1'), { when: 'false' })))(failed),
  },
  {
    rule: 'nothing-begun',
    when: 'a step is approved after the turn',
    log: both(
      after(
        'run.run.1.turn',
        line(s.stepRequested(placed('tool.b.1'), { call: callOf('book') }), { answers: 'plan.plan.1.verdict' }),
        line(s.stepApproved(placed('tool.b.1'), grounds)),
      ),
      after('tool.b.1.verdict', line(s.stepWithdrawn(placed('tool.b.1'), { problem }))),
      saying('plan.plan.1.proposal', { plan: planned({ steps: planned({}).steps.map((step) => ({ ...step, dependsOn: [] })) }) }),
      saying('run.run.1.request', { workflow: planned({ steps: planned({}).steps.map((step) => ({ ...step, dependsOn: [] })) }) }),
    )(harmless),
  },
  {
    rule: 'nothing-done',
    when: 'a step that had timed out is started after the end',
    log: both(
      without('tool.c.1.start'),
      changed('tool.c.1.outcome', (one) => ({ ...one, ...other(s.stepTimedOut(c, { problem })) })),
      after('run.run.1.outcome', line(s.stepStarted(c, { nonce: 'c' }), { answers: 'tool.c.1.verdict' })),
    )(harmless),
  },
  {
    rule: 'nothing-done',
    when: 'a step takes effect after the end that was asked for after the turn',
    log: outrun('tool.a.1', callOf('book'), line(s.stepStarted(a, { nonce: 'a' }))),
  },
  {
    rule: 'nothing-done',
    when: 'something is to be undone after the end',
    log: after('tool.c.1.late', line(u.undoRequested(undoOf(c, 1), { call: callOf('cancel') })))(lateAfterEnd),
  },
  { rule: 'settled', when: 'a step is still open at the end', log: without('tool.d.1.outcome')(harmless) },
  {
    rule: 'settled',
    when: 'an undo is started and done after the end',
    log: both(
      changed('run.run.1.outcome', (one) => ({ ...one, answers: 'undo-tool.c-1.1.outcome' })),
      saying('run.run.1.outcome', { undone: [c] }),
      moved('run.run.1.outcome', 'undo-tool.a-1.1.verdict'),
    )(failed),
  },
  { rule: 'in-time', when: 'a run has not turned at its deadline', log: completed.slice(0, -2), now: later },
  { rule: 'in-time', when: 'a run that has turned does not end', log: failed.slice(0, -1), now: later },
  {
    rule: 'undone-after-turn',
    when: 'a completed run undoes something',
    log: after(
      'run.run.1.turn',
      line(u.undoRequested(undoOf(a, 1), { call: callOf('cancel') })),
      line(u.undoDenied(undoOf(a, 1), { ...grounds, problem })),
    )(completed),
  },
  {
    rule: 'undone-what-happened',
    when: 'something is undone that was never done',
    log: after(
      'undo-tool.a-1.1.outcome',
      line(u.undoRequested(undoOf(placed('tool.d.1'), 1), { call: callOf('cancel') })),
      line(u.undoDenied(undoOf(placed('tool.d.1'), 1), { ...grounds, problem })),
    )(failed),
  },
  {
    rule: 'undone-when-settled',
    when: 'undoing begins while a step is open',
    log: moved(
      'tool.d.1.outcome',
      'undo-tool.c-1.1.request',
    )(changed('undo-tool.c-1.1.request', (one) => ({ ...one, answers: 'run.run.1.turn' }))(failed)),
  },
  {
    rule: 'undone-one-by-one',
    when: 'two things are undone at once',
    log: changed('undo-tool.a-1.1.request', (one) => ({ ...one, answers: 'undo-tool.c-1.1.start' }))(
      moved(
        'undo-tool.a-1.1.request',
        'undo-tool.c-1.1.start',
      )(changed('undo-tool.a-1.1.verdict', (one) => ({ ...one, answers: 'undo-tool.a-1.1.request' }))(failed)),
    ),
  },
  { rule: 'undone-last-first', when: 'the first effect is undone first', log: swapped(failed) },
  { rule: 'undone-last-first', when: 'what came late is undone between what is in the wrong order', log: withLate(a, c) },
  {
    rule: 'accounted',
    when: 'an effect is neither undone nor listed',
    log: saying('run.run.1.outcome', { undone: [c] })(
      without('undo-tool.a-1.1.request', 'undo-tool.a-1.1.verdict', 'undo-tool.a-1.1.start', 'undo-tool.a-1.1.outcome')(failed),
    ),
  },
  {
    rule: 'doubted',
    when: 'what may have been done is not listed',
    log: changed('tool.c.1.outcome', (one) => ({ ...one, ...other(s.stepUnknown(c, { problem })) }))(harmless),
  },
  {
    rule: 'residue',
    when: 'nobody tells of what was done after the end',
    log: after('run.run.1.outcome', line(s.stepLate(c, { output: 1 }), { answers: 'tool.c.1.verdict' }))(harmless),
    now: later,
  },
  {
    rule: 'residue',
    when: 'a run completes without what it did, and nobody tells of it',
    log: changed('tool.x.1.check', (one) => ({ ...one, ...other(s.stepRejected(placed('tool.x.1'), { problem })) }))(beside(completed)),
    now: later,
  },
  { rule: 'told-truly', when: 'something is undone and not listed', log: saying('run.run.1.outcome', { undone: [c] })(failed) },
  { rule: 'told-truly', when: 'something is listed as undone that is not', log: saying('run.run.1.outcome', { undone: [a] })(harmless) },
];
