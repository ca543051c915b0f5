/** Every regular expression of our own, tried on long texts made of what it looks for: none may take more than linear time. */
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { filesBelow, root } from '@reel/scripts/tree.ts';
import { ours } from './own-patterns.ts';

/** A linear search through so many characters takes about a millisecond, one that goes back from each of them some hundred. */
const CHARACTERS = 24_000;
const SUSPICIOUS_MS = 60;

const cpuMs = (): number => {
  const { user, system } = process.threadCpuUsage();
  return (user + system) / 1000;
};

function costOf(expression: RegExp, text: string): number {
  const before = cpuMs();
  expression.lastIndex = 0;
  text.replace(expression, '');
  return cpuMs() - before;
}

/** What a pattern is made of, and what stops it. */
function seedsFor({ source }: RegExp): string[] {
  const letters = [...new Set(source.replace(/\\[wdsbSDWBuxpP]|[\\^$()[\]{}|?*+]/g, ''))].slice(0, 24);
  const words = source.match(/[A-Za-z]{2,}/g)?.slice(0, 8) ?? [];
  return [...new Set([' ', '\n', '\t', 'a', 'A', '0', '1', '-', '.', '/', ':', '_', '"', "'", '\\', 'é', ...letters, ...words])];
}

function worst(expression: RegExp): { ms: number; pump: string } {
  let found = { ms: 0, pump: '' };
  const seeds = seedsFor(expression);
  const pumps = [...seeds, ...seeds.slice(0, 26).flatMap((a) => seeds.slice(0, 26).map((b) => a + b))];
  for (const pump of pumps) {
    const body = pump.repeat(Math.ceil(CHARACTERS / pump.length));
    // Nobody else's turn counts twice in a row.
    const ms = Math.min(...[0, 1].map(() => costOf(expression, `${body}\u0001`)).slice(0, 2));
    if (ms > found.ms) found = { ms, pump };
  }
  return found;
}

const rooms = ['contracts', 'infra/bus', 'services', 'scripts'];
const files = filesBelow(rooms, (path) => path.endsWith('.ts') && !path.endsWith('.test.ts'));
for (const path of files) {
  const expressions = ours(readFileSync(join(root, path), 'utf8'));
  if (expressions.length === 0) continue;
  test(`${path}: its ${expressions.length} take linear time`, () => {
    for (const expression of expressions) {
      const { ms, pump } = worst(expression);
      assert.ok(ms < SUSPICIOUS_MS, `${expression} takes ${ms.toFixed(0)} ms for ${CHARACTERS} characters of ${JSON.stringify(pump)}`);
    }
  });
}

test('one that goes back from every character is found', () => {
  assert.ok(worst(/\s+$/).ms > SUSPICIOUS_MS);
});
