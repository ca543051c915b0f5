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
  const { text, refusal, finishReason, usage, model } = reply;
  assert.deepEqual(
    { text, refusal, finishReason, usage, model },
    { text: 'ab', refusal: '', finishReason: 'stop', usage: { inputTokens: 5, outputTokens: 2 }, model: 'm-1' },
  );
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

test('JSON is taken bare, from a fence, or from prose, and what fits is taken before what does not', () => {
  assert.deepEqual(resultOf(said('[1, 2]'), 'm', form), [1, 2]);
  assert.deepEqual(resultOf(said('```json\n[1]\n```\n'), 'm', form), [1]);
  assert.deepEqual(resultOf(said(' ```\n[]\n``` '), 'm', form), []);
  for (const text of [
    'Here is the JSON:\n\n```json\n[1]\n```\n\nTell me if you need more.',
    'Sure! [1] is what you asked for.',
    'I read {"a": "]["} first, so: [1].',
    'First ```\n{"x":1}\n``` and then ```JSON\n[1]\n```',
    '{"result":[1]}',
  ])
    assert.deepEqual(resultOf(said(text), 'm', form), [1], text);
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
  assert.equal(code(said('\n ', { finishReason: 'stop' })), 'model-nonsense');
  assert.equal(code(said('', { finishReason: undefined })), 'model-nonsense');
});

test('only the words that say that an answer is complete make it one', () => {
  for (const finishReason of ['stop', 'STOP', 'end_turn', 'stop_sequence', 'eos', 'completed'])
    assert.equal(code(said('x', { finishReason })), 'fine');
  const others: Record<string, string> = {
    error: 'model-unavailable',
    length: 'model-truncated',
    MAX_TOKENS: 'model-truncated',
    SAFETY: 'model-filtered',
    tool_calls: 'model-stopped',
    function_call: 'model-stopped',
    insufficient_system_resource: 'model-stopped',
    unheard_of: 'model-stopped',
  };
  for (const [finishReason, expected] of Object.entries(others)) assert.equal(code(said('x', { finishReason })), expected, finishReason);
});

test('an error within a choice is what it says, and is asked again only where that may help', () => {
  const broken = (error: object): Reply =>
    folded([{ choices: [{ delta: { content: 'Refund 1' } }] }, { choices: [{ delta: {}, finish_reason: 'stop', error }] }]);
  assert.equal(code(broken({ code: 502, message: 'x' })), 'model-unavailable');
  assert.equal(code(broken({ code: 'what' })), 'model-unavailable');
  assert.equal(code(broken({ code: 429 })), 'model-rate-limited');
  assert.equal(code(broken({ code: 400 })), 'model-rejected-request');
});

test('what is thought aloud is set apart, however it is sent and cut into pieces', () => {
  const pieces = (...contents: string[]): { reply: Reply; shown: string } => {
    let shown = '';
    let reply = nothingYet;
    for (const content of [...contents, undefined]) {
      const heard = heardMore(reply, { choices: [{ delta: { content }, finish_reason: content === undefined ? 'stop' : null }] });
      shown += heard.more;
      reply = heard.reply;
    }
    return { reply, shown };
  };
  const whole = '<think>\nA leak, so it is high.\n</think>\n\n{"urgency":"high"}';
  for (const contents of [[whole], whole.split(''), ['  ', whole], [whole.slice(0, 3), whole.slice(3, 40), whole.slice(40)]]) {
    const { reply, shown } = pieces(...contents);
    assert.deepEqual([reply.text, reply.reasoning, shown], ['{"urgency":"high"}', 'A leak, so it is high.', '{"urgency":"high"}']);
  }
  assert.equal(pieces('I think so.</think>\nYes').reply.text, 'Yes');
  for (const text of ['<thin', '<b>x</b>', 'a <think>x</think>', '<'])
    assert.deepEqual([pieces(...text.split('')).reply.text, pieces(...text.split('')).shown.length > 0], [text, true], text);
  assert.equal(code(pieces('<think>', 'and on and on').reply), 'model-nonsense');
  const apart = folded([
    { choices: [{ delta: { reasoning_content: 'hm' } }] },
    { choices: [{ delta: { reasoning: 'so', content: 'Yes' }, finish_reason: 'stop' }] },
  ]);
  assert.deepEqual([apart.text, apart.reasoning], ['Yes', 'hmso']);
});

test('content may be a list of parts', () => {
  const content = [
    { type: 'thinking', thinking: [{ type: 'text', text: 'hm' }] },
    { type: 'text', text: 'Y' },
    'es',
    { type: 'image_url', image_url: {} },
  ];
  assert.equal(folded([{ choices: [{ delta: { content }, finish_reason: 'stop' }] }]).text, 'Yes');
  assert.equal(folded([{ choices: [{ message: { content: 'whole' }, finish_reason: 'stop' }] }]).text, 'whole');
});
