/** The stories of the demo on the simulated bus: whatever dies, comes twice or comes late, they end as they should, and nothing is done or paid twice. */
import assert from 'node:assert/strict';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import { isVoid } from '@reel/bus/history.ts';
import { findings } from '@reel/bus/protocol.ts';
import { type ApprovedCall, definePerformer, Failure, Unsent } from '@reel/bus/service.ts';
import { MALICE, type Player, type Simulation, simulate } from '@reel/bus/simulator.ts';
import { theRun } from '@reel/contracts/address.ts';
import type { Event, Json } from '@reel/contracts/envelope.ts';
import type { ModelDefinition } from '@reel/contracts/model.ts';
import { runRequested } from '@reel/contracts/run.ts';
import type { ToolDefinition } from '@reel/contracts/tool.ts';
import { voteCast } from '@reel/contracts/vote.ts';
import { renderTemplate } from '@reel/contracts/workflow/expression.ts';
import desk from '@reel/desk/desk.ts';
import { frameOf } from '@reel/gateway/goal.ts';
import { findReply } from '@reel/model-executor/offline/fitting.ts';
import { readScenarios } from '@reel/model-executor/offline/scenario.ts';
import planner from '@reel/planner/planner.ts';
import { judgeBy } from '@reel/policy/cedar.ts';
import { readFolder } from '@reel/policy/policies.ts';
import policy from '@reel/policy/policy.ts';
import saga from '@reel/saga-tracker/saga-tracker.ts';
import { Article, readArticles, searchArticles } from '@reel/scripts/demo/knowledge.ts';
import { filled } from '@reel/scripts/demo/person.ts';
import type { Story } from '@reel/scripts/demo/stories/story.ts';
import { supplier } from '@reel/scripts/demo/stories/supplier.ts';
import { CARD, support } from '@reel/scripts/demo/stories/support.ts';
import { trip } from '@reel/scripts/demo/stories/trip.ts';
import { tools as supplierTools } from '@reel/scripts/demo/supplier-tools.ts';
import { Declined, emptyDesk, type Tickets } from '@reel/scripts/demo/tickets.ts';
import { act } from '@reel/scripts/demo/world.ts';
import { freshWorld } from '@reel/scripts/demo/world-state.ts';
import { tools as worldTools } from '@reel/scripts/demo/world-tools.ts';
import { readApi } from '@reel/tool-executor/api.ts';
import { ofModule, ofServer } from '@reel/tool-executor/definition.ts';
import validator from '@reel/validator/validator.ts';
import { z } from 'zod';

const demo = join(import.meta.dirname, '../scripts/demo');
const judge = judgeBy(readFolder(join(demo, 'policies')));
const scenarios = await readScenarios(join(demo, 'scenarios'));
const articles = readArticles();
const models: ModelDefinition[] = [{ name: 'scripted', capabilities: ['plan', 'answer', 'judge'], price: 'low', scripted: true }];

const schema = (of: z.ZodType): { type: 'object' } => z.toJSONSchema(of, { io: 'input' }) as { type: 'object' };
const silent = { debug: () => {}, info: () => {}, warn: () => {}, error: () => {} };
const api = { document: join(demo, 'ticketing.openapi.yaml'), baseUrl: 'http://127.0.0.1', credentials: { bearer: 'x' } };
/** Everything that the demo's tool-executor offers. */
const definitions: ToolDefinition[] = [
  ...Object.entries(worldTools).map(([name, { description, effect, input, output, compensation }]) => {
    const annotations = { readOnlyHint: effect === 'read-only', idempotentHint: effect === 'idempotent' };
    const _meta = compensation === undefined ? {} : { 'reel/compensation': compensation };
    return ofServer('world', { name, description, inputSchema: schema(input), outputSchema: schema(output), annotations, _meta });
  }),
  ofServer('knowledge', {
    name: 'search_articles',
    inputSchema: schema(z.object({ query: z.string() })),
    outputSchema: schema(z.object({ articles: z.array(Article) })),
    annotations: { readOnlyHint: true },
  }),
  ...supplierTools.map(ofModule),
  ...(await readApi('ticketing', { ...api, idempotencyHeader: 'Idempotency-Key', tools: {} }, silent)).map(({ definition }) => definition),
];
const tools = Object.fromEntries(definitions.map((one) => [one.name, one]));

/** What the stories leave behind. `paid`: how often each attempt at a model was made. */
type Left = { world: ReturnType<typeof freshWorld>; tickets: Tickets; paid: Map<string, number> };

/** The tools without what lies between: the same world, knowledge, desk and records as in the demo. */
async function useTool(left: Left, { uses, arguments: args }: ApprovedCall, key: string): Promise<Json> {
  if (uses in worldTools) {
    const outcome = act(left.world, { tool: uses, arguments: args, key });
    left.world = outcome.state;
    if ('error' in outcome) throw new Failure({ ...outcome.error, retryable: false });
    return outcome.result as Json;
  }
  if (uses === 'search_articles') return { articles: searchArticles(articles, args['query'] as string, 3) };
  const record = supplierTools.find(({ name }) => name === uses);
  if (record !== undefined) return await record.run(args as never, { key, signal: AbortSignal.abort() });
  try {
    return { ...(uses === 'createTicket' ? left.tickets.open(key, args['body']) : left.tickets.close(key, args['id'] as string)) };
  } catch (error) {
    if (!(error instanceof Declined)) throw error;
    const problem = { code: `api-${error.status}`, message: error.message };
    throw error.status === 503
      ? new Unsent({ ...problem, retryable: true, retryAfterMs: 1000 })
      : new Failure({ ...problem, retryable: false });
  }
}

async function think({ prompt = '', arguments: request }: ApprovedCall): Promise<Json> {
  const found = await findReply(scenarios, { prompt, request, outputDigest: 'none', attempt: 0 });
  if ('nearest' in found) throw new Failure({ code: 'model-unscripted', message: `no script; ${found.nearest}`, retryable: false });
  return await renderTemplate(found.reply.reply ?? null, { request, match: found.match, attempt: 0 });
}

function playersFor(left: Left): Player[] {
  const executor = definePerformer({ name: 'tool-executor', kind: 'tool', perform: (call, { key }) => useTool(left, call, key) });
  const model = definePerformer({
    name: 'model-executor',
    kind: 'model',
    perform: async (call, { used }) => {
      const attempt = `${call.at.id}.${call.at.n}`;
      left.paid.set(attempt, (left.paid.get(attempt) ?? 0) + 1);
      used({ model: call.uses, inputTokens: 1, outputTokens: 1, latencyMs: 1, finishReason: 'stop', scripted: true });
      return await think(call);
    },
  });
  const services = [planner, validator, saga, desk, executor, model].map((service) => ({ service }));
  return [...services, { service: policy, deps: { judge } }] as unknown as Player[];
}

/** One run of a story under a seed. */
async function play({ submission, who, answers = {} }: Story, seed: number): Promise<{ simulation: Simulation; left: Left }> {
  const left: Left = { world: freshWorld(), tickets: emptyDesk(2), paid: new Map() };
  let votes = 0;
  const simulation = simulate({
    players: playersFor(left),
    seed,
    faults: MALICE,
    onFact: async (entry, door) => {
      if (isVoid(entry) || entry.type !== 'step.verdict.held') return;
      const { form } = entry.data as { form: object };
      const vote = { question: entry.address, decision: 'grant' as const, who, why: 'so', form: answers[entry.at.id] ?? filled(form) };
      await door.say(0, entry.at.run, voteCast({ kind: 'vote', id: who, n: ++votes }, vote), { cause: entry.address });
    },
  });
  const { goal = assert.fail('a fixed workflow'), requestedBy, input = {} } = submission;
  const { text, rubric } = goal;
  const request = {
    requestedBy,
    workflow: frameOf(goal, requestedBy, models),
    goal: { text, ...(rubric === undefined ? {} : { rubric }) },
    input,
    tools,
    models,
    deadlineMs: simulation.now() + 3_600_000,
  };
  await simulation.door.say(0, 'R', runRequested(theRun, request));
  await simulation.run();
  return { simulation, left };
}

const SEEDS = Number(process.env['REEL_SEEDS'] ?? 200);

describe(`the stories, over ${SEEDS} seeds of a malicious bus`, () => {
  for (const [story, expected, effects] of [
    [support, { ticket: 'T-1', urgency: 'high' }, 1],
    [trip, { hotel: 'Quinta das Gaivotas', total: 864 }, 3],
    [supplier, { supplier: 'Nordwind Metall', score: 85, decision: 'mitigate' }, 0],
  ] as const) {
    it(`${story.title} ends as told, and nothing is done or paid twice`, async () => {
      for (let seed = 1; seed <= SEEDS; seed += 1) {
        const { simulation, left } = await play(story, seed);
        const told = (): string => `seed ${seed}:\n${simulation.trace.join('\n')}`;
        const history = simulation.history('R');
        const outcome = history.occupant(theRun, 'outcome');
        assert.ok(outcome !== undefined && !isVoid(outcome), `no outcome. ${told()}`);
        assert.equal(outcome.type, 'run.outcome.completed', told());
        const { answer } = (outcome as Event<{ answer: { data: object } }>).data;
        assert.partialDeepStrictEqual(answer.data, expected, told());
        assert.ok(!JSON.stringify(answer).includes(CARD), told());
        assert.deepEqual(findings(history.entries()), [], told());
        const done = [...Object.values(left.world.ledger), ...left.tickets.ledger.values()];
        assert.deepEqual(
          done.map((one) => one.effects),
          Array.from({ length: effects }, () => 1),
          told(),
        );
        for (const [attempt, times] of left.paid) assert.equal(times, 1, `${attempt} was paid ${times} times. ${told()}`);
      }
    });
  }
});
