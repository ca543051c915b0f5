/** The files that `reel new` writes. What stands in them has fixed names, so that the name that is asked for may be any word. */

export type Files = { readonly [name: string]: string };

const service = (name: string): Files => ({
  [`${name}.ts`]: `// A subscriber: hears how runs end. It answers with facts, or with none.
import { defineService } from '@reel/sdk';

export default defineService<{ tell: (text: string) => void }>({
  name: '${name}',
  publishes: [],
  deps: async ({ log }) => ({ deps: { tell: (text) => log.info({}, text) } }),
  on: {
    'run.outcome.completed': async ({ at }, { tell }) => {
      tell(\`run \${at.run} is completed\`);
      return [];
    },
    'run.outcome.failed': async ({ at, data }, { tell }) => {
      tell(\`run \${at.run} failed: \${data.problem.message}\`);
      return [];
    },
  },
});
`,
  [`${name}.test.ts`]: `import assert from 'node:assert/strict';
import { test } from 'node:test';
import { theRun } from '@reel/sdk';
import { runFailed, runRequested, closingFailing } from '@reel/sdk/facts';
import { given } from '@reel/sdk/testing';
import subscriber from './${name}.ts';

test('tells of a run that failed', async () => {
  const told: string[] = [];
  const problem = { code: 'full', message: 'no rooms', retryable: false };
  const workflow = { name: 'trip', steps: [{ id: 'book', uses: 'book' }] };
  const facts = [
    runRequested(theRun, { requestedBy: 'ada', workflow, input: {}, tools: {}, deadlineMs: 1e15 }),
    closingFailing(theRun, { problem }),
    runFailed(theRun, { problem, undone: [], remaining: [] }),
  ];
  const published = await given(facts).then(subscriber, { tell: (text: string) => told.push(text) });
  assert.deepEqual(published, []);
  assert.deepEqual(told, ['run R failed: no rooms']);
});
`,
});

const performer = (name: string): Files => ({
  [`${name}.ts`]: `// A performer: steps of the kind \`${name}\` are its to do. Looking, starting, time-outs, retries and late results are the bus's work.
import { definePerformer, Failure } from '@reel/sdk';

export default definePerformer({
  name: '${name}-performer',
  kind: '${name}',
  perform: async ({ arguments: { text } }) => {
    if (typeof text !== 'string') throw new Failure({ code: 'no-text', message: 'with.text has to be a text', retryable: false });
    return { said: text };
  },
});
`,
  [`${name}.test.ts`]: `import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Failure } from '@reel/sdk';
import { perform } from '@reel/sdk/testing';
import performer from './${name}.ts';

test('does what it is asked', async () => {
  assert.deepEqual(await perform(performer, { arguments: { text: 'loud' } }, {}), { said: 'loud' });
});

test('says that it did nothing without a text', async () => {
  await assert.rejects(
    perform(performer, { arguments: {} }, {}),
    (error) => error instanceof Failure && error.problem.code === 'no-text',
  );
});
`,
});

const tools = (name: string): Files => ({
  [`${name}.ts`]: `// Tools in process: \`tools.yaml\` names this file under \`modules\`, and REEL_TOOLS names that one.
import { defineTool, z } from '@reel/sdk';

export const greet = defineTool({
  name: '${name}',
  description: 'Says hello',
  input: z.object({ to: z.string() }),
  output: z.object({ text: z.string() }),
  effect: 'read-only',
  run: ({ to }) => ({ text: \`Hello, \${to}\` }),
});
`,
  [`${name}.test.ts`]: `import assert from 'node:assert/strict';
import { test } from 'node:test';
import { callTool } from '@reel/sdk/testing';
import { greet } from './${name}.ts';

test('greets by name', async () => {
  assert.deepEqual(await callTool(greet, { to: 'Ada' }), { text: 'Hello, Ada' });
});

test('refuses what is no name', async () => {
  await assert.rejects(callTool(greet, { to: 1 }), /expected string/);
});
`,
  'tools.yaml': `modules: [./${name}.ts]\n`,
});

const workflow = (name: string): Files => ({
  [`${name}.yaml`]: `name: ${JSON.stringify(name)}
input: { type: object, required: [total], properties: { total: { type: number } } }
steps:
  - id: sure
    kind: person
    when: input.total > 1000
    prompt: "= 'Pay ' & $string(input.total) & '?'"
    form: { type: object, required: [ok], properties: { ok: { type: boolean } } }
answer: { value: { total: = input.total } }
`,
  [`${name}.test.ts`]: `import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { evaluate, readWorkflow } from '@reel/sdk/testing';

const { workflow, findings } = readWorkflow(readFileSync(join(import.meta.dirname, '${name}.yaml'), 'utf8'));

test('it can be submitted', () => {
  assert.deepEqual(findings, []);
});

test('a person is asked about what is over 1000', async () => {
  const { when } = workflow?.steps[0] ?? {};
  const asked = [90.5, 1000, 1000.5].map((total) => evaluate(String(when), { input: { total } }));
  assert.deepEqual(await Promise.all(asked), [false, false, true]);
});
`,
});

/** What can be made, by the word for it. */
export const KINDS: { readonly [kind: string]: (name: string) => Files } = { service, performer, tools, workflow };
