/** A run that is cancelled breaks off what only looks, wherever that is: at a real MCP server and at a model, by executors in processes of their own. */
import assert from 'node:assert/strict';
import { once } from 'node:events';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { it } from 'node:test';
import type { Run, Submitted, ToolList } from '@reel/gateway/shapes.ts';
import { startEndpoint } from '@reel/model-executor/fixtures/endpoint.ts';
import { ask, follow } from '@reel/scripts/cli/api.ts';
import { startLocal } from '@reel/scripts/local/local.ts';
import { until } from '@reel/scripts/local/until.ts';
import { serveHttp } from '@reel/tool-executor/fixtures/http.ts';
import type { Fixture } from '@reel/tool-executor/fixtures/tools.ts';

/** Far longer than the test may take: nothing ends because its own time is up. */
const TIMEOUT_MS = 600_000;

it('a tool that is looking is told by MCP that it is cancelled, and the request to a model is hung up', { timeout: 120_000 }, async (t) => {
  const called = Promise.withResolvers<AbortSignal>();
  const looks: Fixture = {
    name: 'look',
    annotations: { readOnlyHint: true },
    run: ({ signal }) => {
      called.resolve(signal);
      return new Promise(() => {});
    },
  };
  const dir = await mkdtemp(join(tmpdir(), 'reel-broken-off-'));
  const server = await serveHttp(() => [looks]);
  const model = await startEndpoint('silence');
  const [tools, models] = [join(dir, 'tools.json'), join(dir, 'models.yaml')];
  await writeFile(tools, JSON.stringify({ servers: { remote: { url: server.url } } }));
  await writeFile(models, `models:\n  - { name: m, baseUrl: "${model.url}", capabilities: [rank], price: low }\n`);
  const local = await startLocal({
    dir: join(dir, 'reel'),
    services: ['gateway'],
    env: { REEL_PORT: '0', REEL_TOOLS: tools, REEL_MODELS: models },
    logLevel: 'silent',
  });
  t.after(async () => {
    await local.stop();
    await Promise.all([server.close(), model.close()]);
    await rm(dir, { recursive: true, force: true });
  });
  process.env['REEL_API'] = local.api;
  await Promise.all(
    [['planner', 'policy', 'human-executor', 'validator', 'saga-tracker'], ['tool-executor'], ['model-executor']].map(local.spawn),
  );
  await until(async () => (await ask<ToolList>('GET', '/v1/tools')).tools.length > 0);

  const workflow = {
    name: 'endless',
    steps: [
      { id: 'look', uses: 'look', timeoutMs: TIMEOUT_MS },
      { id: 'rank', kind: 'model', prompt: 'Which is best?', timeoutMs: TIMEOUT_MS },
    ],
  };
  const { id } = await ask<Submitted>('POST', '/v1/runs', { workflow });
  const [signal, request] = await Promise.all([called.promise, model.request(0)]);
  const aborted = once(signal, 'abort');
  await ask('POST', `/v1/runs/${id}/cancel`, { who: 'ada', why: 'enough' });
  await aborted;
  assert.equal(await request.gone, 'hung up');
  for await (const _ of follow(id));
  assert.equal((await ask<Run>('GET', `/v1/runs/${id}`)).status, 'cancelled');
});
