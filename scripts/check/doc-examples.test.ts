/** The examples of the documentation: each is read by what reads it in a running Reel, and code is that of a file. */
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, it, type TestContext } from 'node:test';
import { Envelope } from '@reel/contracts/envelope.ts';
import { definitionOf } from '@reel/contracts/story.ts';
import { ToolDefinition } from '@reel/contracts/tool.ts';
import { StrictWorkflow, type Workflow } from '@reel/contracts/workflow/format.ts';
import { findingText, readWorkflow } from '@reel/contracts/workflow/source.ts';
import { RunRequest } from '@reel/gateway/shapes.ts';
import { readModels } from '@reel/model-executor/configuration.ts';
import { readScenario } from '@reel/model-executor/offline/scenario.ts';
import { judgeBy } from '@reel/policy/cedar.ts';
import { readConfig } from '@reel/tool-executor/config.ts';
import { parse } from 'yaml';
import { blocks, inLanguage } from './docs.fixture.ts';
import { root } from './tree.ts';

const none = (found: readonly string[]): void => assert.deepEqual(found, []);

/** What is wrong with each of some things, where something is. */
function wrongOf<T>(things: readonly T[], where: (one: T) => string, look: (one: T) => unknown): string[] {
  return things.flatMap((one) => {
    try {
      look(one);
      return [];
    } catch (error) {
      return [`${where(one)}: ${(error as Error).message}`];
    }
  });
}

/** Every tool that a workflow names, with arguments and results of which nothing is known. */
function anyTools(workflow: Workflow): ReadonlyMap<string, ToolDefinition> {
  const attempts = workflow.steps.flatMap((step) => [step, ...(step.fallback === undefined ? [] : [step.fallback])]);
  const names = attempts.flatMap(({ kind, uses, compensate }) => [
    ...(kind === 'tool' ? [uses] : []),
    ...(compensate === undefined ? [] : [compensate.uses]),
  ]);
  const tool = (name: string) => ({
    name,
    server: 'docs',
    input: { type: 'object' },
    effect: 'once',
    timeoutMs: 1,
    concurrency: 1,
    digest: 'd',
  });
  return new Map(names.map((name) => [name, ToolDefinition.parse(tool(name))]));
}

function checkWorkflow(text: string): void {
  const { data } = StrictWorkflow.safeParse(parse(text));
  const read = readWorkflow(text, data === undefined ? undefined : anyTools(data));
  assert.equal(read.findings.map((finding) => findingText('example', finding)).join('; '), '');
}

/** A file in a folder of its own. */
async function written(context: TestContext, text: string): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), 'reel-docs-'));
  context.after(() => rm(folder, { recursive: true }));
  const file = join(folder, 'example.yaml');
  await writeFile(file, text);
  return file;
}

/** What `${…}` stands for in the examples. */
const environment = (text: string): NodeJS.ProcessEnv =>
  Object.fromEntries([...text.matchAll(/\$\{(\w+)\}/g)].map(([, name]) => [name, `${name}-of-the-example-7`]));

describe('examples', () => {
  it('show the files that they name', () => {
    const shown = blocks.filter(({ shows }) => shows !== undefined);
    assert.ok(shown.length >= 5);
    none(
      wrongOf(
        shown,
        ({ where }) => where,
        ({ shows, text }) => {
          const file = readFileSync(join(root, shows as string), 'utf8');
          assert.ok(file.includes(text.trim()), `it is not in ${shows}`);
        },
      ),
    );
  });

  // What is type-checked and run is the file.
  it('of TypeScript show a file', () => none(inLanguage('ts').flatMap(({ where, shows }) => (shows === undefined ? [where] : []))));

  it('of YAML are read as what they are: workflows, models, tools, scenarios, and steps of a workflow', async (context) => {
    const seen = new Set<string>();
    const wrong: string[] = [];
    for (const { where, text } of inLanguage('yaml')) {
      try {
        const value = parse(text) as object;
        const what = Array.isArray(value) ? 'steps' : ['steps', 'models', 'servers', 'modules', 'replies'].find((key) => key in value);
        seen.add(what ?? 'nothing that is known');
        if (what === 'steps') checkWorkflow(Array.isArray(value) ? `name: example\nsteps:\n${text.replaceAll(/^/gm, '  ')}` : text);
        else if (what === 'replies') readScenario(text, 'example.yaml');
        else if (what === 'models') await readModels({ ...environment(text), REEL_MODELS: await written(context, text) });
        else await readConfig(await written(context, text), environment(text));
      } catch (error) {
        wrong.push(`${where}: ${(error as Error).message}`);
      }
    }
    none(wrong);
    assert.deepEqual([...seen].sort(), ['models', 'modules', 'replies', 'servers', 'steps']);
  });

  it('of JSON are facts or requests for runs', () => {
    none(
      wrongOf(
        inLanguage('json'),
        ({ where }) => where,
        ({ text }) => {
          const value = JSON.parse(text) as object;
          if (!('specversion' in value)) return void RunRequest.parse(value);
          const { type, data } = Envelope.parse(value);
          definitionOf(type)?.strict.parse(data);
        },
      ),
    );
  });

  it('of Cedar are policies that a Reel starts with', () => {
    none(
      wrongOf(
        inLanguage('cedar'),
        ({ where }) => where,
        ({ where, text }) => judgeBy([{ path: where, name: 'example.cedar', text }]),
      ),
    );
  });
});
