/** Model steps through the whole bus: a workflow, real services on a real broker, and endpoints that fail as providers do. */
import assert from 'node:assert/strict';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, beforeEach, it } from 'node:test';
import { type Entry, isInvalid } from '@reel/bus/history.ts';
import type { Usage } from '@reel/contracts/model.ts';
import type { Run, Submitted } from '@reel/gateway/shapes.ts';
import { type Asked, type Behaviour, type Endpoint, startEndpoint } from '@reel/model-executor/fixtures/endpoint.ts';
import { watch } from '@reel/scripts/cli/api.ts';
import { type LocalReel, startReel } from '../fixtures/local-reel.ts';

const good = { say: ['{"best"', ': "So', 'l"}'] };
/** How each provider answers its requests, in order; what comes after the last is answered well. */
let script: { cheap: readonly Behaviour[]; dear: readonly Behaviour[] };
let providers: Record<keyof typeof script, Endpoint>;
let reel: LocalReel;
let dir: string;
const asked = (): readonly Asked[] => Object.values(providers).flatMap((provider) => provider.asked);
/** Of this run alone. */
const keysOf = (run: string): string[] =>
  asked()
    .map(({ headers }) => String(headers['idempotency-key']))
    .filter((key) => key.startsWith(`${run}.`))
    .sort();

before(async () => {
  dir = await mkdtemp(join(tmpdir(), 'reel-models-'));
  const provider = (name: keyof typeof script): Promise<Endpoint> => {
    const left = (): Behaviour => {
      const [first, ...rest] = script[name];
      script = { ...script, [name]: rest };
      return first ?? good;
    };
    return startEndpoint(left);
  };
  providers = { cheap: await provider('cheap'), dear: await provider('dear') };
  const price = 'microusdPerMillionInput: 1000000, microusdPerMillionOutput: 2000000';
  await writeFile(
    join(dir, 'models.yaml'),
    `models:
  - { name: dear, model: d-1, baseUrl: "${providers.dear.url}", capabilities: [rank], price: high, ${price} }
  - { name: cheap, model: c-1, baseUrl: "${providers.cheap.url}", apiKey: "\${CHEAP_KEY}", capabilities: [rank], price: low, ${price} }
`,
  );
  reel = await startReel({ env: { REEL_MODELS: join(dir, 'models.yaml'), CHEAP_KEY: 'sk-cheap' } });
  process.env['REEL_API'] = reel.api;
});
after(async () => {
  await reel.close();
  await Promise.all(Object.values(providers).map((provider) => provider.close()));
  await rm(dir, { recursive: true, force: true });
});
beforeEach(() => {
  script = { cheap: [], dear: [] };
});

const workflow = (more: object = {}) => ({
  name: 'pick',
  steps: [
    {
      id: 'rank',
      kind: 'model',
      needs: { capabilities: ['rank'] },
      prompt: 'Which of these is the quietest?',
      with: { task: 'rank', hotels: '= input.hotels' },
      output: { type: 'object', required: ['best'], properties: { best: { type: 'string' } }, additionalProperties: false },
      retry: { attempts: 6 },
      ...more,
    },
  ],
  answer: { value: { best: '= steps.rank.best' } },
});
const input = { hotels: ['Sol', 'Mar'] };

type Data = { call?: { uses: string; routing?: string }; problem?: { code: string }; usage?: Usage };
const said = (entries: readonly Entry[], type: string): { at: { n: number }; time: number; data: Data }[] =>
  entries.flatMap((entry) =>
    !isInvalid(entry) && entry.type === type ? [{ at: entry.at, time: entry.time, data: entry.data as Data }] : [],
  );
const finish = async (more: object = {}): Promise<{ run: Run; entries: readonly Entry[] }> => {
  const run = await reel.finish(workflow(more), input);
  const { entries, findings } = await reel.log(run.id);
  assert.deepEqual(findings, []);
  return { run, entries };
};

it('a step is asked of the cheapest model that can do it; its result, its cost and why it was that one are in the log', async () => {
  const { run, entries } = await finish();
  assert.equal(run.status, 'completed');
  assert.deepEqual(run.answer, { best: 'Sol' });
  const [request] = said(entries, 'step.request.requested');
  assert.equal(request?.data.call?.uses, 'cheap');
  assert.match(request?.data.call?.routing ?? '', /cheapest of 2 models/);
  const usage = said(entries, 'step.outcome.succeeded')[0]?.data.usage;
  assert.deepEqual(
    { ...usage, latencyMs: 0 },
    { model: 'cheap', inputTokens: 12, outputTokens: 3, costMicrousd: 18, latencyMs: 0, finishReason: 'stop' },
  );
  const [sent] = providers.cheap.asked;
  assert.equal(sent?.body.model, 'c-1');
  assert.equal(sent?.body.messages[1]?.content, JSON.stringify({ task: 'rank', hotels: ['Sol', 'Mar'] }));
  assert.deepEqual(keysOf(run.id), [`${run.id}.model.rank.1`]);
});

it('whatever a model does wrong, the next one is asked, each attempt once, until one does it right', async () => {
  script = {
    cheap: [{ status: 500 }, { say: ['{"best": "So'] }, { begin: ['{'], and: 'cut' }],
    dear: [{ say: ['{"worst": "Mar"}'] }, { say: [] }],
  };
  const { run, entries } = await finish({ retry: { attempts: 6, delayMs: 1 } });
  assert.equal(run.status, 'completed');
  assert.deepEqual(run.answer, { best: 'Sol' });
  assert.deepEqual(
    said(entries, 'step.request.requested').map(({ data }) => data.call?.uses),
    ['cheap', 'dear', 'cheap', 'dear', 'cheap', 'dear'],
  );
  assert.deepEqual(
    said(entries, 'step.outcome.failed').map(({ data }) => `${data.usage?.model} ${data.problem?.code}`),
    ['cheap model-unavailable', 'dear model-nonsense', 'cheap model-nonsense', 'dear model-nonsense', 'cheap model-unavailable'],
  );
  assert.deepEqual(
    keysOf(run.id),
    [1, 2, 3, 4, 5, 6].map((n) => `${run.id}.model.rank.${n}`),
  );
});

it('a model that is asked too often is left alone for as long as it says', async () => {
  script = { ...script, cheap: [{ status: 429, headers: { 'retry-after-ms': '1500' } }] };
  const { run, entries } = await finish({ uses: 'cheap', needs: undefined, retry: { attempts: 2 } });
  assert.equal(run.status, 'completed');
  const [failed] = said(entries, 'step.outcome.failed');
  assert.equal(failed?.data.problem?.code, 'model-rate-limited');
  const [, again] = said(entries, 'step.request.requested');
  assert.ok((again?.time ?? 0) - (failed?.time ?? 0) >= 1_500, 'it was asked again too early');
});

it('a model that refuses ends the run, and what was paid for it is said', async () => {
  script = { ...script, cheap: [{ say: ['I would rather not'], as: 'refusal' }] };
  const { run, entries } = await finish();
  assert.equal(run.status, 'failed');
  assert.equal(run.problem?.code, 'model-refused');
  assert.deepEqual(keysOf(run.id), [`${run.id}.model.rank.1`]);
  assert.equal(said(entries, 'step.outcome.failed')[0]?.data.usage?.costMicrousd, 18);
});

it('a model that is silent has timed out under its own name, and its request is given up', async () => {
  script = { ...script, cheap: ['silence'] };
  const before = providers.cheap.asked.length;
  const { run, entries } = await finish({ timeoutMs: 4_000, retry: { attempts: 2, delayMs: 1 } });
  assert.equal(run.status, 'completed');
  assert.deepEqual(
    said(entries, 'step.outcome.failed').map(({ data }) => data.problem?.code),
    ['model-timed-out'],
  );
  assert.equal(await providers.cheap.asked[before]?.gone, 'hung up');
});

it('a run that is cancelled stops the request that is under way', async () => {
  script = { ...script, cheap: ['silence'] };
  const before = providers.cheap.asked.length;
  const { body } = await reel.ask<Submitted>('POST', '/v1/runs', { workflow: workflow(), input });
  const request = await providers.cheap.request(before);
  await reel.ask('POST', `/v1/runs/${body.id}/cancel`, { who: 'ada', why: 'enough' });
  assert.equal(await request.gone, 'hung up');
});

it('readers see what a model writes while it writes it', async () => {
  const told = Promise.withResolvers<void>();
  script = { ...script, cheap: [{ ...good, until: told.promise }] };
  const { body } = await reel.ask<Submitted>('POST', '/v1/runs', {
    workflow: {
      ...workflow({ dependsOn: ['go'] }),
      steps: [{ id: 'go', kind: 'person', prompt: 'now?', form: { type: 'object' } }, ...workflow({ dependsOn: ['go'] }).steps],
    },
    input,
  });
  let text = '';
  let last = '';
  for await (const one of watch(body.id, { tokens: true })) {
    if ('text' in one) text += one.text;
    if (text === '{"best": "Sol"}') told.resolve();
    if ('type' in one) last = one.type;
    if ('type' in one && one.type === 'step.verdict.held') {
      const { body: page } = await reel.ask<{ approvals: { id: string }[] }>('GET', `/v1/approvals?run=${body.id}`);
      await reel.ask('POST', `/v1/approvals/${page.approvals[0]?.id}`, { decision: 'grant', who: 'ada', why: 'go', form: {} });
    }
  }
  assert.equal(text, '{"best": "Sol"}');
  assert.equal(last, 'run.outcome.completed');
});
