/** What models answer over Chat Completions: whole and in pieces, in every form that JSON has in prose, complete, half, refused, broken off. */
import fc from 'fast-check';
import { type Answer, BROKEN, type Framing, GOOD } from './answering.ts';
import { cut } from './cutting.ts';
import { done, type Expected, PROMISED, PROMISES, type Promised, textResult } from './expected.ts';
import { type Tree, treeOf } from './tree.ts';
import { bracketed, cuts, json, words } from './values.ts';

export type ModelCase = { readonly what: string; readonly promised: Promised; readonly answer: Answer; readonly expected: Expected };

const quoted = (text: string): string => JSON.stringify(text);
const FAILED: Expected = { is: 'failed' };

/** What a model says, and what it is worth when it is complete. */
type Said = { readonly text: string; readonly worth: (promised: Promised) => Expected };
const plain: fc.Arbitrary<Said> = words.map((text) => ({
  text,
  worth: (promised) => {
    if (text.trim() === '') return FAILED;
    const tree = treeOf(text.trim());
    return promised === 'nothing' ? done(textResult(text)) : tree === undefined ? { is: 'either', values: [] } : worthOf(tree, promised);
  },
}));

/** What is no object is asked for within one, and may come so. */
function worthOf(tree: Tree, promised: Promised): Expected {
  const { keeps } = PROMISES[promised];
  const inner =
    tree.is === 'object' && tree.members.size === 1 && promised !== 'object' && promised !== 'false'
      ? tree.members.get('result')
      : undefined;
  const values = [tree, ...(inner === undefined ? [] : [inner])].filter((one) => keeps(one));
  return values.length > 0 ? done(...values) : FAILED;
}

const FORMS: readonly ((text: string) => string)[] = [
  (text) => text,
  (text) => ` \n${text}\n\n`,
  (text) => `\`\`\`json\n${text}\n\`\`\``,
  (text) => `Here it is:\n\n\`\`\`\n${text}\n\`\`\`\n\nIs there anything else?`,
  (text) => `Here it is: ${text}. Is there anything else?`,
];
const structured: fc.Arbitrary<Said> = fc.tuple(json, bracketed, fc.nat(FORMS.length - 1)).map(([any, closed, which]) => {
  // A number or a text is not to be found in prose.
  const value = which === FORMS.length - 1 ? closed : any;
  const text = (FORMS[which] as (text: string) => string)(value);
  const tree = treeOf(value);
  return {
    text,
    worth: (promised) => (tree === undefined ? FAILED : promised === 'nothing' ? done(textResult(text)) : worthOf(tree, promised)),
  };
});
const wrapped: fc.Arbitrary<Said> = json.map((value) => {
  const text = `{"result": ${value}}`;
  const [tree, inner] = [treeOf(text), treeOf(value)];
  return {
    text,
    worth: (promised) =>
      tree === undefined || inner === undefined ? FAILED : promised === 'nothing' ? done(textResult(text)) : worthOf(tree, promised),
  };
});
/** Not all of it, or not quite JSON: what stands within is a part, and not what was asked for. */
const half: fc.Arbitrary<Said> = fc
  .tuple(bracketed, fc.nat(100_000), fc.nat(FORMS.length - 1), fc.boolean())
  .map(([value, place, which, isCut]) => {
    const text = isCut
      ? `${which === 4 ? 'Here it is: ' : which === 2 ? '```json\n' : ''}${value.slice(0, 1 + (place % (value.length - 1)))}`
      : (FORMS[which] as (text: string) => string)(`{"a": ${value}, "b": [${value}],}`);
    return { text, worth: (promised) => (promised === 'nothing' ? done(textResult(text)) : FAILED) };
  });

const said = fc.oneof(
  { weight: 2, arbitrary: plain },
  { weight: 4, arbitrary: structured },
  { weight: 1, arbitrary: wrapped },
  { weight: 2, arbitrary: half },
);

const GOOD_ENDS = ['stop', 'STOP', 'end_turn', 'eos', 'completed'];
const BAD_ENDS = [
  'length',
  'max_tokens',
  'content_filter',
  'tool_calls',
  'function_call',
  'error',
  'SAFETY',
  'abort',
  'insufficient_system_resource',
  '',
];

const way = fc.record({
  how: fc.constantFrom(
    'good',
    'good',
    'good',
    'good',
    'bad end',
    'no end',
    'refusal',
    'error',
    'error in the choice',
    'error at the end',
    'cut',
    'no UTF-8',
    'status',
  ),
  streams: fc.boolean(),
  promised: fc.constantFrom(...PROMISED),
  places: cuts,
  good: fc.constantFrom(...GOOD),
  broken: fc.constantFrom(...BROKEN, 'close' as Framing),
  ends: fc.constantFrom(...GOOD_ENDS),
  badEnd: fc.constantFrom(...BAD_ENDS),
  lineEnd: fc.constantFrom('\n', '\r\n', '\r'),
  pieces: fc.array(fc.nat(100_000), { maxLength: 6 }),
  content: fc.constantFrom('text', 'parts', 'words'),
  thinks: fc.constantFrom('no', 'no', 'tags', 'field', 'other field'),
  counts: fc.constantFrom('{"prompt_tokens":1,"completion_tokens":2}', 'null', undefined),
  noise: fc.boolean(),
  place: fc.nat(100_000),
  status: fc.constantFrom(400, 401, 403, 404, 408, 409, 429, 500, 503),
});
type Way = typeof way extends fc.Arbitrary<infer One> ? One : never;

const contentOf = (text: string, how: Way['content']): string =>
  how === 'text' ? quoted(text) : how === 'words' ? `[${quoted(text)}]` : `[{"type":"text","text":${quoted(text)}}]`;

/** A text in pieces, which may be half a character each. */
function piecesOf(text: string, places: readonly number[]): string[] {
  const ends = [...new Set([...places.map((place) => place % (text.length + 1)), text.length])].sort((a, b) => a - b);
  return ends.map((end, index) => text.slice(index === 0 ? 0 : ends[index - 1], end));
}

const PROBLEM = '{"message":"overloaded","code":502}';

/** The messages of an answer, of which the last says how it ended. */
function messages(text: string, one: Way): string[] {
  const { how, streams, ends, badEnd, thinks, content, counts, pieces, noise } = one;
  const end = how === 'no end' ? 'null' : quoted(how === 'bad end' ? badEnd : ends);
  const thought = thinks === 'field' ? ['"reasoning_content":"hm"'] : thinks === 'other field' ? ['"reasoning":"hm"'] : [];
  const refusal = how === 'refusal' ? ['"refusal":"no"'] : [];
  const error = how === 'error in the choice' ? [`"error":${PROBLEM}`] : [];
  const usage = counts === undefined ? [] : [`"usage":${counts}`];
  const message = (choices: readonly string[], more: readonly string[] = []): string =>
    `{${['"id":"c"', '"model":"m"', `"choices":[${choices.join()}]`, ...more].join(',')}}`;
  if (!streams) {
    const fields = [`"role":"assistant"`, `"content":${contentOf(text, content)}`, ...thought, ...refusal].join(',');
    const other = noise ? ['{"index":1,"message":{"content":"not this"},"finish_reason":"stop"}'] : [];
    const choice = `{${['"index":0', `"message":{${fields}}`, `"finish_reason":${end}`, ...error].join(',')}}`;
    return [message([choice, ...other], [...usage, ...(how === 'error' || how === 'error at the end' ? [`"error":${PROBLEM}`] : [])])];
  }
  const delta = (fields: string, finish = 'null', more: readonly string[] = []): string =>
    `{${['"index":0', `"delta":{${fields}}`, `"finish_reason":${finish}`, ...more].join(',')}}`;
  const other = noise ? [message(['{"index":1,"delta":{"content":"not this"},"finish_reason":null}']), message([], ['"usage":null'])] : [];
  return [
    message([delta('"role":"assistant","content":null')]),
    ...thought.map((field) => message([delta(field)])),
    ...piecesOf(text, pieces).map((piece) => message([delta(`"content":${contentOf(piece, content)}`)])),
    ...other,
    ...(how === 'error' ? [`{"error":${PROBLEM}}`] : []),
    ...refusal.map((field) => message([delta(field)])),
    message([delta('', end, error)]),
    ...(how === 'error at the end' ? [`{"error":${PROBLEM}}`] : []),
    ...(counts === undefined ? [] : [message([], usage)]),
  ];
}

export const modelCases: fc.Arbitrary<ModelCase> = fc.tuple(said, way).map(([{ text, worth }, one]) => {
  const { how, streams, promised, places, good, broken, lineEnd, thinks, noise, place, status } = one;
  const tagged = thinks === 'tags' ? `<think>\nhm {"a":1}</think>\n\n${text}` : text;
  const all = messages(tagged, one);
  const body = streams
    ? [...all, ...(noise ? [] : ['[DONE]'])]
        .map((message) => `${noise ? `: x${lineEnd}` : ''}data: ${message}${lineEnd}${lineEnd}`)
        .join('')
    : (all[0] as string);
  const type = streams ? 'text/event-stream' : noise ? 'application/json; charset=utf-8' : 'application/json';
  const whole = Buffer.from(body);
  const about = `${how}, ${streams ? 'streamed' : 'whole'}, promised ${promised}, ${JSON.stringify({ ...one, pieces: undefined })}: ${body.slice(0, 3_000)}`;
  const answerOf = (bytes: Buffer, framing: Framing, code = 200): Answer => ({
    status: code,
    headers: [['content-type', type]],
    pieces: cut(bytes, places),
    framing,
  });
  const made = (answer: Answer, expected: Expected): ModelCase => ({ what: about, promised, answer, expected });
  if (how === 'status') return made(answerOf(Buffer.from(`{"error":${PROBLEM}}`), good, status), FAILED);
  if (how === 'cut') {
    const length = place % Math.max(1, Buffer.byteLength(streams ? body.slice(0, body.lastIndexOf('"finish_reason":')) : body) - 2);
    return made(answerOf(whole.subarray(0, length), broken), FAILED);
  }
  const spoilt = how === 'no UTF-8' ? whole.indexOf('"content":"') + 11 : 0;
  if (spoilt > 11)
    return made(answerOf(Buffer.concat([whole.subarray(0, spoilt), Buffer.from([0xc0, 0xff]), whole.subarray(spoilt)]), good), FAILED);
  const isGood = how === 'good' || how === 'no UTF-8';
  const expected = isGood ? trimmed(worth(promised), text, thinks) : FAILED;
  return made(answerOf(whole, good), expected);
});

/** After a thought the blanks are none of the answer's. */
function trimmed(expected: Expected, text: string, thinks: Way['thinks']): Expected {
  if (thinks !== 'tags' || expected.is !== 'done') return expected;
  return { is: 'done', values: [...expected.values, textResult(text.trimStart())] };
}
