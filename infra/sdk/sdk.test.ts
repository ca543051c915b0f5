import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { story } from '@reel/contracts/story.ts';
import * as facts from './facts.ts';
import * as sdk from './sdk.ts';
import * as testing from './testing.ts';

/** Tables are written with as many spaces as make columns of them. */
const read = (file: string): string => readFileSync(join(import.meta.dirname, file), 'utf8').replaceAll(/ +\|/g, ' |');

/** The first cells of the table's rows below a heading of the README. */
function documented(entry: string): string[] {
  const [, section = ''] = read('README.md').split(`\n## \`${entry}\`\n`);
  const [own = ''] = section.split(/\n## /);
  return [...own.matchAll(/^\| `(\w+)` \|/gm)].map(([, name]) => name as string).sort();
}

/** Every name that a file exports, those of types included. */
const exported = (file: string): string[] =>
  [...read(file).matchAll(/^export (?:type )?\{([^}]*)\}/gm)]
    .flatMap(([, names = '']) => names.split(','))
    .map((name) => name.trim().replace(/^type /, ''))
    .filter((name) => name !== '')
    .sort();

test('the README has every name that is exported, and no other', () => {
  for (const [entry, file, module] of [
    ['@reel/sdk', 'sdk.ts', sdk],
    ['@reel/sdk/testing', 'testing.ts', testing],
    ['@reel/sdk/facts', 'facts.ts', facts],
  ] as const) {
    assert.deepEqual(documented(entry), exported(file), entry);
    // What there is at run time is among them: nothing is exported in a way that was not looked for.
    for (const name of Object.keys(module)) assert.ok(documented(entry).includes(name), `${entry}: ${name}`);
  }
});

test('a sentence says what each name is', () => {
  const rows = read('README.md').match(/^\| `.*$/gm) ?? [];
  for (const row of rows) assert.match(row, /\| [^|`].{12,}\. \|$/, row);
});

test('every fact of the story is there, under its type', () => {
  assert.deepEqual(new Set(Object.values(facts)), new Set(story));
  for (const [name, { type }] of Object.entries(facts)) assert.ok(read('README.md').includes(`| \`${name}\` | \`${type}\` |`), name);
});

test('the example of a timer and its test are the files that they name', () => {
  for (const name of ['ticker.ts', 'ticker.test.ts']) {
    const example = readFileSync(join(import.meta.dirname, '../../test/extension', name), 'utf8');
    assert.ok(read('README.md').includes(`<!-- test/extension/${name} -->\n\`\`\`ts\n${example.trim()}\n\`\`\``), name);
  }
});
