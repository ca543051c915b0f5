import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Entry } from '@reel/bus/history.ts';
import { given } from '@reel/bus/testing/given.ts';
import { theRun } from '@reel/contracts/address.ts';
import { closingCompleted, runApproved, runCompleted, runRequested } from '@reel/contracts/run.ts';
import { Workflow } from '@reel/contracts/workflow/format.ts';
import { openAdmission } from './admission.ts';
import { openRuns, summaryOf } from './runs.ts';

const workflow = Workflow.parse({ name: 'w', steps: [{ id: 's', uses: 't' }] });
const story = given([
  runRequested(theRun, { requestedBy: 'ann', workflow, input: {}, tools: {}, deadlineMs: 1 }),
  runApproved(theRun, { policies: [], policySet: 'sha256:0', question: 'sha256:0' }),
  closingCompleted(theRun, {}),
  runCompleted(theRun, { answer: null }),
]).log.entries;
/** The facts of the same story, up to `count` of them, as those of another run. */
const of = (run: string, count: number): Entry[] =>
  story.slice(0, count).map((entry) => ({ ...entry, at: { ...entry.at, run }, address: entry.address.replace(entry.at.run, run) }));

test('a run waits until its verdict, and no longer', () => {
  const runs = openRuns();
  for (const count of [1, 2]) {
    for (const entry of of('R', count)) runs.enter(entry);
    assert.equal(runs.waiting(), 2 - count);
  }
});

test('the limit of waiting runs includes runs being accepted; others are told when to retry', () => {
  const runs = openRuns();
  const admission = openAdmission(runs, '3');
  for (const run of ['A', 'B']) for (const entry of of(run, 1)) runs.enter(entry);
  const leave = admission.enter();
  assert.ok(leave);
  assert.equal(admission.enter(), undefined);
  assert.deepEqual([admission.full().status, admission.full().headers], [429, { 'retry-after': '1' }]);
  leave();
  assert.ok(admission.enter());
});

test('a limit that is not a number of runs prevents the start', () => {
  for (const setting of ['0', '-1', 'many', '1.5']) assert.throws(() => openAdmission(openRuns(), setting), /REEL_MAX_BACKLOG is/);
});

test('only the summary of an ended run is kept', () => {
  const runs = openRuns();
  for (const entry of of('R', 4)) runs.enter(entry);
  const run = runs.get('R') ?? assert.fail();
  assert.deepEqual([summaryOf(run).status, run.slots.size, run.held.size, runs.open().length], ['completed', 0, 0, 0]);
});

test('the list is bounded: ended runs are dropped before open ones, however old', () => {
  const runs = openRuns();
  for (const entry of of('open', 2)) runs.enter(entry);
  for (let n = 0; n < 50_010; n += 1) for (const entry of of(`R${n}`, 4)) runs.enter(entry);
  assert.equal(runs.newest().length, 50_000);
  assert.ok(runs.get('open'));
  assert.equal(runs.get('R0'), undefined);
});

test('a listener for an end is called when it comes, and forgotten when it unsubscribes', () => {
  const runs = openRuns();
  let times = 0;
  const stop = runs.onEnd('R', () => (times += 1));
  for (const entry of of('R', 3)) runs.enter(entry);
  assert.equal(times, 0);
  for (const entry of of('R', 4)) runs.enter(entry);
  assert.equal(times, 1);
  stop();
  for (const entry of of('R', 4)) runs.enter(entry);
  assert.equal(times, 1);
});
