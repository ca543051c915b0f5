/** Bodies of requests as text: right ones, nearly right ones, and what no object of ours could hold. */
import fc from 'fast-check';

const deep = (levels: number): string => `${'['.repeat(levels)}${']'.repeat(levels)}`;
/** As JSON text, so that there may be what no object of ours can hold. */
const hostileText = fc.constantFrom(
  'null',
  'true',
  '0',
  '-1',
  '1e400',
  '-0',
  '9007199254740993',
  '1e-7',
  '""',
  '"="',
  '"=="',
  '"= $"',
  '"= input.x.y"',
  '"= ("',
  '"= $eval(\\"1\\")"',
  '"= $reduce([1..22], function($a,$b){{\\"x\\":$a,\\"y\\":$a}}, {\\"z\\":1})"',
  '"= [1..1000000]"',
  '"= $pad(\\"x\\", 10000000)"',
  '"\\ud800"',
  '"\\u0000"',
  '"\\u202e\\u001b[2J"',
  '"__proto__"',
  '"constructor"',
  '"*"',
  '">"',
  '"a.b"',
  '"../../x"',
  '[]',
  '{}',
  '{"__proto__":{"x":1}}',
  '{"constructor":{"prototype":{"x":1}}}',
  '{"toString":1,"hasOwnProperty":2,"then":3,"toJSON":4}',
  `"${'a'.repeat(40)}!"`,
  `"${'x'.repeat(70_000)}"`,
  `"${'é'.repeat(40_000)}"`,
  `[${'0,'.repeat(9_999)}0]`,
  deep(150),
  deep(190),
  deep(260),
);
/** Schemas that are none, that refer to themselves, or whose checking takes long. */
const schemaText = fc.constantFrom(
  '{"$ref":"#"}',
  '{"$ref":"#/nowhere"}',
  '{"allOf":[{"$ref":"#"}]}',
  '{"$defs":{"a":{"anyOf":[{"$ref":"#/$defs/a"}]}},"$ref":"#/$defs/a"}',
  '{"$id":"urn:x","$ref":"urn:y"}',
  '{"$schema":"nope"}',
  '{"$async":true}',
  '{"$dynamicRef":"#x","$dynamicAnchor":"x"}',
  '{"type":"strin"}',
  '{"type":"object","properties":7}',
  '{"pattern":"("}',
  '{"type":"string","pattern":"^(a+)+$"}',
  '{"type":"string","pattern":"(?<=a)b\\\\1"}',
  '{"type":"array","uniqueItems":true}',
  '{"enum":[]}',
  '{"multipleOf":0}',
  '{"minLength":-1}',
  '{"format":"nope"}',
  '{"type":"object","properties":{"x":{"type":"string","pattern":"^(a+)+$"}}}',
  '{"$defs":{"a":{"pattern":"^(a|a)*$"}},"additionalProperties":{"$ref":"#/$defs/a"}}',
  `{"$defs":{${Array.from({ length: 24 }, (_, n) => `"d${n}":{"allOf":[{"$ref":"#/$defs/d${n + 1}"},{"$ref":"#/$defs/d${n + 1}"}]}`).join(',')},"d24":{}},"$ref":"#/$defs/d0"}`,
);
/** What is held against them. */
const judgedText = fc.constantFrom(
  `"${'a'.repeat(40)}!"`,
  `{"x":"${'a'.repeat(40)}!"}`,
  `[${Array.from({ length: 20_000 }, (_, n) => `[${n}]`).join(',')}]`,
  '{}',
  '1',
);
const value = fc.oneof(
  { weight: 3, arbitrary: hostileText },
  { weight: 1, arbitrary: schemaText },
  { weight: 1, arbitrary: fc.json({ maxDepth: 4 }) },
  { weight: 1, arbitrary: fc.string({ unit: 'binary' }).map((text) => JSON.stringify(text)) },
);

const step = (more: object): object => ({ id: 'a', uses: 'echo', with: { value: 1 }, ...more });
const workflow = (more: object, ...steps: object[]): object => ({ name: 'f', deadlineMs: 2000, steps, ...more });
/** Bodies that are right, or nearly: one of them is the beginning of every spoilt one. */
const submissions: readonly object[] = [
  { workflow: workflow({}, step({})) },
  { workflow: workflow({}, step({ output: { type: 'object' }, assert: ['result.value = 1'] })), requestedBy: 'ann', input: {} },
  {
    workflow: workflow({ input: { type: 'object', properties: { x: { type: 'string' } } } }, step({ when: 'input.x = "y"' })),
    input: { x: 'n' },
  },
  {
    workflow: workflow(
      { answer: { value: '= steps.a', schema: {}, assert: [] } },
      step({ retry: { attempts: 2, delayMs: 10 }, timeoutMs: 500 }),
      {
        id: 'b',
        uses: 'echo',
        with: { value: '= steps.a.value' },
        dependsOn: ['a'],
        optional: true,
        fallback: { uses: 'echo', with: { value: 2 } },
      },
    ),
  },
  {
    workflow: workflow(
      { escalate: [{ to: 'ann', withinMs: 1000 }] },
      { id: 'p', kind: 'person', prompt: 'well?', form: { type: 'object', properties: { ok: { type: 'boolean' } } } },
    ),
  },
  { workflow: 'name: y\ndeadlineMs: 2000\nsteps: [{ id: a, uses: echo, with: { value: 1 } }]' },
  { workflow: 'a: &a [*a]' },
  { workflow: `name: y\nsteps:\n${'  - &s { id: a, uses: echo }\n'.repeat(20)}` },
  { goal: 'a bed near Lisbon', deadlineMs: 2000 },
  {
    goal: { text: 'a bed', rubric: 'soft', review: true, answer: { schema: { type: 'object' }, assert: ['result.text != ""'] } },
    deadlineMs: 2000,
  },
];
const others: readonly object[] = [
  { who: 'ann', why: 'enough' },
  { decision: 'grant', who: 'ann', why: 'well', form: { ok: true } },
  { decision: 'refuse', who: 'ann\n.*>', why: 'no' },
];

type Edit = { readonly place: number; readonly how: 'replace' | 'drop' | 'add' | 'copy'; readonly text: string; readonly name: string };
const edit: fc.Arbitrary<Edit> = fc.record({
  place: fc.nat(),
  how: fc.constantFrom('replace', 'drop', 'add', 'copy'),
  text: value,
  name: fc.constantFrom('x', 'steps', 'with', 'form', 'input', 'output', 'when', 'kind', '__proto__', 'constructor', 'toJSON', '', '= 1'),
});

/** Marks where a text stands in for a value. */
const HOLE = '\u{e000}';
type Holder = { [key: string]: unknown };

/** The text of a body with some of its values replaced, added, dropped or doubled. */
function spoilt(body: object, edits: readonly Edit[]): string {
  const root = { body: structuredClone(body) as unknown };
  const texts: string[] = [];
  for (const { place, how, text, name } of edits) {
    const places: [Holder, string][] = [];
    const walk = (holder: Holder): void => {
      for (const key of Object.keys(holder)) {
        places.push([holder, key]);
        if (typeof holder[key] === 'object' && holder[key] !== null) walk(holder[key] as Holder);
      }
    };
    walk(root);
    // The whole of a body is replaced elsewhere.
    const [holder, key] = (places[1 + (place % (places.length - 1))] ?? [root, 'body']) as [Holder, string];
    const hole = `${HOLE}${texts.push(text) - 1}${HOLE}`;
    if (how === 'drop' && holder !== root) Reflect.deleteProperty(holder, key);
    else if (how === 'copy') holder[`${key}2`] = holder[key];
    else if (how === 'add' && typeof holder[key] === 'object' && holder[key] !== null)
      Object.defineProperty(holder[key], name, { value: hole, enumerable: true, configurable: true, writable: true });
    else holder[key] = hole;
  }
  return (JSON.stringify(root.body) ?? 'null').replace(
    new RegExp(`"${HOLE}(\\d+)${HOLE}"`, 'g'),
    (_, index) => texts[Number(index)] ?? 'null',
  );
}

/** A schema from somewhere else, at a place where one is wanted, and a value that is held against it. */
const judged = fc.tuple(schemaText, fc.oneof(judgedText, value), fc.nat(4)).map(([schema, given, place]) => {
  const bodies = [
    `{"workflow":{"name":"s","deadlineMs":2000,"input":${schema},"steps":[{"id":"a","uses":"echo","with":{"value":1}}]},"input":${given}}`,
    `{"workflow":{"name":"s","deadlineMs":2000,"steps":[{"id":"a","uses":"echo","with":{"value":1},"output":${schema}}]}}`,
    `{"workflow":{"name":"s","deadlineMs":2000,"steps":[{"id":"a","kind":"person","prompt":"?","form":${schema}}]}}`,
    `{"workflow":{"name":"s","deadlineMs":2000,"steps":[{"id":"a","uses":"echo","with":{"value":1}}],"answer":{"value":${given},"schema":${schema}}}}`,
    `{"goal":{"text":"a bed","answer":{"schema":${schema}}}}`,
  ];
  return bodies[place] as string;
});
/** Names that are nearly those of others, of which there are many. */
const misspelt = fc.tuple(fc.integer({ min: 1, max: 200 }), fc.integer({ min: 0, max: 40 })).map(([steps, each]) =>
  JSON.stringify({
    workflow: {
      name: 'm',
      steps: Array.from({ length: steps }, (_, n) => ({
        id: `a-step-with-a-long-name-${n}`,
        uses: 'ecko',
        dependsOn: Array.from({ length: each }, (_, k) => `a-stepp-with-a-long-nam-${n}-${k}`),
      })),
    },
  }),
);
/** About as large as may be: what is added on the way makes it too large, or not. */
const large = fc.tuple(fc.integer({ min: 940_000, max: 1_060_000 }), fc.boolean()).map(([bytes, plain]) => {
  const filling = plain ? 'x'.repeat(bytes) : '\\u0001'.repeat(bytes / 6);
  return `{"workflow":{"name":"l","deadlineMs":2000,"steps":[{"id":"a","uses":"echo","with":{"value":1}}]},"input":"${filling}"}`;
});

const cutOff = fc.constantFrom('', '{', '[', '"', '{"workflow":', '{"a":1,}', '\u{feff}{}', "{'a':1}", 'name: x');
/** A body for a path, right or spoilt, as text. */
export const bodyFor = (path: string): fc.Arbitrary<string> => {
  const submitted = path === '/v1/runs' ? 1 : 0;
  const right = submitted ? fc.constantFrom(...submissions) : fc.constantFrom(...others, ...submissions.slice(0, 1));
  return fc.oneof(
    { weight: 200, arbitrary: fc.tuple(right, fc.array(edit, { maxLength: 3 })).map(([body, edits]) => spoilt(body, edits)) },
    { weight: 80 * submitted, arbitrary: judged },
    { weight: 25, arbitrary: value },
    { weight: 25, arbitrary: cutOff },
    { weight: 3 * submitted, arbitrary: large },
    { weight: 3 * submitted, arbitrary: misspelt },
  );
};
