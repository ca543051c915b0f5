import assert from 'node:assert/strict';
import { test } from 'node:test';
import { live } from './live.ts';
import { costLines } from './summary.ts';

const fact = {
  specversion: '1.0' as const,
  id: 'reel.0.R.tool.t.1.outcome',
  source: 'tool-executor',
  type: 'step.outcome.succeeded',
  time: '2026-11-01T10:00:00.000Z',
  datacontenttype: 'application/json' as const,
  runid: 'R',
  causationid: 'reel.0.R.tool.t.1.verdict',
  sequence: '1',
  data: { output: 1 },
};
const piece = (id: string, text: string, n = 1) => ({ at: { kind: 'model', id, n }, text });
function page() {
  const written: string[] = [];
  return { written, ...live((text) => written.push(text), false, 100) };
}
const margin = (name: string): string => `${' '.repeat(11)}${name.padEnd(14)}| `;

test('a text goes on in its line until something else is told, or another step writes', () => {
  const { written, shown, told, close } = page();
  shown(piece('draft', 'Dear '));
  shown(piece('draft', 'Ada,\nthe'));
  shown(piece('other', 'Once'));
  shown(piece('draft', ' end', 2));
  told(fact);
  shown(piece('draft', '.', 2));
  close();
  close();
  const lines = written.join('').split('\n');
  assert.match(lines.splice(4, 1)[0] ?? '', /tool-executor +t succeeded/);
  assert.deepEqual(lines, [
    `${margin('draft')}Dear Ada,`,
    `${margin('draft')}the`,
    `${margin('other')}Once`,
    `${margin('draft (2)')} end`,
    `${margin('draft (2)')}.`,
    '',
  ]);
});

test('what a model writes gives the terminal no orders', () => {
  const { written, shown } = page();
  shown(piece('m', 'a\u001b]0;mine\u0007b\u009b2Jc\td\r'));
  assert.equal(written.join(''), `${margin('m')}a\\u{1b}]0;mine\\u{7}b\\u{9b}2Jc\td\\u{d}`);
});

test('the end says what models came to, and when there were none but scripts', () => {
  assert.deepEqual(costLines({ calls: 0, inputTokens: 0, outputTokens: 0 }), []);
  assert.deepEqual(costLines({ calls: 1, inputTokens: 5, outputTokens: 2 }), ['models: 1 call, 5 tokens in, 2 out, at no known price']);
  const [line, scripted] = costLines({ calls: 2, inputTokens: 5, outputTokens: 2, costMicrousd: 1234, scripted: true });
  assert.equal(line, 'models: 2 calls, 5 tokens in, 2 out, 0.0012 USD');
  assert.match(scripted ?? '', /from scripts, not from a model.*OPENAI_API_KEY/);
});
