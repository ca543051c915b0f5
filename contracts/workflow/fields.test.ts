import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { JsonSchema } from '../envelope.ts';
import { ToolDefinition } from '../tool.ts';
import { readWorkflow } from './source.ts';

const invoice: JsonSchema = {
  type: 'object',
  required: ['id', 'total'],
  properties: {
    id: { type: 'string' },
    total: { type: 'number' },
    customer: { $ref: '#/$defs/person' },
    lines: { type: 'array', items: { type: 'object', properties: { sku: {}, amount: { type: 'number' } } } },
    payment: { oneOf: [{ properties: { iban: {} } }, { properties: { card: {} } }] },
    more: { type: 'object' },
    tags: { type: 'object', additionalProperties: { type: 'object', properties: { colour: {} } } },
    open: { type: 'object', properties: { a: {} }, additionalProperties: true },
    both: { allOf: [{ properties: { left: {} } }, { properties: { right: {} } }] },
    // biome-ignore lint/suspicious/noThenProperty: a word of JSON Schema
    maybe: { if: {}, then: { properties: { sure: {} } }, properties: { base: {} } },
    numbered: {
      type: 'object',
      patternProperties: { '^n[0-9]+$': { type: 'object', properties: { x: {} } } },
      additionalProperties: false,
    },
    tree: { $ref: '#/$defs/node' },
    pair: { type: 'array', prefixItems: [{ properties: { first: {} } }, { properties: { second: {} } }] },
    pick: { type: ['object', 'null'], properties: { one: {} } },
  },
  $defs: {
    person: { type: 'object', properties: { name: { type: 'string' }, address: { properties: { city: {} } } } },
    node: { properties: { value: {}, next: { $ref: '#/$defs/node' } } },
  },
};

const tool = (name: string, output?: object): [string, ToolDefinition] => [
  name,
  ToolDefinition.parse({
    name,
    server: 's',
    input: { type: 'object' },
    output,
    effect: 'read-only',
    timeoutMs: 1,
    concurrency: 1,
    digest: 'd',
  }),
];
const tools = new Map([tool('get', invoice as object), tool('unknown')]);

/** What is wrong with an expression, in whichever place it stands. */
function wrong(expression: string, place: 'when' | 'with' | 'assert' = 'with'): string[] {
  const step = {
    with: { with: { x: `= ${expression}` } },
    when: { when: expression },
    assert: { assert: [expression] },
  }[place];
  const { findings } = readWorkflow(
    {
      name: 't',
      input: invoice,
      steps: [
        { id: 'got', uses: 'get', fallback: { kind: 'model', prompt: 'p', output: { properties: { guess: {} } } } },
        { id: 'ask', kind: 'person', prompt: 'p', form: { properties: { ok: { type: 'boolean' } } } },
        { id: 'think', kind: 'model', prompt: 'p' },
        { id: 'dark', uses: 'unknown' },
        { id: 'told', uses: 'unknown', output: { properties: { said: {} } } },
        { id: 'last', uses: 'get', dependsOn: ['got', 'ask', 'think', 'dark', 'told'], ...step },
      ],
    },
    tools,
  );
  return findings.map(({ message }) => message.replace(/ \(in .*/, ''));
}

describe('a field that is read', () => {
  const right = [
    'input.total > 1000',
    'input.customer.name',
    'input.customer.address.city',
    'input.lines.amount',
    'input.lines[amount > 5].sku',
    'input.lines[0].sku',
    '$sum(input.lines.amount)',
    '$map(input.lines, function($l) { $l.amount })',
    '$filter(input.lines, function($l, $i) { $l.amount > $i })[0].sku',
    '$sort(input.lines, function($a, $b) { $a.amount > $b.amount }).sku',
    'input.lines^(amount).sku',
    'input.lines{ sku: amount }',
    'input.payment.card',
    'input.more.anything.at.all',
    'input.tags.red.colour',
    'input.open.b.c',
    'input.both.(left & right)',
    'input.maybe.sure',
    'input.numbered.n1.x',
    'input.tree.next.next.next.value',
    'input.pair.second',
    'input.pick.one',
    '($i := input; $i.total)',
    '$$.input.total',
    'steps.got.total',
    'steps.got.guess',
    'steps.ask.ok',
    'steps.think.text',
    'steps.dark.anything',
    'steps.told.said',
    '{ "a": input }.a.total',
    '$lookup(input, "totl")',
    'input.lines@$l.whatever',
    'input.*.whatever',
    'input.**.whatever',
    'steps.*.whatever',
    'input ~> |lines|{ "x": sku }|',
  ];
  for (const expression of right) it(`is there: ${expression}`, () => assert.deepEqual(wrong(expression), []));

  const misread: [expression: string, message: RegExp][] = [
    ['input.totl > 1000', /^input has no field "totl": by its schema it has .*; did you mean "total"\?/],
    ['input.customer.nam', /^input\.customer has no field "nam": by its schema it has address, name; did you mean "name"/],
    ['input.customer.address.town', /^input\.customer\.address has no field "town"/],
    ['input.lines.amont', /^input\.lines has no field "amont".*"amount"/],
    ['input.lines[amont > 5].sku', /^it has no field "amont"/],
    ['$sum(input.lines.amont)', /"amont"/],
    ['$map(input.lines, function($l) { $l.amont })', /^\$l has no field "amont"/],
    ['$map(input.lines, function($l) { $l }).amont', /"amont"/],
    ['$filter(input.lines, function($l) { $l.amont > 5 })', /"amont"/],
    ['input.lines^(amont).sku', /"amont"/],
    ['input.lines{ sku: amont }', /"amont"/],
    ['input.payment.crd', /"crd".*card, iban/],
    ['input.tags.red.color', /"color"/],
    ['input.both.middle', /"middle".*left, right/],
    ['input.maybe.unsure', /"unsure"/],
    ['input.numbered.x1', /"x1"/],
    ['input.numbered.n1.y', /"y"/],
    ['input.tree.next.next.vlue', /"vlue".*"value"/],
    ['input.pair.third', /"third"/],
    ['input.pick.two', /"two"/],
    ['input.total.cents', /^input\.total has no field "cents": by its schema it has no fields/],
    ['($i := input; $i.totl)', /^\$i has no field "totl"/],
    ['$$.input.totl', /"totl"/],
    ['$exists(input.totl)', /"totl"/],
    ['input.totl ? 1 : 2', /"totl"/],
    ['input.(totl)', /"totl"/],
    ['steps.got.totl', /^steps\.got has no field "totl"/],
    ['steps.ask.okay', /^steps\.ask has no field "okay"/],
    ['steps.think.txt', /^steps\.think has no field "txt".*"text"/],
    ['steps.told.sad', /^steps\.told has no field "sad".*"said"/],
    ['{ "a": input }.a.totl', /"totl"/],
    ['"x" & input.totl & "y"', /"totl"/],
    ['[input.totl]', /"totl"/],
    ['-input.totl', /"totl"/],
    ['input.lines ~> $map(function($l) { input.totl })', /"totl"/],
  ];
  for (const [expression, message] of misread) {
    it(`is not: ${expression}`, () => {
      const [first, ...more] = wrong(expression);
      assert.match(first ?? 'nothing is wrong', message);
      assert.deepEqual(more, []);
    });
  }

  it('is looked for wherever an expression may stand', () => {
    for (const place of ['when', 'with', 'assert'] as const) assert.match(wrong('input.totl = 1', place)[0] ?? 'nothing', /"totl"/, place);
    assert.match(wrong('result.totl = 1', 'assert')[0] ?? 'nothing', /^result has no field "totl"/);
  });

  it('is pointed at', () => {
    const text = 'name: t\ninput: { properties: { total: {} } }\nsteps:\n  - { id: a, kind: x, when: "input.totl > 1000" }\n';
    const [finding] = readWorkflow(text).findings;
    const column = (text.split('\n')[3] as string).indexOf('totl') + 1;
    assert.deepEqual([finding?.line, finding?.column], [4, column]);
  });
});

it('schemas that refer to each other many times are looked at once for each field', () => {
  const $defs = Object.fromEntries(
    Array.from({ length: 40 }, (_, n) => [`d${n}`, { anyOf: [{ $ref: `#/$defs/d${n + 1}` }, { $ref: `#/$defs/d${n + 1}` }] }]),
  );
  const input = { $ref: '#/$defs/d0', $defs: { ...$defs, d40: { properties: { a: {} } } } };
  const { findings } = readWorkflow({ name: 't', input, steps: [{ id: 's', kind: 'x', when: 'input.b' }] });
  assert.match(findings[0]?.message ?? '', /no field "b"/);
});
