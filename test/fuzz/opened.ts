/** Tools and a model whose answers a test programs: the real adapters, before real servers. */
import assert from 'node:assert/strict';
import { randomUUID } from 'node:crypto';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { TestContext } from 'node:test';
import type { Result } from '@reel/bus/runtime/perform.ts';
import { TOOL_GONE, type ToolDefinition } from '@reel/contracts/tool.ts';
import modelExecutor, { openModels } from '@reel/model-executor/model-executor.ts';
import { openCircuitBreaker } from '@reel/tool-executor/circuit-breaker.ts';
import toolExecutor, { openTools } from '@reel/tool-executor/tool-executor.ts';
import { type Answer, type Respond, startAnswering } from './answering.ts';
import { PROMISED, PROMISES, type Promised } from './expected.ts';
import { PROMISED_OVER_MCP } from './mcp-answers.ts';
import { called, log } from './outcome.ts';

async function folderFor(context: TestContext): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), 'reel-answers-'));
  context.after(() => rm(folder, { recursive: true }));
  return folder;
}

/** The tools of a configuration, until the test is over. */
async function tools(context: TestContext, config: object) {
  const file = join(await folderFor(context), 'tools.json');
  await writeFile(file, JSON.stringify(config));
  const definitions = new Map<string, ToolDefinition>();
  const put = async (name: string, value: unknown): Promise<void> => void definitions.set(name, value as ToolDefinition);
  const registry = { put, remove: async () => {} };
  let offered = Promise.withResolvers<void>();
  const offer = (): void => {
    offered.resolve();
    offered = Promise.withResolvers();
  };
  const { deps, close } = await openTools({ env: { REEL_TOOLS: file }, log, registry, offer });
  context.after(close);
  const call = async (name: string, args: { [name: string]: string }): Promise<Result> => {
    const tool = definitions.get(name) ?? assert.fail(`there is no tool ${name}: ${[...definitions.keys()].join()}`);
    const { effect, digest: definition } = tool;
    for (;;) {
      const again = offered.promise;
      // What one case does to a server says nothing about the next.
      const result = await called(
        toolExecutor,
        { uses: name, arguments: args, effect, definition },
        { ...deps, rests: openCircuitBreaker(log) },
      );
      if (result.said !== 'failed' || result.problem.code !== TOOL_GONE) return result;
      // Another case has broken off its greeting, or the question whether it is there.
      if (deps.shelf.find(name) === undefined) await again;
    }
  };
  return { call, definitions };
}

const toolName = (hasEffect: boolean, promised: Promised): string => `${hasEffect ? 'do' : 'read'}-${promised}`;

function apiDocument(url: string): object {
  const paths = PROMISED.flatMap((promised) =>
    [true, false].map((hasEffect) => {
      const { schema } = PROMISES[promised];
      const response = { description: '', ...(schema === undefined ? {} : { content: { 'application/json': { schema } } }) };
      const parameters = [{ name: 'id', in: 'path', required: true, schema: { type: 'string' } }];
      return [
        `/${toolName(hasEffect, promised)}/{id}`,
        { [hasEffect ? 'post' : 'get']: { operationId: toolName(hasEffect, promised), parameters, responses: { 200: response } } },
      ];
    }),
  );
  return { openapi: '3.1.0', info: { title: 'Answers', version: '1' }, servers: [{ url }], paths: Object.fromEntries(paths) };
}

/** What is called, and for a pipe where the answer is cut. */
type As = { readonly hasEffect?: boolean; readonly promised?: Promised; readonly places?: readonly number[] };

/** Calls an operation of an API that is answered so. */
export async function openApi(context: TestContext) {
  const answers = new Map<string, Answer>();
  const server = await startAnswering(({ url = '' }) => answers.get(url.split('/').at(-1) as string));
  context.after(() => server.close());
  const document = join(await folderFor(context), 'api.json');
  await writeFile(document, JSON.stringify(apiDocument(server.url)));
  const { call, definitions } = await tools(context, { apis: { a: { document } } });
  const answered = async (answer: Answer, { hasEffect = false, promised = 'nothing' }: As = {}): Promise<Result> => {
    const id = randomUUID();
    answers.set(id, answer);
    return await call(toolName(hasEffect, promised), { id }).finally(() => answers.delete(id));
  };
  return { answered, tool: (hasEffect: boolean, promised: Promised) => definitions.get(toolName(hasEffect, promised)) as ToolDefinition };
}

const mcpTools = PROMISED_OVER_MCP.flatMap((promised) =>
  [true, false].map((readOnlyHint) => ({
    name: toolName(!readOnlyHint, promised),
    inputSchema: { type: 'object' },
    annotations: { readOnlyHint },
    ...(promised === 'nothing' ? {} : { outputSchema: PROMISES[promised].schema }),
  })),
);

/** Answers a call as the case says whose name it is given, and all else as any server would. */
function mcpRespond(answers: ReadonlyMap<string, (id: unknown) => Answer>): Respond {
  return ({ method: verb, url }, body) => {
    if (verb !== 'POST' || url !== '/mcp') return undefined;
    const { id, method, params } = JSON.parse(body) as {
      id?: number;
      method: string;
      params: { protocolVersion?: string; arguments?: { case: string } };
    };
    const told = (result: object): Answer => ({
      status: id === undefined ? 202 : 200,
      headers: [['content-type', 'application/json']],
      pieces: id === undefined ? [] : [Buffer.from(JSON.stringify({ jsonrpc: '2.0', id, result }))],
      framing: 'length',
    });
    if (method === 'tools/call') return answers.get(params.arguments?.case ?? '')?.(id);
    if (method === 'tools/list') return told({ tools: mcpTools });
    if (method !== 'initialize') return told({});
    const { protocolVersion } = params;
    return told({ protocolVersion, capabilities: { tools: {} }, serverInfo: { name: 'answering', version: '1' } });
  };
}

type OverMcp = { readonly over: 'http'; readonly answer: (id: unknown) => Answer } | { readonly over: 'pipe'; readonly bytes: Buffer };

/** Calls a tool of a server of MCP that is answered so, over HTTP or through a pipe. */
export async function openMcp(context: TestContext) {
  const answers = new Map<string, (id: unknown) => Answer>();
  const server = await startAnswering(mcpRespond(answers));
  context.after(() => server.close());
  const args = [join(import.meta.dirname, 'answering-pipe.ts'), JSON.stringify(mcpTools)];
  const pipe = { command: process.execPath, args, prefix: 'pipe-' };
  const { call, definitions } = await tools(context, { servers: { http: { url: `${server.url}/mcp` }, pipe } });
  const answered = async (how: OverMcp, { hasEffect = false, promised = 'nothing', places = [] }: As = {}): Promise<Result> => {
    const name = toolName(hasEffect, promised);
    if (how.over === 'pipe') return await call(`pipe-${name}`, { bytes: how.bytes.toString('base64'), places: places.join() });
    const id = randomUUID();
    answers.set(id, how.answer);
    return await call(name, { case: id }).finally(() => answers.delete(id));
  };
  return { answered, tool: (hasEffect: boolean, promised: Promised) => definitions.get(toolName(hasEffect, promised)) as ToolDefinition };
}

/** Asks a model that answers so. */
export async function openModel(context: TestContext) {
  const answers = new Map<string, Answer>();
  const server = await startAnswering((_, body) => {
    const { messages } = JSON.parse(body) as { messages: readonly { role: string; content: string }[] };
    return answers.get((JSON.parse(messages.at(-1)?.content ?? '') as { case: string }).case);
  });
  context.after(() => server.close());
  const env = { OPENAI_BASE_URL: `${server.url}/v1`, REEL_MODEL: 'm' };
  const { deps, close } = await openModels({ env, log, offer: () => {} });
  context.after(close);
  return async (answer: Answer, promised: Promised = 'nothing'): Promise<Result> => {
    const id = randomUUID();
    answers.set(id, answer);
    const output = PROMISES[promised].schema;
    const call = { uses: 'm', arguments: { case: id }, effect: 'metered', ...(output === undefined ? {} : { output }) } as const;
    return await called(modelExecutor, call, deps).finally(() => answers.delete(id));
  };
}
