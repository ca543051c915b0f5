/** A short chaos: every kind of fault once and more, on real processes and a real broker. `npm run chaos` is the long one. */
import assert from 'node:assert/strict';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { it } from 'node:test';
import { play } from '@reel/scripts/chaos/play.ts';
import { table } from '@reel/scripts/chaos/table.ts';

it('every run ends by name, and nothing happens twice, whatever is killed, frozen, cut off or full', {
  timeout: 280_000,
}, async (context) => {
  const dir = await mkdtemp(join(tmpdir(), 'reel-chaos-'));
  const seed = Number(process.env['REEL_CHAOS_SEED'] ?? 1);
  const report = await play({ seed, dir, runs: 1000, seconds: 16, inFlight: 6, everyMs: 1200, apart: false });
  context.diagnostic(table(report));
  assert.deepEqual(report.findings, [], `seed ${seed}: npm run chaos -- --seed ${seed}; everything is kept in ${dir}`);
  assert.ok(
    report.recoveries.every(({ kind, faults }) => faults > 0 || kind.startsWith('disk')),
    'a kind of fault did not come up',
  );
  assert.ok(report.effects > 0 && report.recoveries.every(({ touched, recovered }) => touched === recovered));
  for (const trouble of ['flaps', 'slow', 'busy', 'breaks-after']) assert.ok(report.troubles.has(trouble), `no tool ${trouble}`);
  await rm(dir, { recursive: true, force: true });
});
