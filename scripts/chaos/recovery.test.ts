import assert from 'node:assert/strict';
import { it } from 'node:test';
import { given } from '@reel/bus/testing/given.ts';
import { theRun } from '@reel/contracts/address.ts';
import { closingCancelling, runApproved, runCancelled, runRequested } from '@reel/contracts/run.ts';
import { Workflow } from '@reel/contracts/workflow/format.ts';
import type { Told } from './judge.ts';
import { recoveries } from './recovery.ts';

const workflow = Workflow.parse({ name: 'w', steps: [{ id: 'a', uses: 'x' }] });
const problem = { code: 'cancelled', message: 'enough' };
const facts = [
  runRequested(theRun, { requestedBy: 'ada', workflow, input: {}, tools: {}, deadlineMs: 1e15 }),
  runApproved(theRun, { policies: [], policySet: 's', question: 'q' }),
  closingCancelling(theRun, { problem }),
  runCancelled(theRun, { problem, undone: [] }),
];
/** A run of so many of these facts, a second apart. */
const run = (count: number): Told => {
  const { log, history } = given(facts.slice(0, count), 0);
  return { entries: log.entries, history };
};

it('a run that goes on after a fault has recovered; one that says nothing more was touched, and has not', () => {
  const fault = { kind: 'connection cut' as const, beganMs: 2500, endedMs: 2600, hit: undefined };
  const runs = new Map([
    ['ends', run(4)],
    ['is stuck', run(2)],
    ['was never accepted', run(0)],
    ['was over', { ...run(4), entries: run(4).entries.map((entry) => ({ ...entry, time: entry.time - 4000 })) } as Told],
  ]);
  const found = recoveries([fault as never], runs).find(({ kind }) => kind === 'connection cut');
  assert.deepEqual([found?.touched, found?.recovered, found?.p50Ms], [2, 1, 500]);
});
