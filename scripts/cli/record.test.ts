import assert from 'node:assert/strict';
import { type TestContext, test } from 'node:test';
import type { Draft, Json, JsonSchema } from '@reel/contracts/envelope.ts';
import { type Call, stepFailed, stepRequested, stepSucceeded } from '@reel/contracts/step.ts';
import { startOffline } from '@reel/model-executor/offline/offline.ts';
import { readScenario } from '@reel/model-executor/offline/scenario.ts';
import type { Told } from './api.ts';
import { recordScript } from './record.ts';

/** Facts as the gateway tells them. */
const told = (drafts: readonly Draft[]): Told[] =>
  drafts.map(({ type, slot, at, data }, index) => ({
    specversion: '1.0',
    id: `reel.0.R.${at.kind}.${at.id}.${at.n}.${slot}`,
    source: 'test',
    type,
    time: '2026-01-01T00:00:00.000Z',
    datacontenttype: 'application/json',
    runid: 'R',
    causationid: 'reel.0.R.run.run.1.request',
    sequence: String(index).padStart(20, '0'),
    data: data as Json,
  }));
const model = (id: string, n = 1) => ({ kind: 'model', id, n });
const asks = (matter: { [name: string]: Json }, more: Partial<Call> = {}) => ({
  call: { uses: 'big', effect: 'metered' as const, timeoutMs: 1000, arguments: matter, ...more },
});
const usage = { model: 'big', inputTokens: 1, outputTokens: 1, latencyMs: 1, finishReason: 'stop' };
const answers = (output: Json) => ({ output, usage });
const failure = (code: string) => ({ problem: { code, message: `the model "big" did: ${code}`, retryable: false }, usage });

/** What the recording answers to a call, asked as the executor asks. */
async function replaying(context: TestContext, events: readonly Told[]) {
  const text = recordScript(events);
  const offline = await startOffline({ scripts: [readScenario(text, 'recorded.yaml')] });
  context.after(() => offline.close());
  type Reply = {
    choices: { message: { content: string | null; refusal: string | null }; finish_reason: string }[];
    error?: { code: string; message: string };
  };
  const ask = async (matter: Json, { prompt, output }: { prompt?: string; output?: JsonSchema } = {}): Promise<Reply> => {
    const response = await fetch(`${offline.url}/chat/completions`, {
      method: 'POST',
      body: JSON.stringify({
        model: 'scripted',
        messages: [
          ...(prompt === undefined ? [] : [{ role: 'system', content: prompt }]),
          { role: 'user', content: JSON.stringify(matter) },
        ],
        ...(output === undefined
          ? {}
          : { response_format: { type: 'json_schema', json_schema: { name: 'result', strict: false, schema: output } } }),
      }),
    });
    return (await response.json()) as Reply;
  };
  const said = async (...asked: Parameters<typeof ask>): Promise<string | null | undefined> =>
    (await ask(...asked)).choices[0]?.message.content;
  return { text, ask, said };
}

const object = { type: 'object', properties: { steps: { type: 'array' } } };

test('a recorded run is answered again, word for word, whatever looks like an expression', async (context) => {
  const plan: Json = {
    steps: [
      { id: 'search', kind: 'tool', uses: 'find', with: { place: '= input.place', note: '== not one', '=key': '===' }, dependsOn: [] },
      {
        id: 'rank',
        kind: 'model',
        prompt: 'Rank.\n\n  "Quiet" first: yes\n',
        when: null,
        at: '2026-12-01',
        odd: ['=', '', 'null', 'yes', '1e3', ' x '],
      },
    ],
    ['__proto__']: { a: '=' },
  };
  const request = { task: 'plan', goal: 'A trip: "quiet", # cheap', input: { n: 1.5, list: [1, null, true] } };
  const { said, text } = await replaying(
    context,
    told([
      stepRequested(model('plan-1'), asks(request, { prompt: 'You plan.\nDo it = well.', output: object })),
      stepSucceeded(model('plan-1'), answers(plan)),
      stepRequested(model('rank'), asks({ task: 'rank', of: '= steps' })),
      stepSucceeded(model('rank'), answers({ text: '= a plain text, "quoted"\n' })),
      stepRequested({ kind: 'tool', id: 'pay', n: 1 }, asks({ card: '4111' })),
      stepSucceeded({ kind: 'tool', id: 'pay', n: 1 }, answers({ paid: true })),
    ]),
  );
  const again = await said(
    { input: request.input, goal: request.goal, task: 'plan' },
    { prompt: 'You plan.\nDo it = well.', output: object },
  );
  assert.deepEqual(JSON.parse(again ?? ''), plan);
  assert.equal(await said({ task: 'rank', of: '= steps' }), '= a plain text, "quoted"\n');
  assert.doesNotMatch(text, /4111/);
  assert.match(text, /^# Recorded by .*\nname: recorded R\nreplies:\n {2}- task: plan\n/);
});

test('another prompt, other arguments or another schema are not answered', async (context) => {
  const asked = asks({ task: 'plan', goal: 'a' }, { prompt: 'You plan.', output: object });
  const { ask } = await replaying(
    context,
    told([stepRequested(model('plan-1'), asked), stepSucceeded(model('plan-1'), answers({ steps: [] }))]),
  );
  const same = { prompt: 'You plan.', output: object };
  assert.equal((await ask({ task: 'plan', goal: 'a' }, same)).error, undefined);
  const wrong = [
    await ask({ task: 'plan', goal: 'b' }, same),
    await ask({ task: 'plan', goal: 'a' }, { ...same, prompt: 'You plot.' }),
    await ask({ task: 'plan', goal: 'a' }, { ...same, output: { type: 'array' } }),
    await ask({ task: 'plan', goal: 'a' }, { prompt: 'You plan.' }),
  ];
  assert.deepEqual(
    wrong.map(({ error }) => error?.code),
    Array(4).fill('unscripted'),
  );
  assert.match(
    wrong[0]?.error?.message ?? '',
    /recorded\.yaml reply 1, wants exactly the request that was recorded \(it differs in goal\)/,
  );
});

test('attempts that were answered differently are answered so again, in their order; trouble on the way is left out', async (context) => {
  const asked = asks({ task: 'draft' }, { output: object });
  const { said } = await replaying(
    context,
    told([
      stepRequested(model('draft', 1), asked),
      stepFailed(model('draft', 1), failure('model-rate-limited')),
      stepRequested(model('draft', 2), asked),
      stepSucceeded(model('draft', 2), answers({ draft: 1 })),
      stepRequested(model('draft', 3), asked),
      stepSucceeded(model('draft', 3), answers({ draft: 2 })),
    ]),
  );
  const drafts = [];
  for (let i = 0; i < 3; i++) drafts.push(await said({ task: 'draft' }, { output: object }));
  assert.deepEqual(drafts, ['{"draft":1}', '{"draft":2}', '{"draft":2}']);
});

test('a refusal, an answer cut short and one that was filtered come again as what they were', async (context) => {
  const { ask } = await replaying(
    context,
    told(
      ['model-refused', 'model-truncated', 'model-filtered'].flatMap((code) => [
        stepRequested(model(code), asks({ task: code })),
        stepFailed(model(code), failure(code)),
      ]),
    ),
  );
  const ends = [];
  for (const task of ['model-refused', 'model-truncated', 'model-filtered']) ends.push((await ask({ task })).choices[0]);
  assert.equal(ends[0]?.message.refusal, 'the model "big" did: model-refused');
  assert.deepEqual(
    ends.map((end) => end?.finish_reason),
    ['stop', 'length', 'content_filter'],
  );
});

test('a run in which no model said anything cannot be recorded', () => {
  const events = told([stepRequested(model('plan-1'), asks({ task: 'plan' })), stepFailed(model('plan-1'), failure('model-unavailable'))]);
  assert.throws(() => recordScript(events), /^Error: no model said anything in the run R, so there is nothing to record$/);
});
