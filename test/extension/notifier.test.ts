// The notifier, over everything that can go wrong with a bus: every failed run is reported, once or twice.
import assert from 'node:assert/strict';
import { it } from 'node:test';
import { inEverySeed } from '@reel/scripts/simulate/own.ts';
import { Failure } from '@reel/sdk';
import notifier from './notifier.ts';

it('tells of a run that failed', async () => {
  await inEverySeed(100, () => {
    const told: string[] = [];
    const tell = async (text: string): Promise<void> => void told.push(text);
    return {
      workflow: { name: 'refund', steps: [{ id: 'pay', uses: 'pay' }] },
      tools: {
        pay: () => {
          throw new Failure({ code: 'closed', message: 'the bank is closed', retryable: false });
        },
      },
      services: [{ service: notifier, deps: { tell } }],
      check: ({ outcome }) => {
        assert.equal(outcome?.type, 'run.outcome.failed');
        assert.deepEqual([...new Set(told)], ['run R failed: the bank is closed']);
      },
    };
  });
});
