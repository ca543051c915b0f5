/** Whoever asks the models of chaos meets everything that can go wrong with a model, by its name. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { opened } from '@reel/model-executor/fixtures/opened.ts';
import { startModels } from './models.ts';

test('they fail in every way that a call to a model can', async (context) => {
  const scripts = new URL('../demo/scenarios', import.meta.url).pathname;
  const models = await startModels(1, scripts, 1);
  context.after(() => models.close());
  const { call } = await opened(context, { OPENAI_BASE_URL: models.urls[0], REEL_MODEL: 'm' });
  const output = { type: 'object', required: ['best'], properties: { best: { type: 'string' } } };
  const calls = Array.from({ length: 200 }, async (_, n) => {
    const { error } = await call({ uses: 'm', at: { kind: 'model', id: `think-${n}`, n: 1 }, output, timeoutMs: 8000 });
    return error?.problem.code;
  });
  const codes = (await Promise.all(calls)).map((code) => code ?? 'none');
  assert.deepEqual([...new Set(codes)].sort(), [
    'model-filtered',
    'model-nonsense',
    'model-rate-limited',
    'model-refused',
    'model-rejected-request',
    'model-timed-out',
    'model-truncated',
    'model-unavailable',
  ]);
  assert.equal(
    [...models.troubles.values()].reduce((sum, times) => sum + times, 0),
    200,
  );
  assert.equal(models.troubles.size, 12);
});
