/** How often a fact is delivered tells who died of it, and who could only not say that it was handled. */
import assert from 'node:assert/strict';
import { it } from 'node:test';
import { theRun } from '@reel/contracts/address.ts';
import { runRequested } from '@reel/contracts/run.ts';
import { Workflow } from '@reel/contracts/workflow/format.ts';
import { isVoid } from './history.ts';
import { defineService } from './service.ts';
import { CALM, handle, simulate } from './simulator.ts';

/** How often the handler was called for a fact that is delivered for the `count`-th time, and which faults were said. */
async function deliveredFor(count: number): Promise<{ calls: number; faults: string[] }> {
  let calls = 0;
  const service = defineService<never>({
    name: 'policy',
    says: [],
    on: {
      'run.request.requested': () => {
        calls += 1;
        return [];
      },
    },
  });
  const bus = { handle: ((player, working, address, seq) => handle(player, working, address, seq, count)) satisfies typeof handle };
  const simulation = simulate({ players: [{ service }], faults: CALM, bus });
  const workflow = Workflow.parse({ name: 'w', steps: [{ id: 's', uses: 't' }] });
  await simulation.door.say(0, 'R', runRequested(theRun, { requestedBy: 'ann', workflow, input: {}, tools: {}, deadlineMs: 1 }));
  await simulation.run();
  const faults = simulation.entries.flatMap((entry) =>
    !isVoid(entry) && entry.type === 'fault.fault.raised' ? [(entry.data as { problem: { code: string } }).problem.code] : [],
  );
  return { calls, faults };
}

it('is handled however often the broker delivered it again during an election', async () => {
  assert.deepEqual(await deliveredFor(30), { calls: 1, faults: [] });
});

it('is handled no more when it looks as if nobody survived it', async () => {
  assert.deepEqual(await deliveredFor(41), { calls: 0, faults: ['undeliverable'] });
});
