import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Json } from '@reel/contracts/envelope.ts';
import fc from 'fast-check';
import { findingsIn, namesOf, toldOf } from './findings.ts';

const card = '4111 1111 1111 1111';

test('texts are looked through wherever they stand, and findings come in their order', () => {
  const value = { text: `paid with ${card}`, lines: ['ok', { note: `${card}, ${card}; ann@example.com` }], n: null, yes: true };
  assert.deepEqual(findingsIn(value), [
    { detector: 'card-number', at: '/text', count: 1 },
    { detector: 'card-number', at: '/lines/1/note', count: 2 },
    { detector: 'personal-data', at: '/lines/1/note', count: 1 },
  ]);
  assert.deepEqual(namesOf(findingsIn(value)), ['card-number', 'personal-data']);
  assert.deepEqual(findingsIn(card), [{ detector: 'card-number', at: '', count: 1 }]);
});

test('a card number may be a number, and other numbers are none', () => {
  assert.deepEqual(findingsIn({ card: 4_111_111_111_111_111 }), [{ detector: 'card-number', at: '/card', count: 1 }]);
  assert.deepEqual(findingsIn([1_732_183_200_000, 0.424_242_424_242_424_2, 1e21, -5, 4_111_111_111_111_112]), []);
});

test('the name of a member tells what its value is, through lists', () => {
  assert.deepEqual(findingsIn({ apiKeys: [], api_key: ['correct-horse'] }), [{ detector: 'secret', at: '/api_key/0', count: 1 }]);
  assert.deepEqual(findingsIn({ guest: { dateOfBirth: '1980-01-02' } }), [
    { detector: 'personal-data', at: '/guest/dateOfBirth', count: 1 },
  ]);
});

test('what stands in the name of a member is found, and the pointer does not tell it', () => {
  assert.deepEqual(findingsIn({ cards: { [card]: { owner: 'ann@example.com' } } }), [
    { detector: 'card-number', at: '/cards/*', count: 1 },
    { detector: 'personal-data', at: '/cards/*/owner', count: 1 },
  ]);
});

test('names with slashes and tildes are escaped, and long ones not told', () => {
  assert.equal(findingsIn({ 'a/b~c': card })[0]?.at, '/a~1b~0c');
  assert.equal(findingsIn({ ['x'.repeat(65)]: card })[0]?.at, '/*');
});

test('nothing is found in nothing, and depth does no harm', () => {
  let deep: Json = card;
  for (let k = 0; k < 50_000; k += 1) deep = [deep];
  assert.equal(findingsIn(deep).length, 1);
  for (const empty of [null, '', 0, [], {}, true]) assert.deepEqual(findingsIn(empty), []);
});

test('a sentence names the first places and counts the others', () => {
  assert.equal(toldOf([{ detector: 'secret', at: '', count: 1 }]), 'secret at the top');
  assert.equal(toldOf(findingsIn({ a: `${card}; ${card}` })), '2 times card-number at /a');
  assert.match(toldOf(findingsIn(Array.from({ length: 11 }, () => card))), /card-number at \/7, and at 3 more places$/);
});

test('a found value is never repeated, wherever it stands', () => {
  const hidden = fc.constantFrom('4111111111111111', card, 'password: hunter2', 'ann@example.com', 'DE89370400440532013000');
  const value = fc.letrec<{ node: Json }>((tie) => ({
    node: fc.oneof(
      { maxDepth: 4 },
      hidden,
      fc.string(),
      fc.array(tie('node'), { maxLength: 3 }),
      fc.dictionary(fc.oneof(hidden, fc.string()), tie('node'), { maxKeys: 3, noNullPrototype: true }),
    ),
  })).node;
  fc.assert(
    fc.property(value, (one) => !/4111|hunter2|ann@|DE89/.test(JSON.stringify(findingsIn(one)) + toldOf(findingsIn(one)))),
    { seed: 1, numRuns: 500 },
  );
});
