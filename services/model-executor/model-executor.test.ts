import assert from 'node:assert/strict';
import { dirname } from 'node:path';
import { test } from 'node:test';
import { Failure } from '@reel/bus/service.ts';
import type { Behaviour } from './fixtures/endpoint.ts';
import { file, KEY, model, opened } from './fixtures/opened.ts';

const output = {
  type: 'object',
  required: ['best', 'nights'],
  properties: { best: { type: 'string' }, nights: { type: 'integer' } },
  additionalProperties: false,
};

test('it asks what the call says: instructions, matter, form, and a key that is the attempt’s own', async (context) => {
  const { call, endpoint } = await model(context, { say: ['{"best":"Sol","nights":2}'] });
  const { result } = await call({ output });
  await call({ prompt: undefined, at: { kind: 'model', id: 'rank', n: 2 } });
  assert.deepEqual(result, { best: 'Sol', nights: 2 });
  const [first, second] = endpoint.asked;
  assert.equal(first?.url, '/v1/chat/completions');
  assert.equal(first?.headers.authorization, `Bearer ${KEY}`);
  const matter = { role: 'user', content: '{"task":"rank","hotels":["Sol","Mar"]}' };
  assert.deepEqual(first?.body, {
    model: 'gpt-fixture',
    messages: [{ role: 'system', content: 'Rank these hotels.' }, matter],
    response_format: { type: 'json_schema', json_schema: { name: 'result', strict: false, schema: output } },
    stream: true,
    stream_options: { include_usage: true },
  });
  assert.deepEqual(second?.body.messages, [matter]);
  assert.equal('response_format' in (second?.body ?? {}), false);
  assert.deepEqual(
    [first, second].map((asked) => asked?.headers['idempotency-key']),
    ['R.model.rank.1', 'R.model.rank.2'],
  );
});

test('a provider that asks for no key is given none', async (context) => {
  const { call, endpoint } = await model(context, { say: ['ok'] }, { OPENAI_API_KEY: '' });
  assert.deepEqual((await call()).result, { text: 'ok' });
  assert.equal(endpoint.asked[0]?.headers.authorization, undefined);
});

test('what it says is shown while it says it, in order, and without a form the text is the result', async (context) => {
  const half = Promise.withResolvers<void>();
  const { call } = await model(context, { say: ['Sol ', 'is ', 'quiet'], until: half.promise });
  let seen = '';
  const { result, shown } = await call({
    show: (text) => {
      seen += text;
      if (seen === 'Sol is quiet') half.resolve();
    },
  });
  assert.deepEqual(shown, ['Sol ', 'is ', 'quiet']);
  assert.deepEqual(result, { text: 'Sol is quiet' });
});

test('tokens, cost, latency and the reason for its end are told', async (context) => {
  const prices = await file(
    context,
    'prices.yaml',
    'models: { gpt-fixture: { microusdPerMillionInput: 500000, microusdPerMillionOutput: 2000000 } }',
  );
  const { call } = await model(context, { say: ['ok'] }, { REEL_PRICES: prices });
  const { usage } = await call();
  assert.ok(Number.isInteger(usage?.latencyMs) && (usage?.latencyMs ?? -1) >= 0);
  assert.deepEqual(
    { ...usage, latencyMs: 0 },
    {
      model: 'gpt-fixture',
      inputTokens: 12,
      outputTokens: 3,
      costMicrousd: 12,
      latencyMs: 0,
      finishReason: 'stop',
    },
  );
});

test('a provider that does not count leaves the cost open', async (context) => {
  const { call } = await model(context, { say: ['ok'], usage: null });
  const { usage } = await call();
  assert.deepEqual(
    { ...usage, latencyMs: 0 },
    { model: 'gpt-fixture', inputTokens: 0, outputTokens: 0, latencyMs: 0, finishReason: 'stop' },
  );
});

const body = (message: string, code: string | number | null) => ({ error: { message, type: 'x', param: null, code } });
type Expected = { code: string; retryable: boolean; message: RegExp; finish?: string; tokens?: number; retryAfterMs?: number };
const chaos: Record<string, [Behaviour, Expected]> = {
  'is asked too often, with a wait in seconds': [
    { status: 429, headers: { 'retry-after': '7' }, body: body('slow down', 'rate_limit_exceeded') },
    { code: 'model-rate-limited', retryable: true, message: /asked too often \(HTTP 429\)/, retryAfterMs: 7_000 },
  ],
  'is asked too often, with a wait in milliseconds': [
    { status: 429, headers: { 'retry-after-ms': '120.5', 'retry-after': '1' } },
    { code: 'model-rate-limited', retryable: true, message: /HTTP 429/, retryAfterMs: 121 },
  ],
  'is asked too often, until a date that is over': [
    { status: 429, headers: { 'retry-after': 'Sat, 01 Jan 2000 00:00:00 GMT' } },
    { code: 'model-rate-limited', retryable: true, message: /HTTP 429/, retryAfterMs: 0 },
  ],
  'has no quota left': [
    { status: 429, body: body('pay', 'insufficient_quota') },
    { code: 'model-rate-limited', retryable: true, message: /no quota left/ },
  ],
  'has trouble': [
    { status: 500, body: 'oh no' },
    { code: 'model-unavailable', retryable: true, message: /HTTP 500/ },
  ],
  'has trouble, and says for how long': [
    { status: 503, headers: { 'retry-after': '2' } },
    { code: 'model-unavailable', retryable: true, message: /HTTP 503/, retryAfterMs: 2_000 },
  ],
  'has a gateway before it that gives up': [{ status: 504 }, { code: 'model-timed-out', retryable: true, message: /in time/ }],
  'is cut off in the middle': [
    { begin: ['{"best":'], and: 'cut' },
    { code: 'model-unavailable', retryable: true, message: /broke off in the middle of its answer/ },
  ],
  'ends without an end': [
    { begin: ['{"best":"Sol","nights":2}'], and: 'end' },
    { code: 'model-unavailable', retryable: true, message: /broke off in the middle of its answer/ },
  ],
  'says in the middle that it has trouble': [
    { begin: ['{"best":'], and: { error: { message: 'overloaded', code: 502 } } },
    { code: 'model-unavailable', retryable: true, message: /HTTP 502/ },
  ],
  'says in the middle that it is asked too often': [
    { begin: [], and: { error: { message: 'slow down', code: 'rate_limit_exceeded' } } },
    { code: 'model-rate-limited', retryable: true, message: /asked too often/ },
  ],
  'says in the middle that something is wrong': [
    { begin: [], and: { error: { message: 'hm' } } },
    { code: 'model-unavailable', retryable: true, message: /with an error in the middle/ },
  ],
  'says half a JSON': [
    { say: ['{"best":', '"So'] },
    { code: 'model-nonsense', retryable: true, message: /not JSON \(11 characters\)/, finish: 'stop', tokens: 3 },
  ],
  'says something of another form': [
    { say: ['{"best":7,"nights":"two","more":1}'] },
    {
      code: 'model-nonsense',
      retryable: true,
      message: /must not have the property "more"; \/best: must be string, is 7; \/nights: must be integer, is "two"/,
      finish: 'stop',
      tokens: 3,
    },
  ],
  'says nothing': [{ say: [] }, { code: 'model-nonsense', retryable: true, message: /answered nothing/, finish: 'stop', tokens: 3 }],
  'sends no stream at all': [{ raw: '' }, { code: 'model-nonsense', retryable: true, message: /answered nothing/ }],
  'streams what is not JSON': [{ raw: 'data: {"cho\n\n' }, { code: 'model-nonsense', retryable: true, message: /no chat completion/ }],
  'streams what is no completion': [
    { raw: 'data: {"choices":"none"}\n\n' },
    { code: 'model-nonsense', retryable: true, message: /no chat completion/ },
  ],
  refuses: [
    { say: ['I cannot ', 'help'], as: 'refusal' },
    { code: 'model-refused', retryable: false, message: /refused/, finish: 'stop', tokens: 3 },
  ],
  'is filtered': [
    { say: ['{"best'], finish: 'content_filter' },
    { code: 'model-filtered', retryable: false, message: /content filter/, finish: 'content_filter', tokens: 3 },
  ],
  'is not even asked, by the filter': [
    { status: 400, body: body('bad words', 'content_filter') },
    { code: 'model-filtered', retryable: false, message: /content filter/ },
  ],
  'runs out of tokens': [
    { say: ['{"best":"Sol","nights":2}'], finish: 'length' },
    { code: 'model-truncated', retryable: false, message: /ran out of tokens/, finish: 'length', tokens: 3 },
  ],
  'does not accept the key': [
    { status: 401, body: body(`Incorrect API key provided: ${KEY}. See https://platform.example/keys`, 'invalid_api_key') },
    { code: 'model-rejected-request', retryable: false, message: /HTTP 401\): its API key was not accepted/ },
  ],
  'is not known there': [
    { status: 404, body: body('no such model', 'model_not_found') },
    { code: 'model-rejected-request', retryable: false, message: /HTTP 404\): its provider does not know it/ },
  ],
  'is given too much': [
    { status: 400, body: body('too long', 'context_length_exceeded') },
    { code: 'model-rejected-request', retryable: false, message: /more to read than it can take in/ },
  ],
  'does not like the request': [
    { status: 422, body: '<html>' },
    { code: 'model-rejected-request', retryable: false, message: /HTTP 422\): the log of the model-executor/ },
  ],
};
for (const [what, [behaviour, expected]] of Object.entries(chaos)) {
  test(`a model that ${what}: ${expected.code}, ${expected.retryable ? 'to be tried again' : 'for good'}, asked once`, async (context) => {
    const { call, endpoint, logged } = await model(context, behaviour);
    const { error, usage } = await call({ output });
    assert.ok(error instanceof Failure, String(error));
    const { code, retryable, retryAfterMs, message } = error.problem;
    assert.deepEqual({ code, retryable, retryAfterMs }, { ...pick(expected), retryAfterMs: expected.retryAfterMs });
    assert.match(message, expected.message);
    assert.match(message, /^the model "gpt-fixture" /);
    assert.doesNotMatch(message, new RegExp(`127\\.0\\.0\\.1|localhost|${endpoint.port}|https?:|${KEY}|platform`));
    assert.equal(endpoint.asked.length, 1);
    assert.equal(usage?.finishReason, expected.finish ?? 'none');
    assert.equal(usage?.outputTokens, expected.tokens ?? 0);
    const entry = logged.find(({ level }) => level === 'warn');
    assert.equal(entry?.message, message);
    assert.doesNotMatch(JSON.stringify(logged), new RegExp(KEY));
  });
}
const pick = ({ code, retryable }: Expected) => ({ code, retryable });

test('what a provider said is in the log, without the key that it repeats', async (context) => {
  const { call, logged } = await model(context, { status: 401, body: body(`Incorrect API key provided: ${KEY}`, null) });
  await call();
  assert.equal(logged.find(({ level }) => level === 'warn')?.fields['error'], '401 Incorrect API key provided: …');
});

test('a provider that is not there is unavailable', async (context) => {
  const { call, endpoint, logged } = await model(context, 'silence');
  await endpoint.close();
  const { error, usage } = await call();
  assert.deepEqual(error?.problem, {
    code: 'model-unavailable',
    message: 'the model "gpt-fixture" could not be reached',
    retryable: true,
  });
  assert.equal(usage?.finishReason, 'none');
  assert.match(String(logged.find(({ level }) => level === 'warn')?.fields['cause']), /ECONNREFUSED|fetch failed/);
});

test('a model that never answers has timed out, before the bus says so of the call, and is left alone', async (context) => {
  const { call, endpoint } = await model(context, 'silence');
  const { error } = await call({ timeoutMs: 400 });
  assert.deepEqual(error?.problem, {
    code: 'model-timed-out',
    message: 'the model "gpt-fixture" did not answer in time (360 ms)',
    retryable: true,
  });
  assert.equal(await (await endpoint.request(0)).gone, 'hung up');
});

test('a model that stops in the middle of its words has timed out likewise', async (context) => {
  const { call, endpoint } = await model(context, { say: ['Sol '], until: new Promise(() => {}) });
  const { error, shown } = await call({ timeoutMs: 400 });
  assert.equal(error?.problem.code, 'model-timed-out');
  assert.deepEqual(shown, ['Sol ']);
  assert.equal(await endpoint.asked[0]?.gone, 'hung up');
});

test('whoever aborts stops the request at the provider, and has been told what it came to', async (context) => {
  const { call, endpoint } = await model(context, 'silence');
  const control = new AbortController();
  const called = call({ signal: control.signal });
  const asked = await endpoint.request(0);
  const reason = new Error('nobody wants it any more');
  control.abort(reason);
  assert.equal(await asked.gone, 'hung up');
  const { error, usage } = await called;
  assert.equal(error, reason);
  assert.equal(usage?.finishReason, 'none');
});

test('what nobody wants before it is begun is not asked', async (context) => {
  const { call, endpoint } = await model(context, { say: ['ok'] });
  const { error } = await call({ signal: AbortSignal.abort(new Error('too late')) });
  assert.equal(error?.message, 'too late');
  assert.equal(endpoint.asked.length, 0);
});

test('a request that no script covers is told in the words of whoever has the scripts', async (context) => {
  const message = 'no script covers this request. Configure a model with OPENAI_API_KEY, or add a script.';
  const { call } = await model(context, { status: 404, body: body(message, 'unscripted') });
  assert.deepEqual((await call()).error?.problem, { code: 'model-unscripted', message, retryable: false });
});

test('a form that is no JSON Schema is not asked for', async (context) => {
  const { call, endpoint } = await model(context, { say: ['{}'] });
  const { error } = await call({ output: { type: 'objekt' } });
  assert.equal(error?.problem.code, 'model-rejected-request');
  assert.match(error?.message ?? '', /was not asked: .*not a usable JSON Schema/);
  assert.equal(endpoint.asked.length, 0);
});

test('a model that is not configured is unavailable, and those that are, are named', async (context) => {
  const { call } = await model(context, { say: ['ok'] });
  const { error } = await call({ uses: 'other' });
  assert.equal(error?.problem.code, 'model-unavailable');
  assert.match(error?.message ?? '', /"other" at the moment \(offered: gpt-fixture\)/);
});

test('each model of several is asked at its own provider, by the name that it has there', async (context) => {
  const [one, two] = [await model(context, { say: ['one'] }), await model(context, { say: ['two'] })];
  const list = await file(
    context,
    'models.yaml',
    `models:
  - { name: quick, model: q-1, baseUrl: "${one.endpoint.url}", capabilities: [rank], price: low }
  - { name: deep, baseUrl: "${two.endpoint.url}", apiKey: "\${DEEP_KEY}", price: high }
`,
  );
  const { call, offers } = await opened(context, { REEL_MODELS: list, DEEP_KEY: 'k' });
  assert.deepEqual(offers, [
    {
      models: [
        { name: 'quick', capabilities: ['rank'], price: 'low' },
        { name: 'deep', capabilities: [], price: 'high' },
      ],
    },
  ]);
  assert.deepEqual((await call({ uses: 'quick' })).result, { text: 'one' });
  assert.deepEqual((await call({ uses: 'deep' })).result, { text: 'two' });
  assert.equal(one.endpoint.asked[0]?.body.model, 'q-1');
  assert.equal(two.endpoint.asked[0]?.body.model, 'deep');
  assert.equal(two.endpoint.asked[0]?.headers.authorization, 'Bearer k');
});

test('where no model is configured scripts answer, which the log, the offer and the usage say', async (context) => {
  const scripts = await file(
    context,
    'greet.yaml',
    'name: greet\nreplies:\n  - { task: greet, reply: { text: "= \'hello \' & request.who" } }\n',
  );
  const folder = dirname(scripts);
  const { call, offers, logged } = await opened(context, { REEL_SCENARIOS: folder });
  assert.deepEqual(offers[0]?.models, [
    { name: 'scripted', capabilities: ['plan', 'answer', 'structured', 'judge'], price: 'low', scripted: true },
  ]);
  const start = logged[0]?.message ?? '';
  assert.ok(
    start.startsWith(`no model is configured: answers are SCRIPTED, from 1 script in ${folder}; configure one with OPENAI_API_KEY`),
  );

  const greet = await call({ uses: 'scripted', arguments: { task: 'greet', who: 'Ada' }, output: { type: 'object', required: ['text'] } });
  assert.deepEqual(greet.result, { text: 'hello Ada' });
  assert.equal(greet.usage?.scripted, true);
  assert.equal(greet.usage?.costMicrousd, 0);

  const { error, usage } = await call({ uses: 'scripted' });
  assert.equal(error?.problem.code, 'model-unscripted');
  assert.match(error?.message ?? '', /no script covers this request[\s\S]*OPENAI_API_KEY/);
  assert.equal(usage?.scripted, true);
});
