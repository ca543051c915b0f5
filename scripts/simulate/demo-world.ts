/** The demo's world behind all of its tools, and its scripted model, as performers of the simulator. */
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { digestOf } from '@reel/bus/runtime/digest.ts';
import { type ApprovedCall, definePerformer, Failure } from '@reel/bus/service.ts';
import type { Player } from '@reel/bus/simulator/simulator.ts';
import type { Json } from '@reel/contracts/envelope.ts';
import type { ToolDefinition } from '@reel/contracts/tool.ts';
import { renderTemplate } from '@reel/contracts/workflow/expression.ts';
import { findReply } from '@reel/model-executor/offline/fitting.ts';
import { readScenarios } from '@reel/model-executor/offline/scenario.ts';
import type { Api } from '@reel/tool-executor/config.ts';
import { ofModule, ofOperation } from '@reel/tool-executor/definition.ts';
import { readOpenApi } from '@reel/tool-executor/openapi.ts';
import { parse } from 'yaml';
import { z } from 'zod';
import { readArticles, searchArticles } from '../demo/knowledge.ts';
import { tools as supplierTools } from '../demo/supplier-tools.ts';
import { Declined, emptyDesk } from '../demo/tickets.ts';
import { act } from '../demo/world.ts';
import { freshWorld } from '../demo/world-state.ts';
import { tools as worldTools } from '../demo/world-tools.ts';

/** Where the demo is. */
export const demo = join(import.meta.dirname, '../demo');

const scenarios = await readScenarios(join(demo, 'scenarios'));
const articles = readArticles();
const ticketing = readOpenApi(parse(readFileSync(join(demo, 'ticketing.openapi.yaml'), 'utf8')), 'Idempotency-Key');

/** The definitions of all the demo's tools, as its registry would have them. */
export const tools: { readonly [name: string]: ToolDefinition } = Object.fromEntries(
  [
    ...Object.entries(worldTools).map(([name, tool]) => known(name, tool.input, tool.effect, tool.compensation)),
    known('search_articles', z.object({ query: z.string(), limit: z.int().default(3) }), 'read-only'),
    ...ticketing.operations.map((operation) => ofOperation('ticketing', operation, { prefix: '', tools: {} } as unknown as Api)),
    ...supplierTools.map(ofModule),
  ].map((tool) => [tool.name, tool]),
);

export const models = [
  { name: 'scripted', capabilities: ['plan', 'answer', 'structured', 'judge'], price: 'low' as const, scripted: true },
];

type Effect = ToolDefinition['effect'];

function known(name: string, input: z.ZodType, effect: Effect, compensation?: ToolDefinition['compensation']): ToolDefinition {
  const all = {
    name,
    description: '',
    server: 'world',
    input: z.toJSONSchema(input, { io: 'input' }) as { [key: string]: Json },
    effect,
    timeoutMs: 20_000,
    concurrency: 16,
    ...(compensation === undefined ? {} : { compensation }),
  };
  return { ...all, digest: digestOf(all) };
}

/** What the offline model would say. */
async function think({ arguments: request, prompt = '', output }: ApprovedCall): Promise<Json> {
  const asked = { prompt, request, outputDigest: output === undefined ? 'none' : digestOf(output), attempt: 0 };
  const found = await findReply(scenarios, asked);
  if ('nearest' in found) throw new Failure({ code: 'model-unscripted', message: `nearest: ${found.nearest}`, retryable: false });
  const said = await renderTemplate(found.reply.reply ?? null, { request, match: found.match, attempt: 0 });
  return output === undefined && typeof said === 'string' ? { text: said } : said;
}

export type DemoWorld = {
  /** The tool-executor and the model-executor. */
  readonly players: readonly Player[];
  /** The keys under which something took effect. @throws AssertionError when one did so twice, or a model was asked twice for the same. */
  effects(): string[];
  /** What of all that was booked and paid still stands. */
  standing(): string[];
};

/** A fresh one. */
export function openDemoWorld(): DemoWorld {
  const tickets = emptyDesk(2);
  const paid = new Map<string, number>();
  let world = freshWorld();

  async function call({ uses, arguments: args }: ApprovedCall, key: string): Promise<Json> {
    if (uses in worldTools) {
      const outcome = act(world, { tool: uses, arguments: args, key });
      world = outcome.state;
      if ('error' in outcome) throw new Failure({ ...outcome.error, retryable: false });
      return outcome.result as Json;
    }
    if (uses === 'search_articles') return { articles: searchArticles(articles, args['query'] as string, 3) };
    const module = supplierTools.find(({ name }) => name === uses);
    if (module !== undefined) return await module.run(args as never, {} as never);
    try {
      return uses === 'createTicket' ? tickets.open(key, args['body']) : tickets.close(key, args['id'] as string);
    } catch (error) {
      if (!(error instanceof Declined)) throw error;
      const retryable = error.status === 503;
      throw new Failure({ code: 'api-unavailable', message: error.message, retryable, ...(retryable ? { retryAfterMs: 1000 } : {}) });
    }
  }
  const executor = definePerformer({ name: 'tool-executor', kind: 'tool', perform: (approved, { key }) => call(approved, key) });
  const model = definePerformer({
    name: 'model-executor',
    kind: 'model',
    perform: (approved) => {
      const attempt = `${approved.at.id}.${approved.at.n}`;
      paid.set(attempt, (paid.get(attempt) ?? 0) + 1);
      return think(approved);
    },
  });

  return {
    players: [{ service: executor }, { service: model }],
    effects: () => {
      for (const [attempt, times] of paid) assert.equal(times, 1, `the model was asked ${times} times for ${attempt}`);
      const ledger = [...Object.entries(world.ledger), ...tickets.ledger].filter(([, { effects }]) => effects > 0);
      for (const [key, { effects }] of ledger) assert.equal(effects, 1, `${key} took effect ${effects} times`);
      return ledger.map(([key]) => key).sort();
    },
    standing: () =>
      [world.bookings, world.transfers, world.payments].flatMap((all) =>
        Object.entries(all).flatMap(([id, { status }]) => (status === 'confirmed' || status === 'paid' ? [id] : [])),
      ),
  };
}
