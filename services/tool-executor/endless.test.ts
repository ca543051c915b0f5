/**
 * Answers without end: each is read up to its limit and told at once as what it is, and the memory of the reader stays as it was. All of it
 * runs in a process with a small heap, so that what is kept shows, and not what is only not collected yet.
 */
import assert from 'node:assert/strict';
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import { after, before, test } from 'node:test';
import { Failure, InDoubt } from '@reel/bus/service.ts';
import type { Json } from '@reel/contracts/envelope.ts';
import { WAYS } from './fixtures/endless.ts';
import { opened } from './fixtures/opened.ts';

const SMALL = ['--max-old-space-size=100', '--max-semi-space-size=8'];
const program = join(import.meta.dirname, 'fixtures/endless.ts');
/** The servers offer as many gigabytes as are read. */
const MOST_GROWTH = 150 * 1024 * 1024;
/** Small, so that what comes in small pieces is soon too much. */
const limits = { answerBytes: 256 * 1024 };
/** A call that ends sooner was not ended by its time. */
const timeoutMs = 600_000;
const tools = Object.fromEntries(WAYS.flatMap((way) => [`look-${way}`, `do-${way}`]).map((name) => [name, { timeoutMs }]));

if (process.execArgv.includes(SMALL[0] as string)) inSmallProcess();
else {
  test('what does not end is read up to its limit, told as what it is, and takes no memory', async () => {
    const { NODE_TEST_CONTEXT: _, ...env } = process.env;
    const child = spawn(process.execPath, [...SMALL, '--test-reporter=spec', import.meta.filename], {
      env,
      stdio: ['ignore', 'pipe', 'inherit'],
    });
    const report = await text(child.stdout);
    if (child.exitCode === null) await once(child, 'exit');
    assert.equal(child.exitCode, 0, report);
  });
}

function inSmallProcess(): void {
  let server: ChildProcess;
  let url: string;
  const peak = { begin: 0, most: 0 };
  const measuring = setInterval(() => {
    peak.most = Math.max(peak.most, process.memoryUsage.rss());
  }, 10);

  before(async () => {
    server = spawn(process.execPath, [program], { stdio: ['ignore', 'pipe', 'inherit'] });
    const [line] = (await once(server.stdout as NonNullable<typeof server.stdout>, 'data')) as [Buffer];
    url = line.toString().trim();
    peak.begin = process.memoryUsage.rss();
  });
  after(() => {
    clearInterval(measuring);
    server.kill();
  });

  /** How a call ended: `result`, or the code of its failure or doubt. */
  const ended = (call: Promise<Json>): Promise<string> =>
    call.then(
      () => 'result',
      (error: Error) => {
        const named = error instanceof Failure || error instanceof InDoubt;
        return named ? `${error.constructor.name} ${error.problem.code}` : error.message;
      },
    );
  const TOO_LARGE = ['Failure result-too-large', 'InDoubt result-too-large'];

  async function eachWay(
    call: (name: string) => Promise<Json>,
    ways: readonly string[],
    others: Record<string, readonly string[]>,
  ): Promise<void> {
    for (const way of ways) {
      const other = call('fine');
      const [looked, done] = others[way] ?? TOO_LARGE;
      for (const [name, expected] of [
        [`look-${way}`, looked],
        [`do-${way}`, done],
      ] as const) {
        const end = await ended(call(name));
        assert.ok(end.includes(expected as string), `${name}: ${end}`);
      }
      assert.equal(await ended(other), 'result', way);
    }
    assert.equal(await ended(call('fine')), 'result');
  }

  test('an answer over HTTP is a failure or a doubt with a name, and the others go on', async (context) => {
    const { call } = await opened(context, { servers: { endless: { url: `${url}/mcp`, limits, tools } } });
    await eachWay((name) => call(name, {}, { timeoutMs }), WAYS, { error: ['tool-lost', 'it may have had its effect'] });
  });

  test('an answer of an API is a failure or a doubt with a name', async (context) => {
    const { call } = await opened(
      context,
      { apis: { endless: { document: `${url}/api/document.json`, timeoutMs, limits } } },
      { startMs: 30_000 },
    );
    await eachWay((name) => call(name, {}, { timeoutMs }), [...WAYS, 'head'], {
      error: ['Failure api-unavailable', 'it may have had its effect'],
      head: ['Failure api-unreachable', 'it may have had its effect'],
    });
  });

  test('what may be answered is said per server, and is 4 MiB where nothing is said', async (context) => {
    const answerBytes = 16 * 1024 * 1024;
    const { call } = await opened(context, { servers: { endless: { url: `${url}/mcp`, limits: { answerBytes }, tools } } });
    assert.equal(await ended(call('look-large')), 'result');
    const other = await opened(context, { servers: { endless: { url: `${url}/mcp`, tools } } });
    await assert.rejects(other.call('look-json', {}, { timeoutMs }), {
      message:
        'look-json at the server "endless": its answer has more than 4194304 bytes: ask for less, or raise servers.endless.limits.answerBytes in the file that REEL_TOOLS names',
    });
  });

  for (const way of ['line', 'notes'] as const) {
    const what = way === 'line' ? 'a line' : 'a series of messages';
    test(`over stdio ${what} ends what is under way, and the server is begun again`, async (context) => {
      const server = { command: process.execPath, args: [program, 'stdio', way], limits, tools };
      const { call, offers } = await opened(context, { servers: { endless: server } }, { startMs: 30_000 });
      const before = offers.items.length;
      assert.equal(await ended(call('do-json', {}, { timeoutMs })), 'InDoubt result-too-large');
      await offers.next((names) => names.length === 0, before);
      await offers.next((names) => names.includes('fine'), before);
      assert.equal(await ended(call('fine')), 'result');
    });
  }

  test('what is written to stderr is left out', async (context) => {
    const server = { command: process.execPath, args: [program, 'stdio', 'stderr'] };
    const { call } = await opened(context, { servers: { endless: server } }, { startMs: 30_000 });
    for (let n = 0; n < 20; n += 1) assert.equal(await ended(call('fine')), 'result');
  });

  const lists: Record<string, RegExp> = {
    greeting: /its answer has more than 262144 bytes/,
    list: /its answer has more than 262144 bytes/,
    pages: /it has more than 1000 pages/,
    heavy: /its list of tools has more than 262144 bytes/,
    many: /its answer has more than 262144 bytes/,
  };
  for (const [path, words] of Object.entries(lists)) {
    test(`with a ${path} that does not end a server is not used, and the log says why`, async (context) => {
      const { logged, offers } = await opened(context, { servers: { endless: { url: `${url}/${path}`, limits } } }, { startMs: 30_000 });
      const { fields } = await logged.next(({ level }) => level === 'error');
      assert.match(String(fields['why']), words);
      assert.deepEqual(offers.items.flat(), []);
    });
  }

  test('so many tools are too many, however short they are', async (context) => {
    const { logged } = await opened(context, { servers: { endless: { url: `${url}/many` } } });
    assert.match(String((await logged.next(({ level }) => level === 'error')).fields['why']), /it has more than 1000$/);
  });

  test('a tool whose definition is too large is left out, alone', async (context) => {
    const { logged, offers } = await opened(context, { servers: { endless: { url: `${url}/wide` } } });
    assert.deepEqual(offers.items.at(-1), ['fine']);
    assert.match(JSON.stringify(logged.items), /has a definition of 655\d+ bytes, and may have 262144/);
  });

  for (const path of ['unasked-line', 'unasked-notes']) {
    test(`of ${path} so much is heard in a minute, and the server is looked for again`, async (context) => {
      const { logged } = await opened(context, { servers: { endless: { url: `${url}/${path}`, limits } } });
      const { fields } = await logged.next(({ message }) => message.includes('is gone'));
      assert.match(String(fields['why']), /what it says unasked in a minute has more than 262144 bytes/);
    });
  }

  const documents: Record<string, RegExp> = {
    'endless.json': /has more than 20000000 bytes/,
    'bomb.yaml': /it has more than 2000000 values/,
  };
  for (const [name, words] of Object.entries(documents)) {
    test(`a document ${name} is not used, and the log says why`, async (context) => {
      const { logged } = await opened(context, { apis: { endless: { document: `${url}/api/${name}` } } }, { startMs: 30_000 });
      assert.match(String((await logged.next(({ level }) => level === 'error')).fields['why']), words);
    });
  }

  test('all of this took little memory', () => {
    const growth = peak.most - peak.begin;
    assert.ok(growth > 0 && growth < MOST_GROWTH, `memory grew by ${Math.round(growth / 1024 / 1024)} MiB`);
  });
}
