import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Failure } from '@reel/bus/service.ts';
import type { Behaviour } from './fixtures/endpoint.ts';
import { KEY, model } from './fixtures/opened.ts';

const output = {
  type: 'object',
  required: ['best', 'nights'],
  properties: { best: { type: 'string' }, nights: { type: 'integer' } },
  additionalProperties: false,
};

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
  assert.equal(logged.find(({ level }) => level === 'warn')?.fields['error'], '401 Incorrect API key provided: (secret)');
});
