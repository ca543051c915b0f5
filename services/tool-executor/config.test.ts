import assert from 'node:assert/strict';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { readConfig } from './config.ts';
import { opened } from './fixtures/opened.ts';

async function read(context: TestContext, text: string, env: NodeJS.ProcessEnv = {}) {
  const folder = await mkdtemp(join(tmpdir(), 'reel-tools-'));
  context.after(() => rm(folder, { recursive: true }));
  await writeFile(join(folder, 'tools.yaml'), text);
  return { folder, config: await readConfig(join(folder, 'tools.yaml'), env) };
}

test('credentials come from the environment, and paths start at the file', async (context) => {
  const text = `
servers:
  files: { command: node, args: [server.js], env: { TOKEN: 'x-\${TOKEN}' }, cwd: tools }
  remote: { url: 'https://example.com/\${PLACE}', headers: { Authorization: 'Bearer \${TOKEN}' } }
apis:
  tickets: { document: tickets.yaml, baseUrl: 'https://example.com/\${PLACE}', credentials: { login: '\${PLACE}:\${TOKEN}' } }
modules: [ ./mine.ts ]
`;
  const { folder, config } = await read(context, text, { TOKEN: 'secret', PLACE: 'mcp' });
  const limits = { answerBytes: 4 * 1024 * 1024 };
  assert.deepEqual(config, {
    servers: {
      files: {
        command: 'node',
        args: ['server.js'],
        env: { TOKEN: 'x-secret' },
        cwd: join(folder, 'tools'),
        limits,
        prefix: '',
        tools: {},
      },
      remote: { url: 'https://example.com/mcp', headers: { Authorization: 'Bearer secret' }, limits, prefix: '', tools: {} },
    },
    apis: {
      tickets: {
        document: join(folder, 'tickets.yaml'),
        baseUrl: 'https://example.com/mcp',
        credentials: { login: 'mcp:secret' },
        idempotencyHeader: 'Idempotency-Key',
        limits,
        prefix: '',
        tools: {},
      },
    },
    modules: [join(folder, 'mine.ts')],
  });
});

const wrong: Record<string, [text: string, message: RegExp]> = {
  'a field that is not known': [
    'servers:\n  a:\n    command: node\n    arg: [x]\n',
    /tools\.yaml:4:10: servers\.a\.arg: is not a field that is known here/,
  ],
  'a value of the wrong type': ['servers:\n  a:\n    command: 7\n', /tools\.yaml:3:14: servers\.a\.command: expected string, is 7/],
  'neither a command nor a url': ['servers:\n  a: {}\n', /:2:6: servers\.a: expected either a command .* or a url .*, is \{\}/],
  'both a command and a url': ['servers: { a: { command: x, url: "http://x" } }', /servers\.a: expected either a command/],
  'a url that is none': ['servers: { a: { url: "ftp://x" } }', /servers\.a\.url: expected an http or https URL, is "ftp:\/\/x"/],
  'an effect that is none': [
    'servers: { a: { command: x, tools: { t: { effect: pure } } } }',
    /servers\.a\.tools\.t\.effect: .*read-only.*, is "pure"/,
  ],
  'a variable that is not set': [
    'servers: { a: { url: "http://x", headers: { A: "'.concat('$', '{NO}" } } }'),
    /servers\.a\.headers\.A: expected the environment variable NO to be set/,
  ],
  'a secret in the file': [
    'apis: { a: { document: a.yaml, credentials: { token: s3cret } } }',
    /:1:54: apis\.a\.credentials\.token: expected a reference to the environment, such as "\$\{API_TOKEN\}"; a secret is never written here$/,
  ],
  'a baseUrl that is none': [
    'apis: { a: { document: a.yaml, baseUrl: example.com } }',
    /apis\.a\.baseUrl: expected an http or https URL, is "example\.com"/,
  ],
  'an API with the name of a server': [
    'servers: { a: { command: x } }\napis: { a: { document: a.yaml } }',
    /:2:12: apis\.a: there is a server "a" already; expected every name once/,
  ],
  'a number that is not read exactly': [
    'servers: { a: { command: x, timeoutMs: 7615917337495251231 } }',
    /tools\.yaml:1:40: 7615917337495251231 has more digits than a number here can have: write it in quotes/,
  ],
  'text that is not YAML': ['servers: [', /tools\.yaml: .*line 1/],
};
for (const [what, [text, message]] of Object.entries(wrong)) {
  test(`${what} is refused, with its place and what is expected`, async (context) => {
    await assert.rejects(read(context, text), { message });
  });
}

test('a file that is not there is named, with who named it', async () => {
  await assert.rejects(readConfig('nowhere.yaml', {}), /nowhere\.yaml: there is no such file; REEL_TOOLS has to name/);
});

test('a module that is not there, or offers nothing, stops the start', async (context) => {
  await assert.rejects(opened(context, { modules: ['./nowhere.ts'] }), /modules: .*nowhere\.ts cannot be loaded/);
  await assert.rejects(
    opened(context, { modules: [join(import.meta.dirname, 'semaphore.ts')] }),
    /semaphore\.ts exports no tools; expected exports made by defineTool/,
  );
});

test('a setting of a tool in a module that is none stops the start, and is named', async (context) => {
  const path = join(import.meta.dirname, 'fixtures/hasty.ts');
  await assert.rejects(opened(context, { modules: [path] }), /hasty\.ts: the tool "hasty": withinMs: .*>0/);
});
