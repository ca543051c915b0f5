/** What the fuzzer of answers has found, each by itself: how it was a success that was none, or changed. */
import assert from 'node:assert/strict';
import { type TestContext, test } from 'node:test';
import type { Result } from '@reel/bus/runtime/perform.ts';
import type { Answer, Framing } from '../fuzz/answering.ts';
import { ID } from '../fuzz/mcp-answers.ts';
import { openApi, openMcp, openModel } from '../fuzz/opened.ts';

const told = (result: Result): unknown => {
  if (result.said === 'succeeded') return result.output;
  return 'problem' in result ? `${result.said}: ${result.problem.code}` : result.said;
};
const JSON_TYPE = 'application/json';
const answer = (body: string | Buffer, type = JSON_TYPE, more: Partial<Answer> = {}): Answer => ({
  status: 200,
  headers: [['content-type', type]],
  pieces: [Buffer.from(body)],
  framing: 'length',
  ...more,
});

test('JSON that has no end broke off, however it ended', async (context) => {
  const { answered } = await openApi(context);
  const halves: (string | Buffer)[] = ['{"a":1', '[', '[{"a":"]}', ' {"a":"\\"}', '"abc', Buffer.from([0x5b, 0x22, 0xc3])];
  for (const half of halves) {
    for (const framing of ['length', 'chunked', 'close'] as const satisfies readonly Framing[]) {
      assert.equal(told(await answered(answer(half, JSON_TYPE, { framing }))), 'failed: api-unreachable', String(half));
      assert.equal(
        told(await answered(answer(half, JSON_TYPE, { framing }), { hasEffect: true })),
        'unknown: unknown-effect',
        String(half),
      );
    }
  }
  const utf16 = Buffer.from('{"ä":[', 'utf16le');
  assert.equal(told(await answered(answer(utf16, 'application/json; charset=utf-16le'))), 'failed: api-unreachable');
  for (const text of ['OK', "{'a': 1}", '[1,]', '{"a":1}}']) assert.deepEqual(told(await answered(answer(text))), { text });
  assert.deepEqual(told(await answered(answer('{"a":', 'text/plain'))), { text: '{"a":' });
  const refused = answer('{"title":"no', 'application/problem+json', { status: 400 });
  assert.equal(told(await answered(refused, { hasEffect: true })), 'failed: api-rejected');
});

test('a part of the bytes is no answer, and a page of a list is one', async (context) => {
  const { answered } = await openApi(context);
  const ranged = (range: string, type = JSON_TYPE): Answer =>
    answer('[1]', type, {
      status: 206,
      headers: [
        ['content-type', type],
        ['content-range', range],
      ],
    });
  for (const range of ['bytes 0-2/9', 'bytes 3-5/6', 'bytes 0-2/*', 'BYTES 0-2/9']) {
    assert.equal(told(await answered(ranged(range))), 'failed: api-unreachable', range);
    assert.equal(told(await answered(ranged(range), { hasEffect: true })), 'unknown: unknown-effect', range);
  }
  assert.equal(told(await answered(ranged('', 'multipart/byteranges; boundary=x'))), 'failed: api-unreachable');
  for (const range of ['bytes 0-2/3', '0-24/3573', 'items 0-1/7', '']) assert.deepEqual(told(await answered(ranged(range))), [1], range);
});

test('a result that no fact can carry is told as one that is too deep', async (context) => {
  const { answered } = await openApi(context);
  const deep = (levels: number): Answer => answer('['.repeat(levels) + ']'.repeat(levels));
  assert.equal((await answered(deep(498))).said, 'succeeded');
  for (const levels of [499, 500, 100_000]) {
    assert.equal(told(await answered(deep(levels))), 'failed: result-too-deep');
    assert.equal(told(await answered(deep(levels), { hasEffect: true })), 'unknown: result-too-deep');
  }
});

const over = (body: string | Buffer, type = JSON_TYPE, more: Partial<Answer> = {}) => {
  const bytes = Buffer.from(body);
  const at = bytes.indexOf(ID);
  const said = (id: unknown): Buffer =>
    at < 0 ? bytes : Buffer.concat([bytes.subarray(0, at), Buffer.from(String(id)), bytes.subarray(at + ID.length)]);
  return { over: 'http', answer: (id: unknown) => answer(said(id), type, more) } as const;
};
const result = (text: string): string => `{"jsonrpc":"2.0","id":${ID},"result":${text}}`;
const events = (end: string, ...lines: readonly string[]): string => lines.map((line) => `${line}${end}`).join('');
const NO_TEXT = Buffer.concat([
  Buffer.from(`{"jsonrpc":"2.0","id":${ID},"result":{"content":[{"type":"text","text":"`),
  Buffer.from([0xe4]),
  Buffer.from('"}]}}'),
]);

test('what an item of content has stays, whatever it is called', async (context) => {
  const { answered } = await openMcp(context);
  const item = '{"type":"link","__proto__":{"a":1},"constructor":2}';
  assert.equal(JSON.stringify(told(await answered(over(result(`{"content":[${item}]}`))))), `{"text":"","content":[${item}]}`);
});

test('an answer that is no UTF-8 is none, and others on its way are heard', async (context) => {
  const { answered } = await openMcp(context);
  const line = Buffer.concat([Buffer.from('on its way: '), Buffer.from([0xe4]), Buffer.from('\n'), NO_TEXT, Buffer.from('\n')]);
  const event = Buffer.concat([Buffer.from('id: 1\ndata: '), NO_TEXT, Buffer.from('\n\n')]);
  for (const how of [over(NO_TEXT), over(event, 'text/event-stream'), { over: 'pipe', bytes: line } as const]) {
    assert.equal(told(await answered(how)), 'failed: tool-lost');
    assert.equal(told(await answered(how, { hasEffect: true })), 'unknown: unknown-effect');
  }
  const noise = Buffer.concat([Buffer.from([0xe4, 0x0a]), Buffer.from(`${result('{"structuredContent":"ä"}')}\n`)]);
  assert.equal(told(await answered({ over: 'pipe', bytes: noise })), 'ä');
});

test('a call that is answered with something else, or with half an event, is not waited for', async (context) => {
  const { answered } = await openMcp(context);
  const half = over(events('\n', 'id: 7', `data: ${result('{}')}`).slice(0, -5), 'text/event-stream', { framing: 'close' });
  for (const how of [over('[]'), over('{"jsonrpc":"2.0","id":"none","result":{}}'), over('', JSON_TYPE, { status: 202 }), half]) {
    assert.equal(told(await answered(how)), 'failed: tool-lost');
    assert.equal(told(await answered(how, { hasEffect: true })), 'unknown: unknown-effect');
  }
});

test('the lines of an event may end with returns', async (context) => {
  const { answered } = await openMcp(context);
  for (const end of ['\r', '\n', '\r\n']) {
    const body = events(end, 'event: message', `data: ${result('{"structuredContent":9007199254740993}')}`, '');
    assert.equal(told(await answered(over(body, 'text/event-stream'))), '9007199254740993', JSON.stringify(end));
  }
});

test('a session that is over is left by those alone whom the server did not know', async (context) => {
  const { answered } = await openMcp(context);
  const renewed = Promise.withResolvers<void>();
  const asked = Promise.withResolvers<void>();
  const { answer: said } = over(result('{"structuredContent":7}'), JSON_TYPE, { after: renewed.promise });
  const slow = answered({
    over: 'http',
    answer: (id) => {
      asked.resolve();
      return said(id);
    },
  });
  await asked.promise;
  assert.equal(told(await answered(over('no', 'text/plain', { status: 404 }), { hasEffect: true })), 'failed: tool-unavailable');
  renewed.resolve();
  assert.equal(told(await slow), 7);
});

const chat = (content: string, more = '"finish_reason":"stop"'): string =>
  `{"choices":[{"message":{"content":${JSON.stringify(content)}},${more}}]}`;
async function model(context: TestContext) {
  const asked = await openModel(context);
  return async (...args: Parameters<typeof asked>) => told(await asked(...args));
}

test('a part of a broken answer is not taken for what was asked for', async (context) => {
  const asked = await model(context);
  for (const text of [
    '{"x":{"a":1},"y":',
    '{"x":{"a":1},}',
    '[{"a":1},{"b"',
    'So: {"x":{"a":1}, "y": [',
    '```json\n{"x":{"a":1},\n```',
    '{ "x": {"a":1} "y": 2}',
    '```json\n"{}"\n```\nIs there more?',
    '```\n[{}]\n```\nIs there more?',
  ]) {
    assert.equal(await asked(answer(chat(text)), 'object'), 'failed: model-nonsense', text);
  }
  for (const text of ['I thought {of much} and [so on: {"a":1}', 'first [this], then {"a":1}'])
    assert.deepEqual(await asked(answer(chat(text)), 'object'), { a: 1 }, text);
  assert.deepEqual(await asked(answer(chat('{"result":[1],"more":2}')), 'anything'), { result: [1], more: 2 });
  assert.deepEqual(await asked(answer(chat('{"result":[1]}')), 'list'), [1]);
});

test('of several answers of a model the first is the answer, and an empty reason is none', async (context) => {
  const asked = await model(context);
  const chunk = (index: number, content: string, reason: string | null): string =>
    `data: ${JSON.stringify({ choices: [{ index, delta: { content }, finish_reason: reason }] })}\n\n`;
  const stream = (...chunks: readonly string[]): Answer => answer(`${chunks.join('')}data: [DONE]\n\n`, 'text/event-stream');
  assert.deepEqual(await asked(stream(chunk(0, 'a', ''), chunk(1, 'x', 'stop'), chunk(0, 'b', 'stop'))), { text: 'ab' });
  assert.equal(await asked(stream(chunk(0, 'a', ''), chunk(1, 'x', 'stop'))), 'failed: model-unavailable');
  assert.equal(await asked(stream(chunk(0, 'a', ''))), 'failed: model-unavailable');
});

test('what a model says in no UTF-8 is no answer', async (context) => {
  const asked = await model(context);
  const [before = '', after = ''] = chat('a?b').split('?');
  const bytes = Buffer.concat([Buffer.from(before), Buffer.from([0xe4]), Buffer.from(after)]);
  assert.equal(await asked(answer(bytes)), 'failed: model-nonsense');
  const stream = Buffer.concat([Buffer.from('data: '), bytes, Buffer.from('\n\ndata: [DONE]\n\n')]);
  assert.equal(await asked(answer(stream, 'text/event-stream')), 'failed: model-nonsense');
});
