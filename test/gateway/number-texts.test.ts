/** Every way of writing a number, through every door by which JSON or YAML comes in: what comes out again has the same value. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { readJson } from '@reel/bus/runtime/json.ts';
import type { Json } from '@reel/contracts/envelope.ts';
import { parseJson } from '@reel/contracts/exact-json.ts';
import { checkAgainst, limitsAgain, numbersAgain } from '@reel/contracts/schema.ts';
import { parse } from '@reel/contracts/workflow/program.ts';
import { readWorkflow } from '@reel/contracts/workflow/source.ts';
import { jsonIn } from '@reel/model-executor/json-in.ts';
import { exactly } from '@reel/tool-executor/http.ts';
import { readAnswer } from '@reel/tool-executor/media.ts';
import fc from 'fast-check';

const BIG = '7615917337495251231';
const INT64 = '9223372036854775807';

const digits = (min: number, max: number): fc.Arbitrary<string> =>
  fc.string({ unit: fc.constantFrom(...'0123456789'.split('')), minLength: min, maxLength: max });
const number = fc
  .tuple(
    fc.constantFrom('', '-'),
    digits(1, 24),
    fc.oneof(fc.constant(''), digits(1, 24)),
    fc.oneof(fc.constant(''), fc.integer({ min: -420, max: 420 }).map(String)),
    fc.constantFrom('e', 'E', 'e+', 'E+'),
  )
  .map(([sign, whole, fraction, exponent, e]) => {
    const power = exponent === '' ? '' : `${exponent.startsWith('-') ? e[0] : e}${exponent}`;
    return `${sign}${whole.replace(/^0+(?=\d)/, '')}${fraction === '' ? '' : `.${fraction}`}${power}`;
  });
const printed = fc.double({ noNaN: true, noDefaultInfinity: true }).map((double) => JSON.stringify(double));
const numbers = fc.oneof(number, printed, fc.constantFrom(BIG, INT64, '-0', '1.0', '1e400', '0.1000000000000000055'));

/** The value as a whole number of 10^-1000: nothing is lost. */
function sizeOf(text: string): bigint {
  const [, sign, whole = '', fraction = '', exponent = '0'] = /^(-?)(\d+)(?:\.(\d+))?(?:[eE]([+-]?\d+))?$/.exec(text) ?? assert.fail(text);
  const size = BigInt(whole + fraction) * 10n ** BigInt(1_000 - fraction.length + Number(exponent));
  return sign === '-' ? -size : size;
}

async function throughStream(text: string, type: string, cut: number): Promise<Json> {
  const body = type === 'text/event-stream' ? `event: message\r\nid: ${BIG}\r\ndata: {"x":${text}}\r\n\r\n` : `{"x":\n${text}}`;
  const bytes = new TextEncoder().encode(body);
  const pieces = [bytes.slice(0, cut % bytes.length), bytes.slice(cut % bytes.length)];
  const stream = new ReadableStream({
    start(controller) {
      for (const piece of pieces) controller.enqueue(piece);
      controller.close();
    },
  });
  const read = await exactly(new Response(stream, { headers: { 'content-type': type } })).text();
  if (type !== 'text/event-stream') return (JSON.parse(read) as { x: Json }).x;
  assert.ok(read.includes(`\r\nid: ${BIG}\r\n`), read);
  return (JSON.parse(/data: (.*)\r\n/.exec(read)?.[1] as string) as { x: Json }).x;
}

/** Where the number stands in a workflow, when it is read. */
function throughYaml(text: string): Json {
  const read = readWorkflow(`name: w\nsteps: [{ id: s, uses: t, with: { x: ${text} } }]\n`);
  assert.ok(read.workflow !== undefined, JSON.stringify(read));
  return read.workflow.steps[0]?.with?.['x'] as Json;
}

const doors: { readonly [name: string]: (text: string, cut: number) => Json | Promise<Json> } = {
  JSON: parseJson,
  'a fact': (text) => (readJson(`{"x":[${text}]}`) as { x: Json[] }).x[0] as Json,
  'an API': (text) => (readAnswer(Buffer.from(`{"x":${text}}`), 'application/json', () => false) as { x: Json }).x,
  'a model': (text) => ([...jsonIn(`So it is:\n\`\`\`json\n{"x":${text}}\n\`\`\``)][0] as { x: Json }).x,
  'an answer of a server': (text, cut) => throughStream(text, 'application/json', cut),
  'an event of a server': (text, cut) => throughStream(text, 'text/event-stream', cut),
  YAML: throughYaml,
};

for (const [name, read] of Object.entries(doors)) {
  test(`a number comes out of ${name} as it went in, and out of what is stored of it`, async () => {
    await fc.assert(
      fc.asyncProperty(numbers, fc.nat(200), async (text, cut) => {
        const value = await read(text, cut);
        const stored = JSON.parse(JSON.stringify({ value })).value as Json;
        assert.deepEqual(stored, value === 0 ? 0 : value);
        const sent = JSON.stringify(numbersAgain({ type: 'number' }, stored));
        assert.equal(sizeOf(sent), sizeOf(text), `${text} became ${sent}`);
        // A text only where there is no other way.
        const double = Number(text);
        const isCarried = Number.isFinite(double) && sizeOf(JSON.stringify(double)) === sizeOf(text);
        assert.equal(typeof value, isCarried ? 'number' : 'string', text);
      }),
      { numRuns: 300 },
    );
  });
}

test('what is no number is left alone', () => {
  fc.assert(
    fc.property(fc.jsonValue(), fc.nat(4), (value, indent) => {
      const text = JSON.stringify(value, null, indent);
      assert.deepEqual(parseJson(text), JSON.parse(text));
    }),
    { numRuns: 500 },
  );
});

test('a number of very many digits costs as much as a text of that length', () => {
  // Trying each zero within it anew took 15 minutes.
  for (const text of [`0.1${'0'.repeat(1_000_000)}1`, `1e-${'9'.repeat(1_000_000)}`, `${'1'.repeat(1_000_000)}`])
    assert.equal(parseJson(`[${text}]`)?.[0 as never], text);
});

test('limits and values of 64 bits in a schema', () => {
  const schema = parseJson(
    `{"type":"object","properties":{"n":{"type":"integer","minimum":-9223372036854775808,"maximum":${INT64}},"one":{"type":"integer","enum":[1,${BIG}]}}}`,
  ) as never;
  assert.equal(checkAgainst(schema, { n: BIG, one: BIG }), undefined);
  assert.equal(checkAgainst(schema, { n: 5, one: 1 }), undefined);
  assert.match(checkAgainst(schema, { n: '123456789012345678901234567890' }) ?? '', /\/n: must be <= /);
  assert.match(checkAgainst(schema, { one: 2 }) ?? '', /\/one: must be one of/);
  assert.equal(JSON.stringify(numbersAgain(schema, { one: BIG })), `{"one":${BIG}}`);
  assert.match(JSON.stringify(limitsAgain(schema)), new RegExp(`"maximum":${INT64}`));
});

test('a default, and a property of any name, in a schema of 64 bits', () => {
  const whole = { type: 'integer', maximum: INT64, default: BIG, examples: [BIG, 1] };
  const schema = { type: 'object', properties: { default: whole, enum: whole, text: { type: 'string', default: BIG } } };
  assert.equal(checkAgainst(schema, { default: BIG, enum: 5, text: 'x' }), undefined);
  assert.match(checkAgainst(schema, { default: '9223372036854775809000' }) ?? '', /\/default: must be <= /);
  const written = `{"type":"integer","maximum":${INT64},"default":${BIG},"examples":[${BIG},1]}`;
  assert.equal(
    JSON.stringify(limitsAgain(schema)),
    `{"type":"object","properties":{"default":${written},"enum":${written},"text":{"type":"string","default":"${BIG}"}}}`,
  );
});

test('a number keeps its digits where an expression makes a text of it, or a copy', async () => {
  const lists: { readonly [source: string]: (number: number) => Json } = {
    'input.n & ""': String,
    '"" & input.n': String,
    '"a" & (input.n & "b") & input.n': (number) => `a${number}b${number}`,
    '$string(input.n)': String,
    'input.n ~> $string': String,
    'input.n.$string()': String,
    '$string({"a": [input.n]})': (number) => JSON.stringify({ a: [number] }),
    '"" & [input.n, {"n": input.n}]': (number) => JSON.stringify([number, { n: number }]),
    '$map([input.n, 1], $string)': (number) => [String(number), '1'],
    '(input ~> |$|{"x": 1}|).n': (number) => number,
    '($string := function($x){"own"}; input.n & $string(1))': (number) => `${number}own`,
  };
  const programs = Object.entries(lists).map(([source, is]) => ({ source, is, program: parse(source) }));
  const doubles = fc.oneof(
    fc.double({ noNaN: true, noDefaultInfinity: true }),
    fc.constantFrom(90071992547409.94, 0.1 + 0.2, 5e-324, 1e21),
  );
  await fc.assert(
    fc.asyncProperty(doubles, async (number) => {
      for (const { source, is, program } of programs)
        assert.deepEqual(JSON.stringify(await program.run({ input: { n: number } })), JSON.stringify(is(number)), source);
    }),
    { numRuns: 200, seed: 12 },
  );
});

test('what is no number, or none that can be written, is made a text as JSONata makes it', async () => {
  const scope = { input: { text: 'a', list: [1, 'b', null, true], none: null } } as never;
  for (const [source, is] of [
    ['input.nothing & "x"', 'x'],
    ['"x" & input.nothing', 'x'],
    ['input.list & input.text', '[1,"b",null,true]a'],
    ['$string(input.none) & input.none', 'nullnull'],
    ['$sum & "x"', 'x'],
    ['$string({"f": $sum, "a": 1})', '{"f":"","a":1}'],
    ['$string(input.list, true)', JSON.stringify([1, 'b', null, true], undefined, 2)],
    ['$exists($string(input.nothing))', false],
  ] as const)
    assert.equal(await parse(source).run(scope), is, source);
  for (const source of ['1/0 & ""', '"" & [1/0]', '$string(1/0)', '$string({"a": 1/0})'])
    await assert.rejects(parse(source).run(scope), /string function on Infinity|out of range/, source);
});

test('expressions refuse to make a number of digits that it would not have', async () => {
  const scope = { input: { id: BIG, few: '12.50' } } as never;
  for (const source of ['$number(input.id)', '$map([input.id], $number)', 'input.id.$number()', '$number("0xFFFFFFFFFFFFFFF1")'])
    await assert.rejects(parse(source).run(scope), /cannot be computed with exactly: keep it as a text/, source);
  await assert.rejects(parse('$parseInteger("7,615,917,337,495,251,231", "#,##0")').run(scope), /cannot be computed with exactly/);
  assert.equal(await parse('$number(input.few) * 2').run(scope), 25);
  assert.equal(await parse('"order-" & input.id').run(scope), `order-${BIG}`);
});
