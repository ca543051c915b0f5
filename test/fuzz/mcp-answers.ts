/** What MCP servers answer to a call: content of every kind, structured content of any type, errors; over HTTP, in events, and through a pipe. */
import fc from 'fast-check';
import { type Answer, BROKEN, type Framing, GOOD } from './answering.ts';
import { cut } from './cutting.ts';
import { done, type Expected, PROMISES, type Promised, textResult } from './expected.ts';
import { NULL, objectTree, type Tree, textTree, treeOf } from './tree.ts';
import { cuts, json, object, words } from './values.ts';

/** A server of MCP lists objects only as what a tool gives. */
export const PROMISED_OVER_MCP = ['nothing', 'object', 'false'] as const satisfies readonly Promised[];

/** How the call with this number is answered: over HTTP, or with these bytes, cut at these places, through a pipe. */
export type McpCase = {
  readonly what: string;
  readonly hasEffect: boolean;
  readonly promised: (typeof PROMISED_OVER_MCP)[number];
  readonly expected: Expected;
  readonly places: readonly number[];
} & ({ readonly over: 'http'; readonly answer: (id: unknown) => Answer } | { readonly over: 'pipe'; readonly bytes: Buffer });

/** Stands for the number of the call, until that is known. */
export const ID = '@the-id@';

type Result = { readonly text: string; readonly outcome: (promised: Promised) => Expected };
const fails: Result['outcome'] = () => ({ is: 'failed', isOpen: true });
const member = (name: string, text: string | undefined): string[] => (text === undefined ? [] : [`${JSON.stringify(name)}:${text}`]);
const joined = (members: readonly string[]): string => `{${members.join(',')}}`;
const quoted = (text: string): string => JSON.stringify(text);

type Item = { readonly text: string; readonly words?: string };
const more = fc.option(object, { nil: undefined });
const textItem: fc.Arbitrary<Item> = fc.tuple(words, more).map(([said, annotations]) => ({
  words: said,
  text: joined(['"type":"text"', ...member('text', quoted(said)), ...member('annotations', annotations)]),
}));
const bytesItem: fc.Arbitrary<Item> = fc
  .tuple(fc.constantFrom('image', 'audio'), fc.uint8Array({ maxLength: 200 }))
  .map(([type, bytes]) => ({ text: `{"type":"${type}","data":${quoted(Buffer.from(bytes).toString('base64'))},"mimeType":"image/png"}` }));
const resourceItem: fc.Arbitrary<Item> = fc.tuple(words, more).map(([said, meta]) => ({
  text: joined(['"type":"resource"', `"resource":${joined([`"uri":"x://y"`, ...member('text', quoted(said))])}`, ...member('_meta', meta)]),
}));
const strangeItem: fc.Arbitrary<Item> = fc
  .tuple(fc.constantFrom('hologram', 'resource_link', ''), json, fc.constantFrom('x', '__proto__', 'text', 'toJSON', 'constructor'))
  .map(([type, one, name]) => ({ text: `{"type":"${type}",${quoted(name)}:${one}}` }));
const item = fc.oneof({ weight: 4, arbitrary: textItem }, bytesItem, resourceItem, strangeItem);

function contentResult(items: readonly Item[]): { readonly value: Tree; readonly only: string | undefined } | undefined {
  const content = treeOf(`[${items.map(({ text }) => text).join(',')}]`);
  if (content === undefined) return undefined;
  const [first, ...others] = items;
  if (first?.words !== undefined && others.length === 0) return { value: textResult(first.words), only: first.words };
  const said = items.flatMap(({ words: one }) => (one === undefined ? [] : [one])).join('\n');
  return { value: objectTree({ text: textTree(said), content }), only: undefined };
}

const result: fc.Arbitrary<Result> = fc
  .record({
    content: fc.oneof(
      { weight: 5, arbitrary: fc.array(item, { maxLength: 3 }) },
      { weight: 1, arbitrary: fc.constantFrom('null', undefined) },
    ),
    structured: fc.oneof(
      { weight: 2, arbitrary: fc.constant(undefined) },
      { weight: 1, arbitrary: json },
      { weight: 1, arbitrary: fc.constant('null') },
    ),
    isError: fc.oneof(
      { weight: 6, arbitrary: fc.constantFrom('false', 'null', undefined) },
      { weight: 1, arbitrary: fc.constantFrom('true', '"true"', '1') },
    ),
    meta: more,
  })
  .map(({ content, structured, isError, meta }): Result => {
    const list = Array.isArray(content) ? `[${content.map(({ text }) => text).join(',')}]` : content;
    const text = joined([
      ...member('content', list),
      ...member('structuredContent', structured),
      ...member('isError', isError),
      ...member('_meta', meta),
    ]);
    if (isError === 'true') return { text, outcome: () => ({ is: 'failed' }) };
    if (isError === '"true"' || isError === '1') return { text, outcome: fails };
    const tree = structured === undefined ? NULL : treeOf(structured);
    const told = contentResult(Array.isArray(content) ? content : []);
    if (tree === undefined || told === undefined) return { text, outcome: fails };
    if (!(tree.is === 'word' && tree.text === 'null')) return { text, outcome: () => done(tree) };
    const inText = told.only === undefined ? undefined : treeOf(told.only);
    return { text, outcome: (promised) => done(inText !== undefined && PROMISES[promised].keeps(inText) ? inText : told.value) };
  });
const noResult: fc.Arbitrary<Result> = fc
  .constantFrom(
    '{"content":"x"}',
    '{"content":[{"text":"x"}]}',
    '{"content":[null]}',
    '{"content":{}}',
    '{"isError":"yes"}',
    '{"isError":1,"content":[]}',
  )
  .map((text) => ({ text, outcome: fails }));
/** No MCP at all. Through a pipe it is taken for noise, and the call waits until its time is up. */
const noMessage = fc.constantFrom('[]', 'null', '"x"', '7', '{}', '[{}]');

type Message = { readonly text: string; readonly outcome: Result['outcome'] };
const message: fc.Arbitrary<Message> = fc.oneof(
  {
    weight: 12,
    arbitrary: fc
      .tuple(fc.oneof({ weight: 12, arbitrary: result }, { weight: 1, arbitrary: noResult }), fc.boolean())
      .map(([{ text, outcome }, isFirst]) => ({
        text: isFirst ? `{"result":${text},"id":${ID},"jsonrpc":"2.0"}` : `{"jsonrpc": "2.0",\t"id" :${ID}, "result":${text}}`,
        outcome,
      })),
  },
  {
    weight: 1,
    arbitrary: fc.tuple(fc.constantFrom(-32700, -32603, -32602, -32601, -32600, -32000, 1, 404), words, json).map(
      ([code, said, data]): Message => ({
        text: `{"jsonrpc":"2.0","id":${ID},"error":{"code":${code},"message":${quoted(said)},"data":${data}}}`,
        outcome: () => ({ is: 'failed' }),
      }),
    ),
  },
);

/** One event, its text on as many lines as the JSON has, each of which ends in its own way. */
const event = (text: string, end: string, [hasName, hasId]: readonly boolean[]): string =>
  [
    ...(hasName ? ['event: message'] : []),
    ...(hasId ? ['id: 7615917337495251231'] : []),
    ...text.split(/\r\n|\r|\n/).map((line) => `data: ${line}`),
    '',
    '',
  ].join(end);
const NOTICE = '{"jsonrpc":"2.0","method":"notifications/message","params":{"level":"info","data":7615917337495251231}}';

type Http = {
  readonly type: string;
  readonly body: string;
  readonly status?: number;
  readonly framing?: Framing;
  readonly end?: number;
  readonly spoilt?: boolean;
};
const way = fc.record({
  over: fc.constantFrom(
    'JSON',
    'JSON',
    'events',
    'events',
    'pipe',
    'pipe',
    'broken',
    'broken events',
    'half',
    'status',
    'no UTF-8',
    'no MCP',
  ),
  hasEffect: fc.boolean(),
  promised: fc.constantFrom(...PROMISED_OVER_MCP),
  places: cuts,
  good: fc.constantFrom(...GOOD),
  broken: fc.constantFrom(...BROKEN),
  end: fc.nat(100_000),
  lineEnd: fc.constantFrom('\n', '\r\n', '\r'),
  flags: fc.tuple(fc.boolean(), fc.boolean(), fc.boolean()),
  type: fc.constantFrom('application/json', 'application/json; charset=utf-8', 'Application/Json'),
  status: fc.constantFrom(202, 204, 400, 401, 403, 404, 405, 409, 429, 500, 502, 503),
});

/** The same bytes with some in a text of the result that no text in UTF-8 has: the number of the call stays what it is. */
function spoilt(bytes: Buffer): Buffer {
  const begin = bytes.indexOf('"result":') + 9;
  const inText = bytes.indexOf('"', begin) + 1;
  const id = bytes.lastIndexOf('"id":');
  if (inText === 0 || (id >= begin && inText > id)) return bytes;
  return Buffer.concat([bytes.subarray(0, inText), Buffer.from([0xc0, 0xff]), bytes.subarray(inText)]);
}

export const mcpCases: fc.Arbitrary<McpCase> = fc.tuple(message, noMessage, way).map(([{ text, outcome }, none, one]) => {
  const { over, hasEffect, promised, places, good, broken, end, lineEnd, flags, type, status } = one;
  const about = `${over}: ${hasEffect ? 'once' : 'read-only'}, promised ${promised}, ${good} ${broken} ${status} ${JSON.stringify(lineEnd)} ${flags.join()} ${places.join()}: ${text.slice(0, 2_000)}`;
  const all = { what: about, hasEffect, promised, places };
  const expected = outcome(promised);
  const lost: Expected = { is: 'failed', isOpen: expected.is === 'done' };
  const isSpoilt = over === 'no UTF-8' && expected.is === 'done' && spoilt(Buffer.from(text)).length > Buffer.byteLength(text);
  if (over === 'pipe' || (over === 'no UTF-8' && flags[0])) {
    const line = `${flags[1] ? `${NOTICE}\n` : ''}${flags[2] ? 'listening on 7615917337495251231\n' : ''}${text.replaceAll(/[\r\n]/g, ' ')}${lineEnd === '\r' ? '\n' : lineEnd}`;
    const bytes = isSpoilt ? spoilt(Buffer.from(line)) : Buffer.from(line);
    return { ...all, over: 'pipe', bytes, expected: isSpoilt ? lost : expected };
  }
  const isEvents = over === 'events' || over === 'broken events' || (over === 'no UTF-8' && flags[1]);
  const body = isEvents
    ? `${flags[2] ? `: hello${lineEnd}${lineEnd}${event(NOTICE, lineEnd, [])}` : ''}${event(text, lineEnd, flags)}`
    : text;
  const http: Http = { type: isEvents ? 'text/event-stream' : type, body };
  const answer =
    ({ body: said, type: media, status: code = 200, framing = good }: Http, length?: number) =>
    (id: unknown): Answer => {
      const whole = Buffer.from(said.replace(ID, String(id)));
      const bytes = (isSpoilt ? spoilt(whole) : whole).subarray(0, length);
      return { status: code, headers: [['content-type', media]], pieces: cut(bytes, places), framing };
    };
  if (over === 'broken')
    return { ...all, over: 'http', answer: answer({ ...http, framing: broken }), expected: { is: 'failed', isOpen: true } };
  if (over === 'half' || over === 'broken events') {
    // What is missing of an event is more than the ends of its lines.
    const length = end % Math.max(1, Buffer.byteLength(text) - ID.length - 4);
    return {
      ...all,
      over: 'http',
      answer: answer(over === 'half' ? http : { ...http, framing: broken }, length),
      expected: { is: 'failed', isOpen: true },
    };
  }
  if (over === 'status') {
    const isOpen = status >= 500 || status < 300;
    return {
      ...all,
      over: 'http',
      answer: answer({ ...http, status, framing: status === 204 ? 'length' : good }),
      expected: { is: 'failed', isOpen },
    };
  }
  if (over === 'no MCP') return { ...all, over: 'http', answer: answer({ ...http, body: none }), expected: { is: 'failed', isOpen: true } };
  return { ...all, over: 'http', answer: answer(http), expected: isSpoilt ? lost : expected };
});
