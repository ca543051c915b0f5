import assert from 'node:assert/strict';
import { test } from 'node:test';
import { theRun } from '@reel/sdk';
import { runRequested } from '@reel/sdk/facts';
import { given, told } from '@reel/sdk/testing';
import ticker from './ticker.ts';

test('sets a timer for a minute, and publishes nothing when it fires', async () => {
  const workflow = { name: 'trip', steps: [{ id: 'book', uses: 'book' }] };
  const run = given([runRequested(theRun, { requestedBy: 'ada', workflow, input: {}, tools: {}, deadlineMs: 1e15 })]);
  assert.deepEqual(told(await run.then(ticker, {})), ['timer minute']);
  assert.deepEqual(await run.fire(ticker, {}, 60_000, 'minute'), []);
});
