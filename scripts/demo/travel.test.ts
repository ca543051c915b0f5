import assert from 'node:assert/strict';
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import type { ToolDefinition } from '@reel/contracts/tool.ts';
import { findingText, readWorkflow } from '@reel/contracts/workflow/source.ts';
import { openTools } from '@reel/tool-executor/tool-executor.ts';
import { openDesk, reaching } from './stage.ts';
import { startWorld } from './world-server.ts';

const here = import.meta.dirname;

test('the fixed workflow has nothing wrong with it, by the tools that the executor finds', async (context) => {
  const folder = await mkdtemp(join(tmpdir(), 'reel-travel-'));
  context.after(() => rm(folder, { recursive: true }));
  const world = await startWorld({ stateFile: join(folder, 'world.json') });
  context.after(() => world.close());
  const ticketing = await openDesk();
  context.after(() => ticketing.close());
  const offered = new Map<string, ToolDefinition>();
  const complaints: string[] = [];
  const complain = (_: object, message: string): unknown => complaints.push(message);
  const { close } = await openTools({
    env: reaching(world, ticketing),
    log: { debug: complain, info: complain, warn: complain, error: complain },
    offer: () => {},
    registry: { put: async (name, value) => void offered.set(name, value as unknown as ToolDefinition), remove: async () => {} },
  });
  context.after(close);
  assert.equal(offered.get('book_hotel')?.timeoutMs, 20_000);
  assert.deepEqual(offered.get('createTicket')?.compensation, { uses: 'closeTicket', with: { id: '= result.id' } });
  const servers = new Set([...offered.values()].map(({ server }) => server));
  assert.deepEqual([...servers].sort(), ['knowledge', 'module', 'ticketing', 'world']);
  const { findings } = readWorkflow(await readFile(join(here, 'travel.yaml'), 'utf8'), offered);
  assert.deepEqual([...findings.map((finding) => findingText('travel.yaml', finding)), ...complaints], []);
});
