import assert from 'node:assert/strict';
import { type TestContext, test } from 'node:test';
import { ANSWER_BYTES, readModels } from './configuration.ts';
import { file } from './fixtures/opened.ts';

const NO_SETTINGS = { headers: {}, extraBody: {} };

const read = async (context: TestContext, text: string, env: NodeJS.ProcessEnv = {}) =>
  await readModels({ ...env, REEL_MODELS: await file(context, 'models.yaml', text) });

test('nothing configured is no model', async () => {
  assert.equal(await readModels({}), undefined);
  assert.equal(await readModels({ REEL_MODEL: 'x', OPENAI_API_KEY: '', OPENAI_BASE_URL: '' }), undefined);
});

test('the environment alone configures one model, good for all that Reel asks, at the price of the list', async () => {
  const definition = { name: 'gpt-4o-mini', capabilities: ['plan', 'answer', 'structured', 'judge'], price: 'medium' };
  const price = { microusdPerMillionInput: 150_000, microusdPerMillionOutput: 600_000 };
  assert.deepEqual(await readModels({ OPENAI_API_KEY: 'k', REEL_MODEL: 'gpt-4o-mini' }), [
    { definition, id: 'gpt-4o-mini', baseUrl: undefined, apiKey: 'k', answerBytes: ANSWER_BYTES, price, request: NO_SETTINGS },
  ]);
  const local = await readModels({ OPENAI_BASE_URL: 'http://127.0.0.1:1/v1', REEL_MODEL: 'mine' });
  assert.deepEqual(local?.[0], {
    definition: { ...definition, name: 'mine' },
    id: 'mine',
    baseUrl: 'http://127.0.0.1:1/v1',
    apiKey: undefined,
    answerBytes: ANSWER_BYTES,
    price: undefined,
    request: NO_SETTINGS,
  });
});

test('what is missing or wrong in the environment is named', async () => {
  await assert.rejects(readModels({ OPENAI_API_KEY: 'k' }), { message: /^REEL_MODEL: expected the name of a model .* is missing/ });
  await assert.rejects(readModels({ OPENAI_BASE_URL: 'localhost:80', REEL_MODEL: 'm' }), {
    message: /^OPENAI_BASE_URL: expected an http or https URL, is "localhost:80"/,
  });
});

test('a file configures several; keys come from the environment, prices from the file or else from the list', async (context) => {
  const text = `
models:
  - { name: fast, model: gpt-4.1-mini, apiKey: '\${KEY}', capabilities: [plan], price: low, timeoutMs: 9000, request: { headers: { x-team: '\${TEAM}' }, extraBody: { top_p: 0.5 }, maxTokens: 100 } }
  - { name: local/qwen3, baseUrl: 'http://\${HOST}/v1', microusdPerMillionInput: 0, microusdPerMillionOutput: 0.5 }
`;
  assert.deepEqual(await read(context, text, { KEY: 'secret', TEAM: 'seven-of-9', HOST: '127.0.0.1:2', OPENAI_API_KEY: 'not this' }), [
    {
      definition: { name: 'fast', capabilities: ['plan'], price: 'low', timeoutMs: 9000 },
      id: 'gpt-4.1-mini',
      baseUrl: undefined,
      apiKey: 'secret',
      answerBytes: ANSWER_BYTES,
      price: { microusdPerMillionInput: 400_000, microusdPerMillionOutput: 1_600_000 },
      request: { headers: { 'x-team': 'seven-of-9' }, extraBody: { top_p: 0.5 }, maxTokens: 100 },
    },
    {
      definition: { name: 'local/qwen3', capabilities: [], price: 'medium' },
      id: 'local/qwen3',
      baseUrl: 'http://127.0.0.1:2/v1',
      apiKey: undefined,
      answerBytes: ANSWER_BYTES,
      price: { microusdPerMillionInput: 0, microusdPerMillionOutput: 0.5 },
      request: NO_SETTINGS,
    },
  ]);
});

const wrong: Record<string, [text: string, message: RegExp]> = {
  'a field that is not known': [
    'models:\n  - name: a\n    apiKey: k\n    prize: low\n',
    /models\.yaml:4:12: models\.0\.prize: is not a field that is known here/,
  ],
  'a price that is no class': [
    'models:\n  - { name: a, apiKey: k, price: cheap }\n',
    /models\.yaml:2:34: models\.0\.price: expected one of "low"\|"medium"\|"high".*, is "cheap"/,
  ],
  'a time that is none': ['models: [{ name: a, apiKey: k, timeoutMs: 0 }]', /models\.0\.timeoutMs: .*expected number to be >0.*, is 0/],
  'a name that is missing': ['models: [{ apiKey: k }]', /models\.0\.name: .*expected string.*, is missing/],
  'a name with spaces': ['models: [{ name: "a b", apiKey: k }]', /models\.0\.name: expected a name of letters, .*, is "a b"/],
  'a name that is taken': [
    'models: [{ name: a, apiKey: k }, { name: a, apiKey: k }]',
    /models\.1\.name: expected a name that no other model in the file has, is "a"/,
  ],
  'no way to reach it': ['models: [{ name: a }]', /models\.0: expected a baseUrl, or an apiKey for OpenAI itself, has neither/],
  'a URL that is none': ['models: [{ name: a, baseUrl: "ftp://x" }]', /models\.0\.baseUrl: expected an http or https URL, is "ftp:\/\/x"/],
  'half a price': [
    'models: [{ name: a, apiKey: k, microusdPerMillionInput: 1 }]',
    /models\.0: expected microusdPerMillionInput and microusdPerMillionOutput together, has one alone/,
  ],
  'a price below nothing': [
    'models: [{ name: a, apiKey: k, microusdPerMillionInput: -1 }]',
    /models\.0\.microusdPerMillionInput: .*, is -1/,
  ],
  'a variable that is not set': [
    'models: [{ name: a, apiKey: "$'.concat('{NO}" }]'),
    /models\.0\.apiKey: expected the environment variable NO to be set, is not/,
  ],
  'no models at all': ['models: []', /models: expected at least one model, is \[\]/],
  'a file that is empty': ['', /models: .*expected array.*, is missing/],
  'a number that is not read exactly': [
    'models:\n  - { name: a, apiKey: k, request: { extraBody: { seed: 7615917337495251231 } } }\n',
    /models\.yaml:2:57: 7615917337495251231 has more digits than a number here can have: write it in quotes/,
  ],
  'text that is not YAML': ['models: [', /models\.yaml: .*line 1/],
};
for (const [what, [text, message]] of Object.entries(wrong)) {
  test(`${what} is refused, with its place and what is expected`, async (context) => {
    await assert.rejects(read(context, text), { message });
  });
}

test('files that are not there are named, with who named them', async () => {
  await assert.rejects(readModels({ REEL_MODELS: 'nowhere.yaml' }), {
    message: /^nowhere\.yaml: there is no such file; REEL_MODELS has to/,
  });
  const env = { OPENAI_API_KEY: 'k', REEL_MODEL: 'm', REEL_PRICES: 'nowhere.yaml' };
  await assert.rejects(readModels(env), { message: /^nowhere\.yaml: there is no such file; REEL_PRICES has to/ });
});
