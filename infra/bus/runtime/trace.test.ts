import assert from 'node:assert/strict';
import { it } from 'node:test';
import { traced } from './trace.ts';

const parent = '00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01';

it('work goes on in the trace that it came with, sampled or not', async () => {
  assert.equal(await traced('x', parent, async (own) => own), parent);
  assert.equal(await traced('x', undefined, async (own) => own), undefined);
});
it('what the work throws is thrown on', async () => {
  await assert.rejects(
    traced('x', parent, async () => {
      throw new Error('broken');
    }),
    /broken/,
  );
});
