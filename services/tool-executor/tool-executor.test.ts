import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { type TestContext, test } from 'node:test';
import { Failure } from '@reel/bus/service.ts';
import type { Json } from '@reel/contracts/envelope.ts';
import { resultOf } from './answer.ts';
import { serveHttp } from './fixtures/http.ts';
import { growing, opened } from './fixtures/opened.ts';
import { serveStreams } from './fixtures/streams.ts';
import { everyday, type Fixture } from './fixtures/tools.ts';

const fixture = (name: string): string => join(import.meta.dirname, 'fixtures', name);
const stdio = { command: process.execPath, args: [fixture('stdio.ts')] };
const garbage = (how: string) => ({ command: process.execPath, args: [fixture('garbage.ts'), how] });

async function http(context: TestContext, offered: () => readonly Fixture[], port = 0) {
  const server = await serveHttp(offered, port);
  context.after(() => server.close());
  return server;
}

/** What a call failed with: a failure's code, or `ambiguous`. */
const went = (call: Promise<Json>): Promise<string> =>
  call.then(
    () => 'done',
    (error: Error) =>
      error instanceof Failure ? `${error.problem.code}${error.problem.retryable === true ? ', retryable' : ''}` : 'ambiguous',
  );
const failure = (code: string, message: RegExp, retryable: boolean) => (error: Failure) => {
  assert.deepEqual({ code: error.problem?.code, retryable: error.problem?.retryable }, { code, retryable }, error.stack);
  assert.match(error.message, message);
  return true;
};

/** Waits until nothing is offered any more. @returns how often was told until then. */
async function gone(offers: {
  items: (readonly string[])[];
  next(is: (tools: readonly string[]) => boolean, after: number): Promise<unknown>;
}) {
  await offers.next((tools) => tools.length === 0, 1);
  return offers.items.findLastIndex((tools) => tools.length === 0);
}

test('a stdio server is greeted past its noise, and all pages of its tools are registered with what is known about them', async (context) => {
  const { registry } = await opened(context, {
    servers: {
      local: { ...stdio, tools: { 'die-doing': { timeoutMs: 50, effect: 'idempotent', retry: { attempts: 3 }, withinMs: 900 } } },
    },
  });
  assert.deepEqual([...registry.tools.keys()].sort(), everyday.map(({ name }) => name).sort());
  const { digest, ...book } = registry.tools.get('book')!;
  assert.match(digest, /^sha256:/);
  assert.deepEqual(book, {
    name: 'book',
    description: '',
    server: 'local',
    input: { type: 'object' },
    effect: 'idempotent',
    timeoutMs: 30_000,
    concurrency: 16,
    compensation: { uses: 'unbook', with: { id: '= result.id' } },
  });
  const { output, effect } = registry.tools.get('echo')!;
  assert.deepEqual({ output, effect }, { output: { type: 'object' }, effect: 'read-only' });
  assert.deepEqual([registry.tools.get('fail')?.effect, registry.tools.get('die-doing')?.effect], ['once', 'idempotent']);
  const { timeoutMs, retry, withinMs } = registry.tools.get('die-doing')!;
  assert.deepEqual({ timeoutMs, retry, withinMs }, { timeoutMs: 50, retry: { attempts: 3, delayMs: 0 }, withinMs: 900 });
});

test('a call carries its key: over stdio in _meta, over HTTP as a header too', async (context) => {
  const { url } = await http(context, () => [{ ...everyday[0]!, name: 'echo-http' }]);
  const { call } = await opened(context, { servers: { local: stdio, remote: { url } } });
  const meta = { 'reel/idempotency-key': 'R.tool.echo', traceparent: '00-a-b-01' };
  assert.deepEqual(await call('echo', { word: 'a' }), { args: { word: 'a' }, meta, header: null });
  const remote = { 'reel/idempotency-key': 'R.tool.echo-http', traceparent: '00-a-b-01' };
  assert.deepEqual(await call('echo-http', { word: 'b' }), { args: { word: 'b' }, meta: remote, header: 'R.tool.echo-http' });
});

test('a result is what is structured, else the text, whatever it says', async (context) => {
  const { call } = await opened(context, { servers: { local: stdio } });
  assert.deepEqual(await call('say-json'), { text: '{"n":1}' });
  assert.deepEqual(await call('say-text'), { text: 'well done' });
});

test('the shape of a result is told by what is declared, and never by what a text looks like', () => {
  const text = (words: string) => ({ type: 'text', text: words });
  const image = { type: 'image', data: 'aGk=', mimeType: 'image/png' };
  const declared = { type: 'object', required: ['a'], properties: { a: { type: 'integer' } } };
  for (const one of ['A-17', '1234567890123456789', '42', '1e400', 'null', 'true', '"x"', '[1]', '{"a":1}', '', ' 7 ', '0012']) {
    assert.deepEqual(resultOf('t', { content: [text(one)] }), { text: one });
    assert.deepEqual(resultOf('t', { content: [text(one), image] }), { text: one, content: [text(one), image] });
    assert.deepEqual(resultOf('t', { content: [text(one), text('z')] }), { text: `${one}\nz`, content: [text(one), text('z')] });
    assert.deepEqual(resultOf('t', { content: [text(one)] }, declared), one === '{"a":1}' ? { a: 1 } : { text: one });
    assert.deepEqual(resultOf('t', { content: [text(one)], structuredContent: { b: 2 } }, declared), { b: 2 });
  }
  assert.deepEqual(resultOf('t', { content: [image] }), { text: '', content: [image] });
  assert.deepEqual(resultOf('t', { content: [text('7')] }, { type: 'nonsense' }), { text: '7' });
});

test('isError is a failure with the words of the tool', async (context) => {
  const { call } = await opened(context, { servers: { local: stdio } });
  await assert.rejects(call('fail'), failure('tool-error', /no such hotel/, true));
  await assert.rejects(call('fail-for-good'), failure('tool-error', /card declined/, false));
});

test('what is not the approved tool, or not its arguments, never reaches a server', async (context) => {
  const { call } = await opened(context, { servers: { local: stdio } });
  await assert.rejects(call('echo', { word: 'a' }, { definition: 'sha256:other' }), failure('tool-changed', /sha256:other/, false));
  await assert.rejects(call('echo', { word: 3 }), failure('invalid-arguments', /word: must be string, is 3/, false));
  await assert.rejects(call('nowhere'), failure('tool-gone', /"nowhere".*book, die-doing/, true));
});

test('a server that does not start is told of, and the others go on', async (context) => {
  const broken = { command: process.execPath, args: ['-e', 'console.error("no licence"); process.exit(1)'] };
  const servers = { missing: { command: 'no-such-program' }, broken, local: stdio, away: { url: 'http://127.0.0.1:9/mcp' } };
  const { call, logged } = await opened(context, { servers });
  const complaints = logged.items
    .filter(({ level }) => level === 'error')
    .map(({ message, fields }) => `${message} ${String(fields['command'])} ${String(fields['why'])}`);
  assert.match(complaints.find((one) => one.includes('"missing"'))!, /does not start.*no-such-program.*ENOENT/);
  assert.match(complaints.find((one) => one.includes('"broken"'))!, /does not start.*on stderr it said: no licence/);
  assert.match(complaints.find((one) => one.includes('"away"'))!, /check that it runs and that its url/);
  assert.deepEqual(await call('say-json'), { text: '{"n":1}' });
});

test('a server that prints rubbish is given up after its time, with what it printed', async (context) => {
  const { logged, registry } = await opened(context, { servers: { rubbish: garbage('rubbish') } }, { connectMs: 4_000 });
  const complaint = logged.items.find(({ level }) => level === 'error');
  assert.match(String(complaint?.fields['why']), /timed out.*on stdout it said what is not MCP.*%\$&/);
  assert.equal(registry.tools.size, 0);
});

test('an answer that is no result leaves open whether it was done, unless the tool only reads', async (context) => {
  const { call } = await opened(context, { servers: { shapeless: garbage('shape') } });
  await assert.rejects(call('look'), failure('tool-lost', /look at the server "shapeless": it answered something that is not MCP/, true));
  assert.equal(await went(call('do')), 'ambiguous');
});

test('a server that dies in mid-call leaves it open likewise; its tools go, and come back with it', async (context) => {
  const { call, offers } = await opened(context, { servers: { local: stdio } });
  assert.equal(await went(call('die-reading')), 'tool-lost, retryable');
  await offers.next((tools) => tools.includes('die-doing'), await gone(offers));
  assert.equal(await went(call('die-doing')), 'ambiguous');
});

test('an HTTP server that is killed in mid-call leaves it open at once; back on its port it is offered again', async (context) => {
  const start = async (port: number) => {
    const child = spawn(process.execPath, [fixture('http.ts'), String(port)], { stdio: ['ignore', 'pipe', 'inherit'] });
    context.after(() => void child.kill('SIGKILL'));
    const [url] = (await once(createInterface({ input: child.stdout }), 'line')) as [string];
    return { child, url };
  };
  const { url } = await start(0);
  const { call, offers } = await opened(context, { servers: { remote: { url } } });
  assert.deepEqual(offers.items.at(-1), everyday.map(({ name }) => name).sort());
  assert.equal(await went(call('die-doing')), 'ambiguous');
  const goneAt = await gone(offers);
  assert.equal(await went(call('echo', { word: 'a' })), 'tool-gone, retryable');
  await start(Number(new URL(url).port));
  await offers.next((tools) => tools.includes('echo'), goneAt);
  assert.equal(await went(call('echo', { word: 'a' })), 'done');
});

for (const [ending, words, asked] of [
  ['no-ids', /the connection ended without an answer$/, 0],
  ['no-way', /the server does not resume it/, 0],
  ['fails', /the server answered 500 when it was asked for the rest/, 3],
  ['breaks', /the server answered 500 when it was asked for the rest/, 3],
] as const) {
  test(`a stream that ends before the answer leaves the call open as soon as nobody asks for the rest: ${ending}`, async (context) => {
    const server = await serveStreams(ending);
    context.after(() => server.close());
    const { call } = await opened(context, { servers: { remote: { url: server.url } } });
    await assert.rejects(call('look'), failure('tool-lost', words, true));
    assert.equal(server.asked(), asked);
    assert.equal(await went(call('do')), 'ambiguous');
  });
}

test('tools that come and go while the server runs are offered and not', async (context) => {
  let offered: readonly Fixture[] = everyday.slice(0, 3);
  const server = await http(context, () => offered);
  const { registry, offers } = await opened(context, { servers: { remote: { url: server.url } } });
  assert.deepEqual(offers.items, [[], ['echo', 'say-json', 'say-text']]);
  offered = [everyday[0]!, { ...everyday[1]!, description: 'says JSON' }, everyday[3]!];
  await server.changed();
  await Promise.all([offers.next((tools) => tools.join() === 'echo,fail,say-json'), registry.told.next((name) => name === 'fail')]);
  assert.equal(registry.tools.get('say-json')?.description, 'says JSON');
  assert.equal(registry.told.items.filter((name) => name === 'echo').length, 1);
});

test('a cancelled call is cancelled at the server', async (context) => {
  const came = growing<AbortSignal>();
  const hang: Fixture = {
    name: 'hang',
    run: ({ signal }) => {
      came.add(signal);
      return new Promise(() => {});
    },
  };
  const { url } = await http(context, () => [hang]);
  const { call } = await opened(context, { servers: { remote: { url } } });
  const control = new AbortController();
  const result = went(call('hang', {}, { signal: control.signal }));
  const signal = await came.next(() => true);
  const aborted = once(signal, 'abort');
  control.abort(new Error('nobody wants it any more'));
  assert.equal(await result, 'ambiguous');
  await aborted;
});

test('a tool is given no more calls at a time than it takes, and the next one when a call is over', async (context) => {
  const inside = growing<() => void>();
  const slow: Fixture = {
    name: 'slow',
    run: () => new Promise((resolve) => inside.add(() => resolve({ content: [{ type: 'text', text: 'ok' }] }))),
  };
  const { url } = await http(context, () => [slow]);
  const { call } = await opened(context, { servers: { remote: { url, tools: { slow: { concurrency: 2 } } } } });
  const calls = [call('slow'), call('slow'), call('slow')];
  const control = new AbortController();
  const impatient = went(call('slow', {}, { signal: control.signal }));
  await inside.next(() => inside.items.length === 2);
  control.abort(new Error('too long'));
  assert.equal(await impatient, 'ambiguous');
  assert.equal(inside.items.length, 2);
  inside.items[0]!();
  await inside.next(() => inside.items.length === 3);
  for (const finish of inside.items) finish();
  assert.deepEqual(await Promise.all(calls), [{ text: 'ok' }, { text: 'ok' }, { text: 'ok' }]);
});

test('of two servers with one tool the first in the file keeps it, and the log says so', async (context) => {
  const { url } = await http(context, () => everyday);
  const { registry, logged } = await opened(context, { servers: { local: stdio, remote: { url } } });
  assert.equal(registry.tools.get('echo')?.server, 'local');
  assert.ok(
    logged.items.some(
      ({ level, message }) =>
        level === 'error' && /"echo" of the server "remote" is not offered: .*"local" offers "echo" already/.test(message),
    ),
  );
});

test('tools in process are checked, registered and called like any other', async (context) => {
  const { call, registry } = await opened(context, { modules: [fixture('in-process.ts')] });
  assert.deepEqual([...registry.tools.keys()], ['add', 'refuse', 'wait']);
  assert.deepEqual(await call('add', { a: 2 }), { sum: 3 });
  assert.deepEqual(registry.tools.get('add')?.input['required'], ['a']);
  assert.deepEqual(registry.tools.get('refuse')?.compensation, { uses: 'add', with: {} });
  await assert.rejects(call('add', { a: 'two' }), failure('invalid-arguments', /add: \/a: /, false));
  await assert.rejects(call('refuse'), failure('tool-error', /refuse: out of paper/, true));
  const control = new AbortController();
  const waiting = went(call('wait', {}, { signal: control.signal }));
  await new Promise(setImmediate);
  control.abort(new Error('timed out'));
  assert.equal(await waiting, 'ambiguous');
});
