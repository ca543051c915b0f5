/** The official MCP servers driven through whole runs: everything (Streamable HTTP), filesystem and memory (stdio). */
import assert from 'node:assert/strict';
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, readFile, realpath, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { after, before, it } from 'node:test';
import { fileURLToPath } from 'node:url';
import type { Json } from '@reel/contracts/envelope.ts';
import type { ToolDefinition } from '@reel/contracts/tool.ts';
import { freePort } from '@reel/scripts/local/free-port.ts';
import { until } from '@reel/scripts/local/until.ts';
import { type LocalReel, startReel } from '../fixtures/local-reel.ts';

const program = {
  everything: fileURLToPath(import.meta.resolve('@modelcontextprotocol/server-everything/dist/index.js')),
  filesystem: fileURLToPath(import.meta.resolve('@modelcontextprotocol/server-filesystem/dist/index.js')),
  memory: fileURLToPath(import.meta.resolve('@modelcontextprotocol/server-memory/dist/index.js')),
};

let reel: LocalReel;
let folder: string;
let port: number;
let everything: ChildProcess;

async function startEverything(): Promise<ChildProcess> {
  const env = { ...process.env, PORT: String(port) };
  const child = spawn(process.execPath, [program.everything, 'streamableHttp'], { env, stdio: ['ignore', 'ignore', 'pipe'] });
  for await (const line of createInterface({ input: child.stderr })) if (line.includes('listening on port')) break;
  child.stderr.resume();
  return child;
}

const offered = async (): Promise<ReadonlyMap<string, ToolDefinition>> => {
  const { body } = await reel.ask<{ tools: ToolDefinition[] }>('GET', '/v1/tools');
  return new Map(body.tools.map((tool) => [tool.name, tool]));
};
/** Asks until what is offered is as it should be; the announcements that it waits for come from other services. */
async function untilOffered(is: (tools: ReadonlyMap<string, ToolDefinition>) => boolean): Promise<void> {
  await until(async () => is(await offered()));
}

before(async () => {
  folder = await realpath(await mkdtemp(join(tmpdir(), 'reel-servers-')));
  port = await freePort();
  everything = await startEverything();
  const node = (...args: string[]) => ({ command: process.execPath, args });
  const servers = {
    everything: { url: `http://127.0.0.1:${port}/mcp` },
    files: node(program.filesystem, folder),
    memory: { ...node(program.memory), env: { MEMORY_FILE_PATH: join(folder, 'memory.jsonl') } },
  };
  const config = join(folder, 'tools.json');
  await writeFile(config, JSON.stringify({ servers }));
  reel = await startReel({ env: { REEL_TOOLS: config } });
  await untilOffered((tools) => ['echo', 'read_file', 'search_nodes'].every((name) => tools.has(name)));
});
after(async () => {
  await reel.close();
  everything.kill('SIGKILL');
  await rm(folder, { recursive: true, force: true });
});

type Step = { id: string; uses: string; with?: Record<string, Json>; dependsOn?: string[]; timeoutMs?: number };
/** Runs these steps to the end, and holds the log to the protocol. */
async function run(steps: Step[], value: Json = '= steps') {
  const ended = await reel.finish({ name: 'servers', steps, answer: { value } });
  assert.deepEqual((await reel.log(ended.id)).findings, []);
  return ended;
}
async function answer(steps: Step[], value?: Json): Promise<Record<string, Json>> {
  const ended = await run(steps, value);
  assert.equal(ended.status, 'completed', JSON.stringify(ended.problem));
  return ended.answer as Record<string, Json>;
}

it('knows what repeating a call does, from the annotations that the servers give', async () => {
  const tools = await offered();
  const effects = ['read_text_file', 'write_file', 'move_file', 'create_entities', 'delete_entities', 'echo'].map(
    (name) => tools.get(name)?.effect,
  );
  assert.deepEqual(effects, ['read-only', 'idempotent', 'once', 'once', 'idempotent', 'read-only']);
  assert.deepEqual(
    [tools.get('echo')?.server, tools.get('write_file')?.server, tools.get('read_graph')?.server],
    ['everything', 'files', 'memory'],
  );
});

it('takes text, numbers, structured content, images and resources from server-everything', async () => {
  const got = await answer([
    { id: 'echo', uses: 'echo', with: { message: 'hello' } },
    { id: 'sum', uses: 'get-sum', with: { a: 2, b: 40 } },
    { id: 'weather', uses: 'get-structured-content', with: { location: 'New York' } },
    { id: 'image', uses: 'get-tiny-image' },
    { id: 'resource', uses: 'get-resource-reference', with: { resourceType: 'Text', resourceId: 1 } },
    { id: 'links', uses: 'get-resource-links', with: { count: 2 } },
  ]);
  assert.deepEqual(got['echo'], { text: 'Echo: hello' });
  assert.deepEqual(got['sum'], { text: 'The sum of 2 and 40 is 42.' });
  assert.deepEqual(Object.keys(got['weather'] as object).sort(), ['conditions', 'humidity', 'temperature']);
  const contents = ['image', 'resource', 'links'].map((id) => (got[id] as { content: { type: string; mimeType?: string }[] }).content);
  assert.deepEqual(
    contents.map((content) => content.map(({ type }) => type).join()),
    ['text,image,text', 'text,resource,text', 'text,resource_link,resource_link'],
  );
  assert.equal(contents[0]?.[1]?.mimeType, 'image/png');
});

it('waits for what takes long, and gives up what takes too long', async () => {
  const long = (duration: number, timeoutMs?: number): Step[] => [
    { id: 'long', uses: 'trigger-long-running-operation', with: { duration, steps: 3 }, ...(timeoutMs === undefined ? {} : { timeoutMs }) },
  ];
  assert.deepEqual(await answer(long(0.6), '= steps.long'), { text: 'Long running operation completed. Duration: 0.6 seconds, Steps: 3.' });
  const late = await run(long(20, 400));
  assert.deepEqual([late.status, late.problem?.step, late.problem?.code], ['failed', 'long', 'timed-out']);
});

it('writes, reads and lists files by way of server-filesystem', async () => {
  const path = join(folder, 'note.txt');
  const got = await answer([
    { id: 'write', uses: 'write_file', with: { path, content: 'one\ntwo\n' } },
    { id: 'read', uses: 'read_text_file', with: { path, head: 1 }, dependsOn: ['write'] },
    { id: 'list', uses: 'list_directory', with: { path: folder }, dependsOn: ['write'] },
  ]);
  assert.equal(await readFile(path, 'utf8'), 'one\ntwo\n');
  assert.deepEqual(got['read'], { content: 'one' });
  assert.match((got['list'] as { content: string }).content, /^\[FILE\] note\.txt$/m);
});

it('ends with the words of the server when it refuses a path outside', async () => {
  const ended = await run([{ id: 'read', uses: 'read_text_file', with: { path: '/etc/hostname' } }]);
  assert.deepEqual([ended.status, ended.problem?.step, ended.problem?.code], ['failed', 'read', 'tool-error']);
  assert.match(ended.problem?.message ?? '', /^read_text_file: Access denied - path outside allowed directories/);
});

it('ends before anything is sent when the arguments are not what the server takes', async () => {
  const ended = await run([{ id: 'sum', uses: 'get-sum', with: { a: 2, b: 'forty' } }]);
  assert.deepEqual([ended.status, ended.problem?.code], ['failed', 'invalid-arguments']);
  assert.match(ended.problem?.message ?? '', /get-sum: \/b: must be number, is "forty"/);
});

it('remembers by way of server-memory, and finds it again', async () => {
  const entities = [
    { name: 'Ada', entityType: 'person', observations: ['writes programs'] },
    { name: 'Lisbon', entityType: 'place', observations: ['has hills'] },
  ];
  const got = await answer(
    [
      { id: 'create', uses: 'create_entities', with: { entities } },
      {
        id: 'relate',
        uses: 'create_relations',
        with: { relations: [{ from: 'Ada', to: 'Lisbon', relationType: 'lives in' }] },
        dependsOn: ['create'],
      },
      { id: 'search', uses: 'search_nodes', with: { query: 'programs' }, dependsOn: ['relate'] },
    ],
    '= steps.search',
  );
  assert.deepEqual(got['entities'], entities.slice(0, 1));
  assert.match(await readFile(join(folder, 'memory.jsonl'), 'utf8'), /"relationType":"lives in"/);
});

it('offers nothing of a server that was killed, and everything again when it is back', async () => {
  const exited = once(everything, 'exit');
  everything.kill('SIGKILL');
  await exited;
  await untilOffered((tools) => !tools.has('echo'));
  assert.ok((await offered()).has('read_file'), 'the others are still there');
  const { status, body } = await reel.ask('POST', '/v1/runs', {
    workflow: { name: 'w', steps: [{ id: 'a', uses: 'echo', with: { message: 'x' } }] },
  });
  assert.equal(status, 503, 'it is known, and worth asking for again');
  assert.match(JSON.stringify(body.errors), /no tool \\"echo\\"/);
  everything = await startEverything();
  await untilOffered((tools) => tools.has('echo'));
  assert.deepEqual(await answer([{ id: 'a', uses: 'echo', with: { message: 'back' } }], '= steps.a'), { text: 'Echo: back' });
});
