/** A performer that is too busy to say that it is there is not taken for dead: nobody else begins what it is working on. */
import assert from 'node:assert/strict';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { it } from 'node:test';
import { admit } from '@reel/scripts/local/admit.ts';
import { startReel } from '../fixtures/local-reel.ts';

it('a step whose performer stands still for three seconds, of two that could do it, is done once', async (context) => {
  const reel = await startReel();
  context.after(() => reel.close());
  const path = join(import.meta.dirname, '../extension/blocker.ts');
  await admit(path, reel.local.dir);
  const file = join(reel.dir, 'blocked');
  reel.local.env['BLOCKER_FILE'] = file;
  await Promise.all([reel.local.spawn([path]), reel.local.spawn([path])]);
  const step = { id: 'block', kind: 'block', effect: 'read-only', with: { forMs: 3_000 } };
  const run = await reel.finish({ name: 'busy', steps: [step] });
  assert.equal(run.status, 'completed');
  assert.equal((await readFile(file, 'utf8')).trim().split('\n').length, 1, 'it was begun again');
});
