import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { ToolDefinition } from '../tool.ts';
import { checkWorkflow } from './check.ts';
import { Workflow } from './format.ts';
import { findingText, readWorkflow } from './source.ts';
import type { Tools } from './tool-check.ts';

const object = (properties: object, required: string[] = []): object => ({
  type: 'object',
  properties,
  required,
  additionalProperties: false,
});
const tool = (name: string, input: object, more: object = {}): ToolDefinition =>
  ToolDefinition.parse({ name, server: 's', input, effect: 'read-only', timeoutMs: 1000, concurrency: 1, digest: 'd', ...more });
const tools: Tools = new Map(
  [
    tool('search', object({ city: {}, from: {} }, ['city'])),
    tool('book', object({ hotel: {} }, ['hotel']), { effect: 'once' }),
    tool('cancel', object({ booking: {} }, ['booking']), { effect: 'idempotent' }),
    tool('pay', { type: 'object' }, { effect: 'once', compensation: { uses: 'refund' } }),
  ].map((one) => [one.name, one]),
);

/** What is wrong with a workflow, each after the beginning of the text that is pointed at. */
function wrong(text: string, kinds?: ReadonlySet<string>): string[] {
  const lines = text.split('\n');
  return readWorkflow(text, tools, kinds).findings.map((finding) => {
    const pointedAt = lines[(finding.line ?? 0) - 1]?.slice((finding.column ?? 0) - 1);
    return findingText(`«${pointedAt?.slice(0, 9)}»`, { path: finding.path, message: finding.message });
  });
}
const steps = (lines: string): string => `name: t\nsteps:\n${lines}`;

describe('a workflow that is read', () => {
  const good = steps(`  - { id: search, uses: search, with: { city: = input.city } }
  - id: book-it
    uses: book
    dependsOn: [search]
    with: { hotel: "= steps.search.hotels[0].id" }
    compensate: { uses: cancel, with: { booking: = result.id } }
    assert: [result.total < steps.search.limit]
  - { id: ask, kind: person, prompt: "= 'Pay ' & steps.\`book-it\`.total & '?'", dependsOn: [book-it], form: { type: object } }
  - { id: last, uses: book, dependsOn: [ask], when: = steps.search.again, with: { hotel: 1 } }
answer: { value: = steps.last }
`);

  it('is given back with everything that goes without saying', () => {
    const { workflow, findings } = readWorkflow(good, tools, new Set(['tool', 'person']));
    assert.deepEqual(findings, []);
    assert.deepEqual(workflow?.steps[0]?.kind, 'tool');
  });

  it('is printed, where something is wrong, as file, line, column, place and message', () => {
    const [finding] = readWorkflow(
      'name: t\nsteps:\n  - { id: search, kind: x }\n  - id: b\n    kind: x\n    dependsOn:\n      - serch\n',
    ).findings;
    assert.ok(finding);
    assert.equal(findingText('t.yaml', finding), 't.yaml:7:9 steps[1].dependsOn[0]: there is no step "serch"; did you mean "search"?');
  });

  it('is the same whether it comes as YAML, as JSON with tabs, or as an object', () => {
    const { workflow } = readWorkflow(good, tools);
    assert.deepEqual(readWorkflow(JSON.stringify(workflow, null, '\t'), tools).workflow, workflow);
    assert.deepEqual(readWorkflow(workflow as object, tools).workflow, workflow);
  });

  it('has only places of its own when it was never text', () => {
    const { findings } = readWorkflow({ name: 't', steps: [{ id: 'a', uses: 'serch', with: { city: 1 } }] }, tools);
    assert.deepEqual(findings, [{ path: ['steps', 0, 'uses'], message: 'there is no tool "serch"; did you mean "search"?' }]);
    assert.equal(findingText('body', findings[0] as never), 'body steps[0].uses: there is no tool "serch"; did you mean "search"?');
  });
});

describe('text that is no workflow', () => {
  it('is pointed at where it is not YAML', () => {
    assert.deepEqual(wrong('name: t\nsteps: [1'), ['«» Flow sequence in block collection must be sufficiently indented and end with a ]']);
    assert.deepEqual(wrong('name: t\nname: u'), ['«name: u» Map keys must be unique']);
    assert.deepEqual(wrong('a: *b'), ['«a: *b» Unresolved alias (the anchor must be set before the alias): b']);
    assert.match(wrong('{"name": }{')[0] as string, /^«\{» Unexpected/);
  });

  it('is pointed at where a few aliases would unfold to millions', () => {
    const lists = [
      'a: &a [x,x,x,x,x,x,x,x,x]',
      ...['b', 'c', 'd', 'e'].map((name, i) => `${name}: &${name} [${Array(9).fill(`*${'abcd'[i]}`).join()}]`),
    ];
    assert.match(wrong(lists.join('\n'))[0] as string, /Excessive alias count/);
  });

  it('is pointed at where a field is unknown, missing, or of the wrong type', () => {
    const text = `nam: t
deadlineMs: 1.5
steps:
  - id: a b
    useses: x
    with: [1]
    retry: { attempts: 0, delay: 5 }
    effect: twice
    timeoutMs: 0
  - nothing
answer: {}
`;
    assert.deepEqual(wrong(text), [
      '«nam: t» name: it is missing',
      '«deadlineM» deadlineMs: it has to be a whole number, and is 1.5',
      '«id: a b» steps[0].id: a step id is 1 to 48 of A-Z a-z 0-9 _ -, and is "a b"',
      '«with: [1]» steps[0].with: it has to be an object, and is [1]',
      '«timeoutMs» steps[0].timeoutMs: it has to be more than 0, and is 0',
      '«attempts:» steps[0].retry.attempts: it has to be at least 1, and is 0',
      '«delay: 5 » steps[0].retry.delay: there is no field "delay" here; did you mean "delayMs"?',
      '«effect: t» steps[0].effect: it has to be one of read-only, idempotent, once, metered, and is "twice"',
      '«useses: x» steps[0].useses: there is no field "useses" here; did you mean "uses"?',
      '«nothing» steps[1]: it has to be an object, and is "nothing"',
      '«answer: {» answer.value: it is missing',
      '«nam: t» nam: there is no field "nam" here; did you mean "name"?',
    ]);
    assert.deepEqual(wrong(''), ['«» it has to be an object, and is null']);
  });
});

describe('a workflow that cannot be carried out', () => {
  const a = '  - { id: a, uses: pay }\n';
  const refundless = '«uses: pay» steps[0].uses: it is undone by "refund": there is no tool "refund"';

  it('has ids that are taken', () => {
    const text = steps(
      '  - { id: a, uses: search, with: { city: 1 }, fallback: { uses: search, with: { city: 2 } } }\n  - { id: a-fallback, uses: search, with: { city: 1 } }\n  - { id: a, uses: search, with: { city: 1 } }',
    );
    assert.deepEqual(wrong(text), [
      '«id: a-fal» steps[1].id: "a-fallback" is what the fallback of "a" is called: rename one of the two',
      '«id: a, us» steps[2].id: there is already a step "a": steps[0]',
    ]);
  });

  it('has steps that depend on nobody, on themselves, or on one twice', () => {
    const text = steps(`${a}  - id: b\n    kind: x\n    dependsOn: [aa, b, a, a]\n`);
    assert.deepEqual(wrong(text), [
      '«aa, b, a,» steps[1].dependsOn[0]: there is no step "aa"; did you mean "a"?',
      '«b, a, a]» steps[1].dependsOn[1]: "b" depends on itself',
      '«a]» steps[1].dependsOn[3]: "a" is named twice',
      refundless,
    ]);
  });

  it('has steps that wait for each other', () => {
    const text = steps(
      '  - { id: z, kind: x }\n  - { id: a, kind: x, dependsOn: [z, c] }\n  - { id: b, kind: x, dependsOn: [a] }\n  - { id: c, kind: x, dependsOn: [b] }',
    );
    assert.deepEqual(wrong(text), ['«c] }» steps[1].dependsOn[1]: these steps wait for each other: a -> c -> b -> a']);
  });

  it('has expressions that do not parse, wherever they stand', () => {
    const text = steps(`  - id: a
    kind: x
    with:
      deep:
        - "= 1 + "
        - = input.a input.b
        - |-
          = input.a
            + $now()
    when: (input.a
    assert: ["result ="]
    compensate: { uses: y, with: { a: "= [" } }
`);
    assert.deepEqual(wrong(text), [
      '«"» steps[0].with.deep[0]: Unexpected end of expression, at character 7 of `= 1 + `',
      '«input.b» steps[0].with.deep[1]: Syntax error: "input", at character 11 of `= input.a input.b`',
      '«$now()» steps[0].with.deep[2]: $now is refused: it would not give the same when the run is replayed, at character 15 of `= input.a\n  + $now()`',
      '«"]» steps[0].assert[0]: Unexpected end of expression, at character 9 of `result =`',
      '«" } }» steps[0].compensate.with.a: Expected "]" before end of expression, at character 4 of `= [`',
      '«» steps[0].when: Expected ")" before end of expression, at character 9 of `(input.a`',
    ]);
  });

  it('has expressions that name results which may not be there yet, or never', () => {
    const text = steps(`  - { id: a, kind: x }
  - { id: b-c, kind: x, dependsOn: [a], with: { v: "= steps.a.x" } }
  - { id: d, kind: x, dependsOn: [b-c], with: { v: "= steps.a.x", w: "= steps.e", x: "= steps.b-c.id" }, when: steps.d, assert: [steps.d] }
  - { id: e, kind: x, fallback: { kind: x, with: { v: = steps.aa } } }
answer: { value: "= steps.f" }
`);
    assert.deepEqual(wrong(text), [
      '«w: "= ste» steps[2].with.w: it names the result of "e", which may not be there yet: add "e" to dependsOn (in `= steps.e`)',
      '«x: "= ste» steps[2].with.x: there is no step "b"; a name with a dash stands in backticks: steps.`b-c` (in `= steps.b-c.id`)',
      '«steps.d] » steps[2].assert[0]: the step\'s own result is called "result" here (in `steps.d`)',
      '«when: ste» steps[2].when: it names the result of its own step (in `steps.d`)',
      '«v: = step» steps[3].fallback.with.v: there is no step "aa"; did you mean "a"? (in `= steps.aa`)',
      '«value: "=» answer.value: there is no step "f" (in `= steps.f`)',
    ]);
  });

  it('has expressions that name what is not there for them', () => {
    const text = steps(
      '  - { id: a, kind: x, with: { v: "= inputs.a", w: = result }, assert: [result.a = arguments.a], compensate: { uses: y, with: { v: "= [result, arguments]" } } }',
    );
    assert.deepEqual(wrong(text), [
      '«v: "= inp» steps[0].with.v: there is no "inputs" here, only input and steps; did you mean "input"? (in `= inputs.a`)',
      '«w: = resu» steps[0].with.w: there is no "result" here, only input and steps (in `= result`)',
      '«result.a » steps[0].assert[0]: there is no "arguments" here, only input, steps and result (in `result.a = arguments.a`)',
    ]);
  });

  it('uses tools that nobody offers, in steps, fallbacks and compensations', () => {
    const text = steps(`  - id: a
    uses: serch
    fallback: { uses: nothing-like-it }
  - id: b
    uses: book
    with: { hotel: 1 }
    compensate: { uses: cancle }
  - id: c
`);
    assert.deepEqual(wrong(text), [
      '«uses: ser» steps[0].uses: there is no tool "serch"; did you mean "search"?',
      '«uses: not» steps[0].fallback.uses: there is no tool "nothing-like-it"',
      '«uses: can» steps[1].compensate.uses: there is no tool "cancle"; did you mean "cancel"?',
      '«id: c» steps[2]: a step for a tool needs "uses": the name of the tool',
    ]);
    assert.deepEqual(wrong(steps(a)), [refundless]);
    assert.match(readWorkflow(steps(a), new Map()).findings[0]?.message ?? '', /nor any other: is the tool-executor running/);
    assert.deepEqual(readWorkflow(steps(a)).findings, []);
  });

  it('gives tools arguments that they do not take, or too few', () => {
    const text = steps(`  - { id: a, uses: search, with: { citty: Nice } }
  - { id: b, uses: book, with: { hotel: 1 }, compensate: { uses: cancel, with: { id: = result.id } } }
`);
    assert.deepEqual(wrong(text), [
      '«with: { c» steps[0].with: the tool needs the argument "city"',
      '«citty: Ni» steps[0].with.citty: the tool takes no argument "citty"; did you mean "city"?',
      '«with: { i» steps[1].compensate.with: the tool needs the argument "booking"',
      '«id: = res» steps[1].compensate.with.id: the tool takes no argument "id"',
    ]);
  });

  it('would undo what has no effect, or says of a tool what is for the tool to say', () => {
    const text = steps(`  - { id: a, uses: search, with: { city: 1 }, compensate: { uses: cancel }, effect: once }
  - { id: b, kind: x, effect: read-only, compensate: { uses: cancel } }
`);
    assert.deepEqual(wrong(text), [
      '«effect: o» steps[0].effect: what calling a tool twice does is for the tool to say',
      '«compensat» steps[0].compensate: "search" is read-only: there is nothing to undo',
      '«compensat» steps[1].compensate: it is read-only: there is nothing to undo',
    ]);
  });

  it('asks people without a question or a form, or somebody else with one', () => {
    const text = steps(`  - { id: a, kind: person, compensate: { uses: x } }
  - { id: b, uses: book, with: { hotel: 1 }, prompt: Which?, form: {} }
`);
    assert.deepEqual(wrong(text), [
      '«{ id: a, » steps[0]: a step for a person needs a "prompt": the question it is asked',
      '«{ id: a, » steps[0]: a step for a person needs a "form": the JSON Schema of the answer',
      '«compensat» steps[0].compensate: asking a person has no effect: there is nothing to undo',
      '«prompt: W» steps[1].prompt: only a step of kind "person" or "model" is asked something',
      '«form: {} » steps[1].form: only a step of kind "person" has something to fill in',
    ]);
  });

  it('has kinds that are reserved, or that nobody performs', () => {
    const text = steps('  - { id: a, kind: undo-tool }\n  - { id: b, kind: persn }');
    assert.deepEqual(wrong(text, new Set(['tool', 'person'])), [
      '«kind: und» steps[0].kind: "undo-tool" is reserved: kinds are tool, model, person, or what a performer of your own has taken',
      '«kind: per» steps[1].kind: nobody performs steps of kind "persn"; did you mean "person"?',
    ]);
  });

  it('has schemas that are none', () => {
    const text = `input: { type: strin }\n${steps('  - { id: a, kind: x, output: { type: 5 } }\nanswer: { value: 1, schema: { required: x } }')}`;
    assert.deepEqual(
      wrong(text).map((line) => line.replace(/JSON Schema: .*/, 'JSON Schema: …')),
      [
        '«input: { » input: not a usable JSON Schema: …',
        '«output: {» steps[0].output: not a usable JSON Schema: …',
        '«schema: {» answer.schema: not a usable JSON Schema: …',
      ],
    );
  });
});

it('a workflow of five thousand steps in a row is checked in a moment', () => {
  const row = Array.from({ length: 5000 }, (_, i) => ({
    id: `s${i}`,
    kind: 'x',
    dependsOn: i === 0 ? [] : [`s${i - 1}`],
    with: i === 0 ? {} : { v: `= steps.s${i - 1}.v` },
  }));
  const findings = [...checkWorkflow(Workflow.parse({ name: 'row', steps: row }))].filter((one) => typeof one !== 'number');
  assert.deepEqual(findings, []);
});
