import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { test } from 'node:test';
import { inLine, jsonText, line, paint, rendered, visible } from './terminal.ts';

/** What acts on a terminal, or cannot be seen there. */
const HIDDEN = /(?![\n\t])[\p{Cc}\p{Cf}\p{Cs}\p{Zl}\p{Zp}\p{Default_Ignorable_Code_Point}]/u;
const hostile = [
  '\u001b[2J\u001b[H',
  '\u001b]0;title\u0007',
  '\u001b]8;;http://evil.example\u001b\\link\u001b]8;;\u001b\\',
  '\u001b]52;c;cm0gLXJm\u0007',
  '\u009b31m',
  '\u009d0;x\u009c',
  'safe\rfake',
  'secret\b\b\b\b\b\bhidden',
  '\u007f',
  '\u202egnp.exe',
  '\u2066x\u2069',
  '\u200e\u200f\u061c',
  'pay\u200bpal',
  'x\u{e0041}\u{e007f}',
  'a\u2028b\u2029c',
  'v\ufe0f\u{e0100}',
  '\u3164\u115f',
  '\ufeff\u00ad\u2060',
  '\ud800',
  'x\udfff',
];

test('nothing that acts or hides reaches a terminal, of all the characters there are', () => {
  for (let code = 0; code <= 0x10ffff; code += 1) {
    const letter = String.fromCodePoint(code);
    const shown = rendered(`a${letter}b`);
    if (HIDDEN.test(shown)) assert.fail(`U+${code.toString(16)} passes as it is`);
    if (HIDDEN.test(letter)) assert.equal(shown, `a\\u{${code.toString(16)}}b`);
    else assert.equal(shown, `a${letter}b`);
  }
  for (const text of hostile) assert.doesNotMatch(rendered(text), HIDDEN, JSON.stringify(text));
});

test('what is shown stays as it is when it is shown again', () => {
  for (const text of hostile) assert.equal(visible(visible(text)), visible(text));
});

test('a value stays within its line', () => {
  assert.equal(line`run ${'a\nrun b completed\t'} is over`, 'run a\\u{a}run b completed\\u{9} is over');
  assert.equal(inLine('a\r\nb'), 'a\\u{a}b');
});

test('JSON in which nothing hides has the same value', () => {
  for (const text of [...hostile, 'plain', 'é 漢 \u{1f600}']) {
    const value = { [text]: [text, { deep: text }] };
    for (const json of [jsonText(value), jsonText(value, 2)]) {
      assert.doesNotMatch(json, HIDDEN);
      assert.deepEqual(JSON.parse(json), value);
      assert.equal(rendered(json), json);
    }
  }
});

test('colours of ours are colours, and those of others are not', () => {
  assert.equal(rendered(paint('good', 32)), '\u001b[32mgood\u001b[0m');
  assert.equal(rendered(paint('\u001b[31mbad', 32)), '\u001b[32m\\u{1b}[31mbad\u001b[0m');
});

test('letters of every script, and emoji of several parts, stay as they are', () => {
  for (const text of [
    'Ångström',
    'שלום',
    'مرحبا',
    '漢字',
    'हिन्दी',
    '\u{1f468}\u200d\u{1f469}\u200d\u{1f467}',
    '❤\ufe0f',
    '\u{1f3f3}\ufe0f\u200d\u{1f308}',
    '1\ufe0f\u20e3',
  ])
    assert.equal(visible(text), text);
});

test('a line of the log hides nothing either, and says the same', () => {
  const file = new URL('./terminal.ts', import.meta.url).href;
  const program = `import pino from 'pino'; import { logTo } from ${JSON.stringify(file)}; pino({}, logTo(1)).info({ error: process.env.TEXT }, process.env.TEXT);`;
  const text = hostile.filter((one) => one.isWellFormed()).join(' ');
  const said = execFileSync(process.execPath, ['--input-type=module', '-e', program], {
    env: { TEXT: text },
    cwd: import.meta.dirname,
    encoding: 'utf8',
  });
  assert.doesNotMatch(said.trimEnd(), HIDDEN);
  const { error, msg } = JSON.parse(said) as { error: string; msg: string };
  assert.deepEqual([error, msg], [text, text]);
});
