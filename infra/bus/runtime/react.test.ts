/** How often a fact is delivered tells who died of it, and who could only not say that it was handled. */
import assert from 'node:assert/strict';
import { it } from 'node:test';
import { theRun } from '@reel/contracts/address.ts';
import { runRequested } from '@reel/contracts/run.ts';
import { Workflow } from '@reel/contracts/workflow/format.ts';
import { isInvalid } from '../history.ts';
import { defineService } from '../service.ts';
import { CALM, handle, type Simulation, simulate } from '../simulator/simulator.ts';

/** How often the handler was called for a fact that is delivered for the `count`-th time, and which faults were said. */
async function deliveredFor(count: number): Promise<{ calls: number; faults: string[] }> {
  let calls = 0;
  const service = defineService<never>({
    name: 'policy',
    publishes: [],
    on: {
      'run.request.requested': () => {
        calls += 1;
        return [];
      },
    },
  });
  const bus = { handle: ((player, working, address, seq) => handle(player, working, address, seq, count)) satisfies typeof handle };
  const simulation = simulate({ players: [{ service }], faults: CALM, bus });
  await request(simulation);
  await simulation.run();
  return { calls, faults: faultsIn(simulation) };
}

async function request({ edge }: Simulation): Promise<void> {
  const workflow = Workflow.parse({ name: 'w', steps: [{ id: 's', uses: 't' }] });
  await edge.publish(0, 'R', runRequested(theRun, { requestedBy: 'ann', workflow, input: {}, tools: {}, deadlineMs: 1 }));
}
const faultsIn = ({ entries }: Simulation): string[] =>
  entries.flatMap((entry) =>
    !isInvalid(entry) && entry.type === 'fault.fault.raised' ? [(entry.data as { problem: { code: string } }).problem.code] : [],
  );

it('is handled however often the broker delivered it again during an election', async () => {
  assert.deepEqual(await deliveredFor(30), { calls: 1, faults: [] });
});

it('ends two processes and the one in quarantine, and is not handled any more, however often it comes', async () => {
  const deaths: string[] = [];
  const service = defineService<never>({ name: 'policy', publishes: [], on: { 'run.request.requested': () => [] } });
  const kills = (what: string, inQuarantine: boolean): boolean => deaths.push(`${what} ${inQuarantine ? 'in quarantine' : 'here'}`) > 0;
  const simulation = simulate({ players: [{ service, kills }], faults: { ...CALM, forgotten: 1 } });
  await request(simulation);
  await simulation.run();
  const address = 'reel.0.R.run.run.1.request';
  assert.deepEqual(deaths, [`${address} here`, `${address} here`, `${address} in quarantine`]);
  assert.deepEqual(faultsIn(simulation), ['undeliverable']);
});
