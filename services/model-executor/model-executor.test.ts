import assert from 'node:assert/strict';
import { dirname } from 'node:path';
import { test } from 'node:test';
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
  const { error } = await call({ timeoutMs: 3_000 });
  assert.deepEqual(error?.problem, {
    code: 'model-timed-out',
    message: 'the model "gpt-fixture" did not answer in time (2700 ms)',
    retryable: true,
  });
  assert.equal(await (await endpoint.request(0)).gone, 'hung up');
});

test('a model that stops in the middle of its words has timed out likewise', async (context) => {
  const { call, endpoint } = await model(context, { say: ['Sol '], until: new Promise(() => {}) });
  const { error, shown } = await call({ timeoutMs: 3_000 });
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
  const { call } = await model(context, { status: 404, body: { error: { message, type: 'x', param: null, code: 'unscripted' } } });
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
