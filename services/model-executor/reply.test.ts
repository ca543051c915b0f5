import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Failure } from '@reel/bus/service.ts';
import { heardMore, nothingYet, type Reply } from './reply.ts';
import { resultOf } from './result.ts';

const folded = (chunks: readonly unknown[]): Reply => chunks.reduce<Reply>((reply, chunk) => heardMore(reply, chunk).reply, nothingYet);

test('pieces add up to a text, and what the provider counts last counts', () => {
  const reply = folded([
    { model: 'm-1', choices: [{ delta: { role: 'assistant', content: '' }, finish_reason: null }], usage: null },
    { model: 'm-1', choices: [{ delta: { content: 'a' } }], usage: { prompt_tokens: 5, completion_tokens: 1 } },
    { choices: [{ delta: { content: 'b' }, finish_reason: 'stop' }] },
    { choices: [], usage: { prompt_tokens: 5, completion_tokens: 2, total_tokens: 7 } },
  ]);
  assert.deepEqual(reply, { text: 'ab', refusal: '', finishReason: 'stop', usage: { inputTokens: 5, outputTokens: 2 }, model: 'm-1' });
});

test('each chunk tells what it adds', () => {
  assert.equal(heardMore(nothingYet, { choices: [{ delta: { content: 'a' } }] }).more, 'a');
  assert.equal(heardMore(nothingYet, { choices: [{ delta: { refusal: 'no' } }] }).more, '');
});

test('chunks with less than the usual are taken as they are', () => {
  assert.deepEqual(folded([{}, { choices: null }, { choices: [{}] }, { usage: {} }]), {
    ...nothingYet,
    usage: { inputTokens: 0, outputTokens: 0 },
  });
});

test('what is no chunk is refused', () => {
  for (const raw of [null, 'text', { choices: {} }, { choices: [{ delta: { content: 3 } }] }, { usage: { prompt_tokens: -1 } }])
    assert.throws(() => heardMore(nothingYet, raw), { name: 'ZodError' });
});

const said = (text: string, more: Partial<Reply> = {}): Reply => ({ ...nothingYet, text, finishReason: 'stop', ...more });
const form = { type: 'array', items: { type: 'number' } };

test('JSON is taken bare or from a fence', () => {
  assert.deepEqual(resultOf(said('[1, 2]'), 'm', form), [1, 2]);
  assert.deepEqual(resultOf(said('```json\n[1]\n```\n'), 'm', form), [1]);
  assert.deepEqual(resultOf(said(' ```\n[]\n``` '), 'm', form), []);
});

test('without a form the text stays as it is, JSON or not', () => {
  assert.deepEqual(resultOf(said(' [1] '), 'm', undefined), { text: ' [1] ' });
});

const code = (reply: Reply): string => {
  try {
    resultOf(reply, 'm', undefined);
  } catch (error) {
    return (error as Failure).problem.code;
  }
  return 'fine';
};

test('the provider’s reason comes before the model’s words', () => {
  assert.equal(code(said('text', { finishReason: 'content_filter', refusal: 'no' })), 'model-filtered');
  assert.equal(code(said('', { finishReason: 'length', refusal: 'no' })), 'model-refused');
  assert.equal(code(said('text', { finishReason: 'length' })), 'model-truncated');
  assert.equal(code(said('text', { finishReason: undefined })), 'model-unavailable');
  assert.equal(code(said('\n ', { finishReason: 'tool_calls' })), 'model-nonsense');
  assert.equal(code(said('', { finishReason: undefined })), 'model-nonsense');
});
