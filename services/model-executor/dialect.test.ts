/** Providers as they are: what one does not take is asked of it otherwise, at no price, and is remembered. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Asked, Behaviour } from './fixtures/endpoint.ts';
import { model } from './fixtures/opened.ts';

const output = { type: 'object', required: ['urgency'], properties: { urgency: { enum: ['low', 'high'] } } };
const refused = (message: string, param: string | null = null): Behaviour => ({
  status: 400,
  body: { error: { message, type: 'invalid_request_error', param, code: null } },
});
type Format = { readonly type: string; readonly json_schema?: { readonly schema: { readonly type?: string } } };
const formatOf = ({ body }: Asked): Format | undefined => body['response_format'] as Format | undefined;
const HIGH: Behaviour = { say: ['{"urgency":"high"}'] };

test('who knows no json_schema is asked for some JSON, and who knows neither is asked in words', async (context) => {
  for (const known of [['json_schema', 'json_object'], ['json_object'], []]) {
    const { call, endpoint } = await model(context, (asked) => {
      const type = formatOf(asked)?.type;
      if (type !== undefined && !known.includes(type)) return refused('This response_format type is unavailable now');
      if (type !== 'json_schema' && !JSON.stringify(asked.body.messages).includes('urgency')) return { say: ['It is urgent.'] };
      return HIGH;
    });
    assert.deepEqual((await call({ output })).result, { urgency: 'high' });
    const before = endpoint.asked.length;
    assert.deepEqual((await call({ output })).result, { urgency: 'high' });
    // It is remembered: the second time nothing is refused.
    assert.equal(endpoint.asked.length, before + 1);
    assert.equal(before, 3 - known.length);
    const keys = endpoint.asked.map(({ headers }) => headers['idempotency-key']);
    assert.equal(new Set(keys.slice(0, before)).size, before, 'what is another request has another key');
  }
});

test('an answer that is no object is asked for within one', async (context) => {
  const list = { type: 'array', items: { $ref: '#/$defs/word' }, $defs: { word: { type: 'string' } } };
  const { call, endpoint } = await model(context, (asked) => {
    const schema = formatOf(asked)?.json_schema?.schema;
    return schema?.type === 'object'
      ? { say: ['{"result":["a","b"]}'] }
      : refused(`schema must be a JSON Schema of 'type: "object"'`, 'response_format');
  });
  assert.deepEqual((await call({ output: list })).result, ['a', 'b']);
  assert.equal(endpoint.asked.length, 1);
});

test('parts of a request that are not known are left out, or called otherwise', async (context) => {
  const { call, endpoint } = await model(context, ({ body }) =>
    body['stream_options'] === undefined ? { say: ['ok'] } : refused("Unrecognized request argument: 'stream_options'"),
  );
  assert.deepEqual((await call()).result, { text: 'ok' });
  assert.deepEqual(
    endpoint.asked.map(({ body }) => 'stream_options' in body),
    [true, false],
  );
});

test('what is refused for another reason is not asked again', async (context) => {
  const { call, endpoint } = await model(context, refused('the prompt is too long'));
  assert.match((await call({ output })).error?.message ?? '', /did not take the request/);
  assert.equal(endpoint.asked.length, 1);
});

test('an answer that comes all at once is read, and so is an error in its place', async (context) => {
  const completion = {
    choices: [{ message: { role: 'assistant', content: 'all at once' }, finish_reason: 'stop' }],
    usage: { prompt_tokens: 1, completion_tokens: 2 },
  };
  const whole = await model(context, { status: 200, body: completion });
  assert.deepEqual((await whole.call()).result, { text: 'all at once' });
  const broken = await model(context, { status: 200, body: { error: { message: 'no such model', code: 404 } } });
  assert.match((await broken.call()).error?.message ?? '', /did not take the request \(HTTP 404\)/);
  assert.equal(broken.endpoint.asked.length, 1);
});
