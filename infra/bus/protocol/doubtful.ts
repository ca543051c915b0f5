/** For the tests: runs that leave something behind, or in doubt, and ways to spoil them. */
import { askedAbout, theRun } from '@reel/contracts/address.ts';
import type { Draft, Json } from '@reel/contracts/envelope.ts';
import * as r from '@reel/contracts/run.ts';
import * as u from '@reel/contracts/undo.ts';
import { voteCast } from '@reel/contracts/vote.ts';
import { done, failed, grounds, harmless, problem } from './runs.ts';
import { after, both, changed, type Line, moved, placed, saying } from './scene.ts';
import { withStep } from './variants.ts';

export type Case = { readonly rule: string; readonly when: string; readonly log: readonly Line[]; readonly now?: number };

const line = (draft: unknown, more: Omit<Line, 'draft'> = {}): Line => ({ draft: draft as Draft, ...more });
const other = (draft: unknown) => ({ draft: draft as Draft });
const [a, c] = [placed('tool.a.1'), placed('tool.c.1')];
const undo = placed('undo-tool.c-1.1');

/** What people are asked about the undo of `c`, with what they say. */
function question(n: number, said: Json, uses = 'operators'): Line[] {
  const at = askedAbout(c, n);
  const spot = `${at.kind}.${at.id}.${n}`;
  const about = { step: 'c', attempt: undo, uses: 'cancel', arguments: {}, problem, unknown: true };
  const call = { uses, arguments: about as never, effect: 'read-only' as const, timeoutMs: 60_000 };
  const vote = `vote.eve.${n}`;
  return [
    line(u.undoRequested(at, { call })),
    line(u.undoHeld(at, { ...grounds, prompt: 'well?' })),
    line(voteCast(placed(vote), { question: `reel.0.R.${spot}.verdict`, decision: 'grant', who: 'eve', why: 'so' })),
    line(u.undoGranted(at, { who: 'eve', why: 'so', vote: `reel.0.R.${vote}.request`, form: said })),
    line(u.undoSucceeded(at, { output: said })),
  ];
}

const cutOff = both(
  changed('undo-tool.c-1.1.outcome', (one) => ({ ...one, ...other(u.undoUnknown(undo, { problem })) })),
  saying('run.run.1.outcome', { remaining: [] }),
)(failed);

/** An undo was cut off, and somebody who looked said that it was done. */
export const settled = after('undo-tool.c-1.1.outcome', ...question(1, { action: 'supply', result: 1 }))(cutOff);

const stranded = (lines: readonly Line[]): Line[] =>
  changed('run.run.1.outcome', (one) => ({
    ...one,
    ...other(r.runStranded(theRun, { problem, undone: [a], stranded: [{ ...c, problem }], remaining: [] })),
  }))(lines);

/** Nobody could tell. */
export const given = stranded(after('undo-tool.c-1.1.outcome', ...question(1, { action: 'end' }))(cutOff));

const x = placed('tool.x.1');
/** It sends something that nothing takes back, and then everything else is taken back. */
export const sent = both(
  withStep({ uses: 'cancel' }, ...done('tool.x.1')),
  saying('run.run.1.outcome', { remaining: [{ ...x, problem }] }),
)(failed);

const answering = (spot: string, answers: string) => changed(spot, (one) => ({ ...one, answers }));

export const casesInDoubt: readonly Case[] = [
  {
    rule: 'asked-in-doubt',
    when: 'somebody is asked about an undo that is done',
    log: after('undo-tool.c-1.1.outcome', ...question(1, { action: 'end' }))(saying('run.run.1.outcome', { remaining: [] })(failed)),
  },
  {
    rule: 'asked-in-doubt',
    when: 'somebody is asked before it is in doubt',
    log: answering(
      'undo-person.c-1.1.request',
      'undo-tool.c-1.1.start',
    )(moved('undo-person.c-1.1.request', 'undo-tool.c-1.1.start')(settled)),
  },
  {
    rule: 'asked-in-doubt',
    when: 'somebody is asked whom no plan names',
    log: after('undo-tool.c-1.1.outcome', ...question(1, { action: 'supply', result: 1 }, 'mallory'))(cutOff),
  },
  {
    rule: 'asked-in-doubt',
    when: 'the next is asked while somebody still is',
    log: answering(
      'undo-person.c-1.2.request',
      'undo-person.c-1.1.verdict',
    )(
      moved(
        'undo-person.c-1.2.request',
        'undo-person.c-1.1.verdict',
      )(after('undo-person.c-1.1.outcome', ...question(2, { action: 'end' }))(settled)),
    ),
  },
  { rule: 'asked-first', when: 'nobody is asked about an undo that was cut off', log: stranded(cutOff) },
  {
    rule: 'accounted',
    when: 'nobody could tell whether something is undone, and it is not listed',
    log: saying('run.run.1.outcome', { undone: [a], stranded: [{ ...a, problem }] })(given),
  },
  {
    rule: 'told-truly',
    when: 'somebody said that it is not undone, and it is listed as undone',
    log: both(
      saying('undo-person.c-1.1.outcome', { output: { action: 'retry' } }),
      stranded,
      saying('run.run.1.outcome', { undone: [c, a] }),
    )(settled),
  },
  { rule: 'remaining', when: 'what was sent is not listed', log: saying('run.run.1.outcome', { remaining: [] })(sent) },
  {
    rule: 'remaining',
    when: 'what is undone is listed',
    log: saying('run.run.1.outcome', {
      remaining: [
        { ...x, problem },
        { ...c, problem },
      ],
    })(sent),
  },
  {
    rule: 'remaining',
    when: 'what was never done is listed',
    log: saying('run.run.1.outcome', { remaining: [{ ...c, problem }] })(harmless),
  },
];
