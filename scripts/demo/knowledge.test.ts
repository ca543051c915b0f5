import assert from 'node:assert/strict';
import { test } from 'node:test';
import { readArticles, searchArticles } from './knowledge.ts';

const found = (query: string, limit = 3): string[] => searchArticles(readArticles(), query, limit).map(({ id }) => id);

test('a search finds what has most of the words, the best first', () => {
  assert.deepEqual(found('E-200 E13'), ['KB-17']);
  assert.deepEqual(found('g-50 grinder E21'), ['KB-32', 'KB-33']);
  assert.deepEqual(found('E-200'), ['KB-17', 'KB-18', 'KB-21']);
  assert.deepEqual(found('E-200', 1), ['KB-17']);
});

test('a search finds nothing where nothing is known', () => {
  assert.deepEqual(found('My toaster looks at me strangely'), []);
});
