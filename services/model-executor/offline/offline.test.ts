import assert from 'node:assert/strict';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { connect } from 'node:net';
import { tmpdir } from 'node:os';
import { basename, join } from 'node:path';
import { type TestContext, test } from 'node:test';
import OpenAI, { APIError, APIUserAbortError, RateLimitError } from 'openai';
import type { Offline, Wait } from './offline.ts';
import { startOffline } from './offline.ts';
import { readScenario } from './scenario.ts';

const TRAVEL = `
name: a trip
replies:
  - task: plan
    match: { goal: "(?i:from) (?<from>\\\\w+) to (?<to>[\\\\w ]+?) on (?<day>[\\\\d-]+) under (?<price>\\\\d+)" }
    tools: [search_hotels, book_hotel]
    reply:
      steps:
        - { id: search, uses: search_hotels, with: { place: = match.to, from: = match.from, day: = match.day, maxPrice: = $number(match.price) } }
        - { id: book, uses: book_hotel, dependsOn: [search], with: { hotel: "== steps.search.hotels[0].id" } }
  - task: rank
    where: $count(request.hotels) > 0
    reply: { best: "= request.hotels^(price)[0].name" }
  - task: answer
    match: { reasons.0: card number }
    reply: { text: The card is charged. }
  - task: answer
    reply: { text: "= 'Card 4111 of ' & request.goal" }
`;

async function started(context: TestContext, text: string, wait?: Wait): Promise<{ offline: Offline; client: OpenAI }> {
  const offline = await startOffline({ scripts: [readScenario(text, 'trip.yaml')], ...(wait === undefined ? {} : { wait }) });
  context.after(() => offline.close());
  return { offline, client: new OpenAI({ apiKey: 'none', baseURL: offline.url, maxRetries: 0 }) };
}

const tools = (...names: string[]): object[] => names.map((name) => ({ name, description: '', input: {} }));
const chat = (request: unknown, prompt = 'You plan.') => ({
  model: 'scripted',
  messages: [
    { role: 'system' as const, content: prompt },
    { role: 'user' as const, content: typeof request === 'string' ? request : JSON.stringify(request) },
  ],
});
const structured = {
  response_format: { type: 'json_schema' as const, json_schema: { name: 'result', strict: false, schema: { type: 'object' } } },
};
const saidBy = async (client: OpenAI, request: unknown): Promise<unknown> =>
  JSON.parse((await client.chat.completions.create({ ...chat(request), ...structured })).choices[0]?.message.content ?? '');
async function failureOf(call: PromiseLike<unknown>): Promise<APIError> {
  const error: unknown = await Promise.resolve(call).then(
    () => assert.fail('it did not fail'),
    (reason: unknown) => reason,
  );
  assert.ok(error instanceof APIError, String(error));
  return error;
}

test('the answer is made from the request: another city, day and price give another plan', async (context) => {
  const { client } = await started(context, TRAVEL);
  const plan = (goal: string): Promise<unknown> =>
    saidBy(client, { task: 'plan', goal, tools: tools('search_hotels', 'book_hotel', 'pay') });
  const steps = (place: string, from: string, day: string, maxPrice: number) => ({
    steps: [
      { id: 'search', uses: 'search_hotels', with: { place, from, day, maxPrice } },
      { id: 'book', uses: 'book_hotel', dependsOn: ['search'], with: { hotel: '= steps.search.hotels[0].id' } },
    ],
  });
  assert.deepEqual(await plan('From Berlin to Lisbon on 2026-12-01 under 150'), steps('Lisbon', 'Berlin', '2026-12-01', 150));
  assert.deepEqual(await plan('from Oslo to New York on 2027-01-09 under 90'), steps('New York', 'Oslo', '2027-01-09', 90));
});

test('the first reply whose conditions hold is the one that is given', async (context) => {
  const { client } = await started(context, TRAVEL);
  const hotels = [
    { name: 'Mar', price: 120 },
    { name: 'Sol', price: 80 },
  ];
  assert.deepEqual(await saidBy(client, { task: 'rank', hotels }), { best: 'Sol' });
  assert.deepEqual(await saidBy(client, { task: 'answer', goal: 'x' }), { text: 'Card 4111 of x' });
  assert.deepEqual(await saidBy(client, { task: 'answer', goal: 'x', reasons: ['it has a card number'] }), {
    text: 'The card is charged.',
  });
});

test('a tool that is not in the request makes the script not fit, and the error says so', async (context) => {
  const { client } = await started(context, TRAVEL);
  const goal = 'From Berlin to Lisbon on 2026-12-01 under 150';
  const error = await failureOf(client.chat.completions.create(chat({ task: 'plan', goal, tools: tools('book_hotel') })));
  assert.deepEqual([error.status, error.code, error.type], [404, 'unscripted', 'invalid_request_error']);
  assert.equal(
    (error.error as { message: string }).message,
    `no script covers this request (task "plan", goal "${goal}"). The offline model answers only from scenario files (1 script). ` +
      'The nearest, trip.yaml reply 1, wants the tool "search_hotels". ' +
      'Configure a model with OPENAI_API_KEY (and OPENAI_BASE_URL, REEL_MODEL), or add a script.',
  );
  assert.equal(error.headers?.get('x-reel-scripted'), 'none');
});

test('what no script is near to names none, and a plain text is a request', async (context) => {
  const { client } = await started(context, TRAVEL);
  const error = await failureOf(client.chat.completions.create(chat('tell me a joke')));
  assert.match(error.message, /no script covers this request \(text "tell me a joke"\)/);
  assert.doesNotMatch(error.message, /nearest/);
  const ranking = await failureOf(client.chat.completions.create(chat({ task: 'rank', hotels: [] })));
  assert.match(ranking.message, /trip\.yaml reply 2, wants this to be true: \$count\(request\.hotels\) > 0/);
});

test('a text is answered with a text, and says that it is scripted', async (context) => {
  const { client } = await started(
    context,
    'name: greeting\nreplies: [{ match: { text: "I am (?<who>.+)" }, prompt: kind, reply: "= \'Hello \' & match.who" }]',
  );
  const { data, response } = await client.chat.completions.create(chat('I am Ada', 'Be kind.')).withResponse();
  assert.equal(response.headers.get('x-reel-scripted'), 'greeting');
  assert.equal(data.system_fingerprint, 'reel-scripted');
  assert.equal(data.model, 'scripted');
  assert.equal(data.object, 'chat.completion');
  assert.deepEqual(data.choices[0], {
    index: 0,
    message: { role: 'assistant', content: 'Hello Ada', refusal: null },
    logprobs: null,
    finish_reason: 'stop',
  });
  assert.deepEqual(data.usage, { prompt_tokens: 4, completion_tokens: 3, total_tokens: 7 });
  assert.match(
    (await failureOf(client.chat.completions.create(chat('I am Ada', 'Be strict.')))).message,
    /wants the system message to match \/kind\//,
  );
});

test('a stream gives the same in pieces, then why it ended, then the usage that was asked for', async (context) => {
  const text = 'Olá — '.repeat(20);
  const { client } = await started(context, `name: s\nreplies: [{ raw: ${JSON.stringify(text)}, finishReason: length }]`);
  const chunks = [];
  for await (const chunk of await client.chat.completions.create({ ...chat('x'), stream: true, stream_options: { include_usage: true } }))
    chunks.push(chunk);
  assert.ok(chunks.length > 5);
  assert.equal(chunks.map(({ choices }) => choices[0]?.delta.content ?? '').join(''), text);
  assert.equal(chunks[0]?.choices[0]?.delta.role, 'assistant');
  assert.equal(chunks.at(-2)?.choices[0]?.finish_reason, 'length');
  assert.deepEqual(chunks.at(-1)?.choices, []);
  assert.deepEqual(chunks.at(-1)?.usage, { prompt_tokens: 3, completion_tokens: 30, total_tokens: 33 });
  assert.deepEqual(new Set(chunks.map(({ system_fingerprint }) => system_fingerprint)), new Set(['reel-scripted']));

  const whole = await client.chat.completions.stream(chat('x')).finalChatCompletion();
  assert.equal(whole.choices[0]?.message.content, text);
});

test('a refusal, an answer that was filtered and one that is nonsense are sent as they are', async (context) => {
  const { client } = await started(
    context,
    `
name: trouble
replies:
  - { task: refuse, refusal: I will not. }
  - { task: filter, raw: '', finishReason: content_filter }
  - { task: nonsense, raw: '{"steps": [' }
  - { task: shape, reply: { unasked: true } }
  - { task: words, reply: words }
`,
  );
  const ask = async (task: string) => (await client.chat.completions.create({ ...chat({ task }), ...structured })).choices[0];
  assert.deepEqual((await ask('refuse'))?.message, { role: 'assistant', content: null, refusal: 'I will not.' });
  const filtered = await ask('filter');
  assert.deepEqual([filtered?.finish_reason, filtered?.message.content], ['content_filter', '']);
  assert.equal((await ask('nonsense'))?.message.content, '{"steps": [');
  assert.equal((await ask('shape'))?.message.content, '{"unasked":true}');
  assert.equal((await ask('words'))?.message.content, '"words"');
  const streamed = await client.chat.completions.stream(chat({ task: 'refuse' })).finalChatCompletion();
  assert.equal(streamed.choices[0]?.message.refusal, 'I will not.');
});

test('the same request fails as often as it should, each request counted by itself', async (context) => {
  const { client } = await started(
    context,
    'name: busy\nreplies: [{ fail: { status: 429, times: 2, retryAfterMs: 1500 }, reply: "= attempt" }]',
  );
  const ask = (text: string) => client.chat.completions.create({ ...chat(text), ...structured });
  for (let i = 0; i < 2; i++) {
    const error = await failureOf(ask('a'));
    assert.ok(error instanceof RateLimitError);
    assert.deepEqual([error.type, error.code], ['requests', 'rate_limit_exceeded']);
    assert.equal(error.headers?.get('retry-after'), '2');
    assert.equal(error.headers?.get('retry-after-ms'), '1500');
    assert.equal(error.headers?.get('x-reel-scripted'), 'busy');
  }
  assert.equal((await ask('a')).choices[0]?.message.content, '2');
  assert.ok((await failureOf(ask('b'))) instanceof RateLimitError);
});

test('the client of OpenAI itself gets through when it tries again', async (context) => {
  const { offline } = await started(context, 'name: busy\nreplies: [{ fail: { status: 503, times: 1, retryAfterMs: 1 }, raw: at last }]');
  const client = new OpenAI({ apiKey: 'none', baseURL: offline.url, maxRetries: 1 });
  assert.equal((await client.chat.completions.create(chat('a'))).choices[0]?.message.content, 'at last');
});

test('a first draft can be bad and a second one good', async (context) => {
  const { client } = await started(context, 'name: drafts\nreplies: [{ where: attempt = 0, raw: bad }, { raw: good }]');
  const said = async () => (await client.chat.completions.create(chat('draft'))).choices[0]?.message.content;
  assert.deepEqual([await said(), await said(), await said()], ['bad', 'good', 'good']);
});

test('what always fails, fails, in the shape of the status', async (context) => {
  const { client } = await started(
    context,
    'name: down\nreplies: [{ task: down, fail: { status: 500 } }, { task: key, fail: { status: 401 } }]',
  );
  const down = await failureOf(client.chat.completions.create(chat({ task: 'down' })));
  assert.deepEqual([down.status, down.type, down.code], [500, 'server_error', null]);
  const key = await failureOf(client.chat.completions.create(chat({ task: 'key' })));
  assert.deepEqual([key.status, key.type, key.code], [401, 'authentication_error', 'invalid_api_key']);
});

test('a reply that cannot be computed is told as what it is', async (context) => {
  const { client } = await started(context, 'name: sum\nreplies: [{ reply: { n: "= $number(request.n)" } }]');
  const error = await failureOf(client.chat.completions.create(chat({ n: 'none' })));
  assert.deepEqual([error.status, error.code], [404, 'unscripted']);
  assert.match(error.message, /trip\.yaml reply 1 covers this request, but what it says cannot be computed: n: in/);
});

test('what is exactly wanted is compared whatever the order of keys', async (context) => {
  const { client } = await started(
    context,
    'name: exact\nreplies: [{ exactly: { a: 1, b: { c: [2], d: 3 } }, exactPrompt: Do., outputDigest: none, raw: yes }]',
  );
  const ask = (request: unknown, prompt: string, more = {}) => client.chat.completions.create({ ...chat(request, prompt), ...more });
  const request = { b: { d: 3, c: [2] }, a: 1 };
  assert.equal((await ask(request, 'Do.')).choices[0]?.message.content, 'yes');
  assert.match((await failureOf(ask({ ...request, a: 2, e: 0 }, 'Do.'))).message, /the request that was recorded \(it differs in a, e\)/);
  assert.match((await failureOf(ask(request, 'Do it.'))).message, /wants exactly the system message that was recorded/);
  assert.match((await failureOf(ask(request, 'Do.', structured))).message, /wants another schema of the result/);
});

test('what is not asked properly gets a 400 that names the field', async (context) => {
  const { offline } = await started(context, TRAVEL);
  const post = async (body: string, headers = {}) => {
    const response = await fetch(`${offline.url}/chat/completions`, { method: 'POST', body, headers });
    return {
      status: response.status,
      ...((await response.json()) as { error: { message: string; param: string | null; code: string; type: string } }).error,
    };
  };
  const table: [string, string | null, RegExp][] = [
    ['{', null, /has to be JSON/],
    ['[]', null, /the body: .*expected object/],
    ['{}', 'messages', /messages: .*expected array/],
    ['{"messages":[]}', 'messages', /messages: /],
    ['{"messages":[{"role":"user","content":7}]}', 'messages[0].content', /messages\[0\]\.content: /],
    ['{"messages":[{"role":"system","content":"x"}]}', 'messages', /expected one whose role is "user"/],
    ['{"messages":[{"role":"user","content":"x"}],"stream":"yes"}', 'stream', /stream: .*boolean/],
    ['{"messages":[{"role":"user","content":"x"}],"response_format":{"type":"xml"}}', 'response_format.type', /response_format\.type/],
    [JSON.stringify(chat('x'.repeat(8 * 1024 * 1024))), 'messages', /may have 8388608 bytes/],
  ];
  for (const [body, param, message] of table) {
    const error = await post(body);
    assert.deepEqual([error.status, error.type, error.param], [400, 'invalid_request_error', param], body.slice(0, 100));
    assert.match(error.message, message);
  }
});

test('it lists its one model, and says what is where', async (context) => {
  const { offline, client } = await started(context, TRAVEL);
  assert.match(offline.url, /^http:\/\/127\.0\.0\.1:\d+\/v1$/);
  assert.equal(offline.scripts, 1);
  const listed = [];
  for await (const model of client.models.list()) listed.push(model.id);
  assert.deepEqual(listed, ['scripted']);
  assert.equal((await client.models.retrieve('scripted')).owned_by, 'reel');
  assert.match(
    (await failureOf(client.embeddings.create({ model: 'scripted', input: 'x' }))).message,
    /There is nothing at \/v1\/embeddings/,
  );
  const wrong = await fetch(`${offline.url}/chat/completions`);
  assert.deepEqual([wrong.status, wrong.headers.get('allow')], [405, 'POST']);
});

/** A clock that only moves when the test says so. */
function clock(): { wait: Wait; asked: number[]; aborted: Promise<void>; next: () => Promise<() => void> } {
  const aborted = Promise.withResolvers<void>();
  let waiting = Promise.withResolvers<() => void>();
  const asked: number[] = [];
  const wait: Wait = (ms, signal) => {
    asked.push(ms);
    return new Promise<void>((resolve, reject) => {
      signal.addEventListener('abort', () => {
        aborted.resolve();
        reject(signal.reason as Error);
      });
      waiting.resolve(() => {
        waiting = Promise.withResolvers();
        resolve();
      });
    });
  };
  return { wait, asked, aborted: aborted.promise, next: () => waiting.promise };
}

test('an answer takes the time that the script says, before it and between its pieces', async (context) => {
  const { wait, asked, next } = clock();
  const { client } = await started(context, `name: slow\nreplies: [{ raw: ${'x'.repeat(30)}, delayMs: 60000, chunkMs: 500 }]`, wait);
  const streaming = client.chat.completions.create({ ...chat('a'), stream: true });
  (await next())();
  const pieces: string[] = [];
  const reading = (async () => {
    for await (const { choices } of await streaming) pieces.push(choices[0]?.delta.content ?? '');
  })();
  for (let i = 0; i < 3; i++) (await next())();
  await reading;
  assert.deepEqual(asked, [60_000, 500, 500, 500]);
  assert.equal(pieces.join(''), 'x'.repeat(30));
});

test('whoever hangs up is not answered any more', async (context) => {
  const { wait, aborted, next } = clock();
  const { client } = await started(context, 'name: slow\nreplies: [{ raw: a, delayMs: 60000 }]', wait);
  const abort = new AbortController();
  const call = failureOf(client.chat.completions.create(chat('a'), { signal: abort.signal }));
  await next();
  abort.abort();
  assert.ok((await call) instanceof APIUserAbortError);
  await aborted;
});

test('stopping finishes what is being answered, at once', async () => {
  const { wait, next } = clock();
  const offline = await startOffline({
    scripts: [readScenario('name: slow\nreplies: [{ raw: whole, delayMs: 60000, chunkMs: 60000 }]', 'slow.yaml')],
    wait,
  });
  const client = new OpenAI({ apiKey: 'none', baseURL: offline.url, maxRetries: 0 });
  const call = client.chat.completions.stream(chat('a')).finalChatCompletion();
  await next();
  await offline.close();
  assert.equal((await call).choices[0]?.message.content, 'whole');
  const { port } = new URL(offline.url);
  await new Promise<void>((refused) => connect(Number(port), '127.0.0.1').once('error', () => refused()));
});

test('scenarios come from a folder, whose last name the error tells, and nothing more', async (context) => {
  const folder = await mkdtemp(join(tmpdir(), 'reel-scenarios-'));
  context.after(() => rm(folder, { recursive: true, force: true }));
  await writeFile(join(folder, 'b.yaml'), 'name: b\nreplies: [{ task: x, raw: later }, { task: y, raw: y }]');
  await writeFile(join(folder, 'a.yaml'), 'name: a\nreplies: [{ task: x, raw: first }]');
  const offline = await startOffline({ folder });
  context.after(() => offline.close());
  assert.equal(offline.scripts, 2);
  const client = new OpenAI({ apiKey: 'none', baseURL: offline.url, maxRetries: 0 });
  assert.equal((await client.chat.completions.create(chat({ task: 'x' }))).choices[0]?.message.content, 'first');
  const { message } = await failureOf(client.chat.completions.create(chat({ task: 'z' })));
  assert.ok(message.includes(`scenario files (2 scripts in ${basename(folder)}).`), message);
  assert.ok(!message.includes(folder), message);
});

test('without any script everything is unscripted', async (context) => {
  const offline = await startOffline();
  context.after(() => offline.close());
  const client = new OpenAI({ apiKey: 'none', baseURL: offline.url, maxRetries: 0 });
  assert.match(
    (await failureOf(client.chat.completions.create(chat('x')))).message,
    /scenario files \(REEL_SCENARIOS names their folder, and is not set\)\./,
  );
});
