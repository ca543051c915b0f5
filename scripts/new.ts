/** `reel new`: a service, a performer, tools or a workflow of one's own, in a folder of its own, which works as it is written. */
import { existsSync } from 'node:fs';
import { mkdir, writeFile } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import { print } from '@reel/bus/terminal.ts';
import type { Command } from 'commander';
import { Refused } from './api.ts';
import { commandLine } from './command-line.ts';
import { EXIT } from './exit-codes.ts';
import { root } from './tree.ts';

type Made = { readonly files: { readonly [name: string]: string }; readonly next: (path: string) => string };

const service = (name: string): Made => ({
  files: {
    [`${name}.ts`]: `// A subscriber: hears how runs end. It answers with facts, or with none.
import { defineService } from '@reel/bus/service.ts';

export default defineService<{ tell: (text: string) => void }>({
  name: '${name}',
  says: [],
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
import { given } from '@reel/bus/given.ts';
import { theRun } from '@reel/contracts/address.ts';
import { runFailed, runRequested, turnedFailing } from '@reel/contracts/run.ts';
import { Workflow } from '@reel/contracts/workflow/format.ts';
import ${identifier(name)} from './${name}.ts';

test('tells of a run that failed', async () => {
  const told: string[] = [];
  const problem = { code: 'full', message: 'no rooms', retryable: false };
  const workflow = Workflow.parse({ name: 'trip', steps: [{ id: 'book', uses: 'book' }] });
  const facts = [
    runRequested(theRun, { requestedBy: 'ada', workflow, input: {}, tools: {}, deadlineMs: 1e15 }),
    turnedFailing(theRun, { problem }),
    runFailed(theRun, { problem, undone: [], remaining: [] }),
  ];
  const said = await given(facts).then(${identifier(name)}, { tell: (text: string) => told.push(text) });
  assert.deepEqual(said, []);
  assert.match(told[0] ?? '', /failed: no rooms/);
});
`,
  },
  next: started,
});

const performer = (name: string): Made => ({
  files: {
    [`${name}.ts`]: `// A performer: steps of the kind \`${name}\` are its to do. Looking, starting, time-outs, retries and late results are the bus's work.
import { definePerformer, Failure } from '@reel/bus/service.ts';

export default definePerformer({
  name: '${name}-performer',
  kind: '${name}',
  perform: async ({ arguments: { text } }) => {
    if (typeof text !== 'string') throw new Failure({ code: 'no-text', message: 'with.text has to be a text', retryable: false });
    return { said: text };
  },
});
`,
  },
  next: started,
});

const tools = (name: string): Made => ({
  files: {
    [`${name}.ts`]: `// Tools in process: name this file under \`modules\` in the file that REEL_TOOLS names.
import { defineTool } from '@reel/tool-executor/define-tool.ts';
import { z } from 'zod';

export const ${identifier(name)} = defineTool({
  name: '${name}',
  description: 'Says hello',
  input: z.object({ to: z.string() }),
  output: z.object({ text: z.string() }),
  effect: 'read-only',
  run: ({ to }) => ({ text: \`Hello, \${to}\` }),
});
`,
    'tools.yaml': `modules: [./${name}.ts]\n`,
  },
  next: (folder) => `REEL_TOOLS=${join(folder, 'tools.yaml')} npx reel up`,
});

const workflow = (name: string): Made => ({
  files: {
    [`${name}.yaml`]: `name: ${name}
input: { type: object, required: [total], properties: { total: { type: number } } }
steps:
  - id: sure
    kind: person
    when: input.total > 1000
    prompt: "= 'Pay ' & $string(input.total) & '?'"
    form: { type: object, required: [ok], properties: { ok: { type: boolean } } }
answer: { value: { total: = input.total } }
`,
  },
  next: (folder) => `npx reel run ${join(folder, `${name}.yaml`)} --input '{"total":90.5}' --follow`,
});

const KINDS: { readonly [kind: string]: (name: string) => Made } = { service, performer, tools, workflow };

const identifier = (name: string): string => name.replace(/-([a-z0-9])/g, (_, letter: string) => letter.toUpperCase());

function started(folder: string): string {
  const file = join(folder, `${folder.split('/').at(-1) as string}.ts`);
  return [
    commandLine({ command: 'npx reel admit', operands: [file] }),
    commandLine({ command: 'npx node', operands: [join(root, 'services/main.ts'), file] }),
  ].join('\n  ');
}

/** Types for editors and for \`tsc\`: those of this very Reel. */
const tsconfig = (): string =>
  `${JSON.stringify(
    {
      extends: join(root, 'tsconfig.json'),
      compilerOptions: {
        typeRoots: [join(root, 'node_modules/@types')],
        paths: {
          '@reel/bus/*': [join(root, 'infra/bus/*')],
          '@reel/contracts/*': [join(root, 'contracts/*')],
          '@reel/tool-executor/*': [join(root, 'services/tool-executor/*')],
          zod: [join(root, 'contracts/node_modules/zod/index.d.ts')],
        },
      },
      include: ['*.ts'],
      exclude: [],
    },
    null,
    2,
  )}\n`;

const packageJson = (name: string): string => `${JSON.stringify({ name, private: true, type: 'module' }, null, 2)}\n`;

export function addNew(reel: Command): void {
  reel
    .command('new <KIND> <NAME>')
    .description('write a service, performer, tools or workflow of your own, in a folder of that name, which works as it is written')
    .action(async (kind: string, name: string) => {
      const make = Object.hasOwn(KINDS, kind) ? KINDS[kind] : undefined;
      if (make === undefined) throw new Refused(`"${kind}" is none of ${Object.keys(KINDS).join(', ')}`);
      if (!/^[a-z][a-z0-9-]{0,30}$/.test(name))
        throw new Refused(`the name is "${name}", and has to be 1 to 31 of a-z 0-9 -, a letter first`);
      const folder = resolve(name);
      if (existsSync(folder)) throw new Refused(`${folder} is there already: nothing was written`, EXIT.conflict);
      const { files, next } = make(name);
      await mkdir(folder);
      const all = kind === 'workflow' ? files : { ...files, 'package.json': packageJson(name), 'tsconfig.json': tsconfig() };
      for (const [file, text] of Object.entries(all)) await writeFile(join(folder, file), text);
      const tests = Object.keys(files).some((file) => file.endsWith('.test.ts'));
      print(`${Object.keys(all).join(', ')} in ${folder}. Next:\n  ${next(folder)}`);
      if (tests)
        print(
          `Its tests:\n  ${commandLine({ command: 'npx node', options: { import: join(root, 'infra/bus/lend.ts') }, operands: [] })} --test ${folder}`,
        );
    });
}
