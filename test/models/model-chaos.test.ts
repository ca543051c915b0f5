/** Goals on a real broker, with two providers that fail in every way that providers do: every run ends in a named state, and no attempt is paid for twice. */
import assert from 'node:assert/strict';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { it } from 'node:test';
import { isInvalid } from '@reel/bus/history.ts';
import { digestOf } from '@reel/bus/runtime/digest.ts';
import { random } from '@reel/bus/simulator/random.ts';
import type { Run } from '@reel/gateway/shapes.ts';
import { type Asked, type Behaviour, startEndpoint } from '@reel/model-executor/fixtures/endpoint.ts';
import { startReel } from '../fixtures/local-reel.ts';

const RUNS = 40;

const thought = { type: 'object', required: ['best'], properties: { best: { type: 'string' } } };
const think = (goal: string, id: string, dependsOn: string[] = []) => ({
  id,
  kind: 'model',
  prompt: 'Think.',
  with: { task: 'think', goal },
  dependsOn,
  output: thought,
  timeoutMs: 2000,
});
const answers: Record<string, (goal: string) => unknown> = {
  plan: (goal) => ({ steps: [think(goal, 'one'), think(goal, 'two'), think(goal, 'three', ['one', 'two'])] }),
  think: () => ({ best: 'Sol' }),
  answer: () => ({ text: 'It is Sol.', claims: [{ claim: 'it is Sol', step: 'three' }] }),
};

/** How a request is answered: the same for the same attempt at the same goal, whenever it comes and whatever its run is called. */
function behaviour({ headers, body }: Asked): Behaviour {
  const { task, goal } = JSON.parse(body.messages[1]?.content ?? '{}') as { task: string; goal: string };
  const attempt = String(headers['idempotency-key']).replace(/^[^.]*/, goal);
  const chance = random(Number.parseInt(digestOf(attempt).slice(-8), 16));
  const good: Behaviour = { say: [JSON.stringify(answers[task]?.(goal) ?? { steps: [] })] };
  if (!chance.happens(0.45)) return good;
  const trouble: Behaviour[] = [
    { status: 429, headers: { 'retry-after-ms': '20' } },
    { status: 500 },
    { status: 503, headers: { 'retry-after': '0' } },
    { begin: ['{"best"'], and: 'cut' },
    { say: ['{"best": "So'] },
    { say: ['{"best": "So'], finish: 'length' },
    { say: ['{"worst": 1, "steps": 7}'] },
    { say: [''] },
    { say: [], finish: 'content_filter' },
    { say: ['I cannot help with that.'], as: 'refusal' },
    // The planner's own questions have minutes.
    task === 'think' ? 'silence' : { status: 500 },
  ];
  return trouble[chance.below(trouble.length)] as Behaviour;
}

it(`${RUNS} goals end in a named state, whatever the providers do, and nothing is asked twice`, async (t) => {
  const dir = await mkdtemp(join(tmpdir(), 'reel-chaos-'));
  const providers = [await startEndpoint(behaviour), await startEndpoint(behaviour)];
  const model = ({ url }: { url: string }, n: number): string =>
    `  - { name: m${n}, baseUrl: "${url}", capabilities: [plan, answer, judge], price: low }\n`;
  await writeFile(join(dir, 'models.yaml'), `models:\n${providers.map(model).join('')}`);
  const reel = await startReel({ env: { REEL_MODELS: join(dir, 'models.yaml') } });
  t.after(async () => {
    await reel.close();
    await Promise.all(providers.map((provider) => provider.close()));
    await rm(dir, { recursive: true, force: true });
  });
  const pursue = (n: number): Promise<{ body: Run }> => reel.pursue({ goal: { text: `which is best? (${n})`, escalate: [] } });
  const runs = (await Promise.all(Array.from({ length: RUNS }, (_, n) => pursue(n)))).map(({ body }) => body);

  const codes = new Set<string>();
  for (const run of runs) {
    assert.ok(run.status === 'completed' || (run.status === 'failed' && run.problem !== undefined), `${run.id} is ${run.status}`);
    const { entries, findings } = await reel.log(run.id);
    assert.deepEqual(findings, []);
    for (const entry of entries)
      if (!isInvalid(entry) && entry.type === 'step.outcome.failed') codes.add((entry.data as { problem: { code: string } }).problem.code);
  }
  const keys = providers.flatMap(({ asked }) => asked.map(({ headers }) => String(headers['idempotency-key'])));
  assert.equal(new Set(keys).size, keys.length, 'an attempt was paid for twice');
  const named = ['rate-limited', 'unavailable', 'nonsense', 'truncated', 'filtered', 'refused', 'timed-out'].map((code) => `model-${code}`);
  assert.deepEqual([...codes].filter((code) => named.includes(code)).sort(), named.sort());
  const completed = runs.filter(({ status }) => status === 'completed').length;
  assert.ok(completed >= RUNS / 4 && completed < RUNS, `${completed} of ${RUNS} completed`);
});
