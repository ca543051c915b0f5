import assert from 'node:assert/strict';
import { test } from 'node:test';
import { strayAims } from './aims.ts';
import { parsePolicies } from './policies.ts';

const properties = (...names: string[]) => ({ type: 'object', properties: Object.fromEntries(names.map((name) => [name, {}])) });
const tools = [
  { name: 'pay', input: properties('total', 'card') },
  { name: 'book', input: properties('card', 'city') },
  { name: 'note', input: { type: 'object' } },
];

const strays = (condition: string, resource = 'resource'): string[] =>
  strayAims(
    parsePolicies([
      { path: 'p/a.cedar', name: 'a.cedar', text: `forbid (principal, action == Action::"step", ${resource})\nwhen { ${condition} };` },
    ]).values(),
    tools,
  );
const paying = 'resource == Tool::"pay"';

test('a tool that is not there, and an argument that none of the tools takes, are told with their places', () => {
  assert.deepEqual(strays('true', 'resource == Tool::"pya"'), ['p/a.cedar:1:64: no tool is called "pya"; did you mean "pay"?']);
  assert.deepEqual(strays('context.arguments has totl && context.arguments.totl > 5', paying), [
    'p/a.cedar:2:30: none of pay takes "totl"; did you mean "total"?',
  ]);
  assert.deepEqual(strays('resource in [Tool::"pay", Tool::"book"] && context.arguments has town'), [
    'p/a.cedar:2:73: none of pay, book takes "town"',
  ]);
});

test('what some tool takes, or may take, is nothing to tell of', () => {
  assert.deepEqual(strays('resource in [Tool::"pay", Tool::"book"] && context.arguments has city'), []);
  assert.deepEqual(strays('context.arguments has anything'), []);
  assert.deepEqual(strays('context.arguments has anything', 'resource == Tool::"note"'), []);
  assert.deepEqual(strays('context.arguments.card == context.input.cadr', paying), []);
});
