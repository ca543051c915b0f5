/** The last story: a workflow that somebody wrote beforehand, and a process that dies at the worst moment. */
import assert from 'node:assert/strict';
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Story } from './story.ts';
import { bookedBy } from './trip.ts';

export const killed: Story = {
  title: 'A fixed workflow, and the tool-executor is killed in the middle of the booking',
  words:
    'scripts/demo/travel.yaml, without any model. The hotel has been booked when the process gets SIGKILL, before it could say so. Another one takes over, under the same idempotency key: the run finishes, and nothing is booked twice.',
  submission: {
    requestedBy: 'ada',
    workflow: readFileSync(join(import.meta.dirname, '../travel.yaml'), 'utf8'),
    input: { place: 'Lisbon', checkIn: '2027-10-01', checkOut: '2027-10-07', maxPrice: 200, guests: 2, card: 'tok_hang' },
  },
  who: 'ada',
  meanwhile: async (stage, print) => {
    await stage.hanging;
    stage.executor.kill('SIGKILL');
    await once(stage.executor, 'exit');
    print('           ✗ tool-executor: SIGKILL, after the effect and before the answer');
    await stage.startExecutor();
    print('           ✓ tool-executor: a new process');
  },
  end: (run, stage) => {
    assert.equal(run.status, 'completed');
    const effects = bookedBy(run.id, stage);
    assert.equal(effects.length, 3);
    return effects;
  },
};
