import assert from 'node:assert/strict';
import { test } from 'node:test';
import { checkAgainst, compileSchema, SchemaError } from './schema.ts';

const offer = {
  type: 'object',
  required: ['price'],
  additionalProperties: false,
  properties: { price: { type: 'number' }, stars: { enum: [3, 4, 5] }, when: { type: 'string', format: 'date-time' } },
};

test('a value that fits has nothing wrong with it', () => {
  assert.equal(checkAgainst(offer, { price: 12.5, stars: 4, when: '2026-07-01T12:00:00Z' }), undefined);
});

test('what does not fit is named with its place, what was expected and what is there', () => {
  assert.equal(checkAgainst(offer, { price: 'abc' }), '/price: must be number, is "abc"');
  assert.equal(checkAgainst(offer, {}), '/: must have the property "price"');
  assert.equal(checkAgainst(offer, { price: 1, stars: 2 }), '/stars: must be one of 3, 4, 5, is 2');
  assert.equal(checkAgainst(offer, { price: 1, colour: 'red' }), '/: must not have the property "colour"');
  assert.equal(checkAgainst(offer, { price: 1, when: 'soon' }), '/when: must match format "date-time", is "soon"');
  assert.equal(checkAgainst(offer, undefined), '/: must be object, is nothing');
});

test('all of it is said at once, five at most, and long values are cut', () => {
  const text = checkAgainst({ type: 'array', items: { type: 'number' } }, ['a'.repeat(200), 'b', 'c', 'd', 'e', 'f', 'g']) as string;
  assert.match(text, /^\/0: must be number, is "a{76}\.\.\.; \/1: .*; and 2 more$/);
});

test('drafts 2020-12 and 7 mean different things by the same words, and are both understood', () => {
  const pair = [{ type: 'string' }, { type: 'number' }];
  const draft7 = { $schema: 'http://json-schema.org/draft-07/schema#', type: 'array', items: pair };
  const draft2020 = { $schema: 'https://json-schema.org/draft/2020-12/schema', type: 'array', prefixItems: pair };
  for (const schema of [draft7, draft2020]) {
    assert.equal(checkAgainst(schema, ['a', 1]), undefined);
    assert.equal(checkAgainst(schema, ['a', 'b']), '/1: must be number, is "b"');
  }
  assert.throws(() => compileSchema({ type: 'array', items: pair }), /not a usable JSON Schema: .*items must be object,boolean/);
});

test('a schema that is none is an error of its own, which names what is wrong in it', () => {
  assert.throws(
    () => compileSchema({ type: 'nubmer' }),
    (error: Error) => error instanceof SchemaError && /type must be/.test(error.message),
  );
  assert.throws(() => compileSchema({ $ref: 'https://example.com/other.json' }), /can't resolve reference/);
  assert.throws(() => compileSchema({ $schema: 'http://json-schema.org/draft-03/schema#' }), /draft-03.*2020-12/);
});

test("two schemas of the same $id do not get into each other's way", () => {
  assert.equal(checkAgainst({ $id: 'https://example.com/a', type: 'string' }, 1), '/: must be string, is 1');
  assert.equal(checkAgainst({ $id: 'https://example.com/a', type: 'number' }, 1), undefined);
});

test('a schema cannot make itself pass everything by calling itself asynchronous', () => {
  assert.equal(checkAgainst({ $async: true, type: 'string' }, 1), '/: must be string, is 1');
});

test('copies of a schema share one check', () => {
  assert.equal(compileSchema(structuredClone(offer)), compileSchema(structuredClone(offer)));
});
