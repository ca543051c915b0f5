import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { chmodSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, test } from 'node:test';
import { commandLine, shellWord } from './command-line.ts';

const dir = mkdtempSync(join(tmpdir(), 'reel-shell-'));
after(() => rmSync(dir, { recursive: true }));
// Stands in for npx, and says what it was given.
writeFileSync(join(dir, 'npx'), `#!${process.execPath}\nprocess.stdout.write(JSON.stringify(process.argv.slice(2)));\n`);
chmodSync(join(dir, 'npx'), 0o700);

/** What a command that was copied into a shell is given; nothing else may happen there. */
function given(command: string): string[] {
  const before = readdirSync(dir);
  const said = execFileSync('/bin/sh', ['-c', command], {
    cwd: dir,
    env: { PATH: `${dir}:/usr/bin:/bin`, HOME: '/nowhere' },
    encoding: 'utf8',
  });
  assert.deepEqual(readdirSync(dir), before, command);
  return JSON.parse(said) as string[];
}

const hostile = [
  '$(touch x)',
  '`touch x`',
  "'; touch x; '",
  '"; touch x; "',
  "it's",
  '$HOME $(HOME) $1',
  '; touch x',
  '| touch x',
  '& touch x &',
  '> x',
  '< x',
  'a\nb\ntouch x',
  '\ttab',
  'back\\slash\\',
  '-rf',
  '--form={}',
  '--',
  '-',
  '~',
  '~root',
  '*',
  '[a-z]',
  '{a,b}',
  '!!',
  '#no comment',
  'a=b',
  '',
  ' ',
  'é 漢 \u{1f600}',
  "''",
  "$'\\x41'",
];

test('a value is one word of a shell, and nothing but passed on', () => {
  for (const value of hostile) assert.deepEqual(given(`npx ${shellWord(value)}`), [value]);
});

test('what begins with a dash is no option of the command that is suggested', () => {
  for (const value of hostile) {
    const words = given(commandLine({ command: 'npx reel approve', operands: [value, 'x'], options: { who: value, form: '{"a":…}' } }));
    assert.deepEqual(words.slice(0, 2), ['reel', 'approve']);
    // As commander and every other reader of options takes it.
    const end = words.indexOf('--', 2);
    if (value.startsWith('-')) {
      assert.deepEqual(words.slice(words.lastIndexOf('--') === words.length - 3 ? -3 : -2).slice(-2), [value, 'x']);
      assert.ok(end !== -1 && words.includes(`--who=${value}`), String(words));
    } else assert.deepEqual(words.slice(2), [value, 'x', '--who', value, '--form', '{"a":…}']);
  }
});
