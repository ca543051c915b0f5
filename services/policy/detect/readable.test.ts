import assert from 'node:assert/strict';
import { test } from 'node:test';
import { readable, wordsOf } from './readable.ts';

test('digits of all scripts, exotic spaces and dashes become plain ones, and what is invisible goes', () => {
  assert.equal(readable('４１ ٤١ ४१ 𝟜𝟙'), '41 41 41 41');
  assert.equal(readable('1\u00a02\u20093\u202f4\u30005'), '1 2 3 4 5');
  assert.equal(readable('1\u20132\u20143\u22124\uff0d5'), '1-2-3-4-5');
  assert.equal(readable('1\u200b2\u20603\u00ad4\ufeff5'), '12345');
  assert.equal(readable('1·2•3'), '1.2.3');
});

test('plain text stays as it is', () => {
  assert.equal(readable('a "b" 1-2.3\tc\n'), 'a "b" 1-2.3\tc\n');
});

test('the name of a member is read as words', () => {
  for (const name of ['dateOfBirth', 'date_of_birth', 'date-of-birth', 'Date of birth']) assert.equal(wordsOf(name), 'date of birth');
});
