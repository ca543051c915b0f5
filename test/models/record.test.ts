/** What models said in a run, recorded by the command line, says it again in another Reel. */
import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { promisify } from 'node:util';
import type { Run } from '@reel/gateway/shapes.ts';
import { startLocal } from '@reel/scripts/local/local.ts';
import { NO_MODEL } from '@reel/scripts/local/no-model.ts';
import { SERVICES } from '@reel/services/main.ts';

const reel = join(import.meta.dirname, '../../scripts/reel.ts');

/** A Reel whose only model answers from the scenarios in a folder. */
async function reelWith(dir: string, scenarios: string) {
  const local = await startLocal({
    dir,
    services: SERVICES,
    env: {
      ...NO_MODEL,
      REEL_PORT: '0',
      REEL_SCENARIOS: scenarios,
      REEL_TOOLS: join(dir, '../tools.json'),
    },
    logLevel: 'silent',
  });
  const cli = async (...args: string[]): Promise<string> =>
    (await promisify(execFile)(process.execPath, [reel, ...args], { env: { ...process.env, REEL_API: local.api } })).stdout;
  const finish = async (workflow: object): Promise<Run> => {
    const headers = { 'content-type': 'application/json', prefer: 'wait=20' };
    const response = await fetch(`${local.api}/v1/runs`, { method: 'POST', headers, body: JSON.stringify({ workflow }) });
    return (await response.json()) as Run;
  };
  return { cli, finish, stop: () => local.stop() };
}

const workflow = {
  name: 'words',
  steps: [
    { id: 'name', kind: 'model', prompt: 'Name a hotel.', with: { task: 'name', place: 'Lisbon' } },
    {
      id: 'rate',
      kind: 'model',
      prompt: 'Rate it.',
      with: { task: 'rate', hotel: '= steps.name.text' },
      dependsOn: ['name'],
      output: { type: 'object', required: ['stars', 'why'], properties: { stars: { type: 'integer' }, why: { type: 'string' } } },
    },
  ],
  answer: { value: { hotel: '= steps.name.text', rating: '= steps.rate' } },
};

test('what was said in one Reel is said again in another that has only the recording', async (context) => {
  const dir = await mkdtemp(join(tmpdir(), 'reel-record-'));
  const running: { stop(): Promise<void> }[] = [];
  context.after(async () => {
    for (const one of running) await one.stop();
    await rm(dir, { recursive: true, force: true });
  });
  await writeFile(join(dir, 'tools.json'), '{}');
  for (const folder of ['written', 'recorded']) await mkdir(join(dir, folder));
  await writeFile(
    join(dir, 'written', 'words.yaml'),
    'name: words\nreplies:\n  - { task: name, reply: "= \'Casa \' & request.place" }\n  - { task: rate, reply: { stars: 4, why: "== quiet" } }\n',
  );
  const first = await reelWith(join(dir, 'first'), join(dir, 'written'));
  running.push(first);
  const { id, status, answer } = await first.finish(workflow);
  assert.equal(status, 'completed');
  assert.deepEqual(answer, { hotel: 'Casa Lisbon', rating: { stars: 4, why: '= quiet' } });
  await writeFile(join(dir, 'recorded', 'run.yaml'), await first.cli('record', id));

  const second = await reelWith(join(dir, 'second'), join(dir, 'recorded'));
  running.push(second);
  assert.deepEqual((await second.finish(workflow)).answer, answer);
  const other = await second.finish({
    ...workflow,
    name: 'other',
    steps: [{ ...workflow.steps[0], with: { task: 'name', place: 'Oslo' } }],
    answer: undefined,
  });
  assert.equal(other.status, 'failed');
  assert.equal(other.problem?.code, 'model-unscripted');
  assert.match(other.problem?.message ?? '', /wants exactly the request that was recorded \(it differs in place\)/);
});
