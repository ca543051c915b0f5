/** The demo's stories on the simulated bus, goals included: the scripted model and the demo's world as functions, everything else as it is. */
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import { digestOf } from '@reel/bus/digest.ts';
import { isVoid } from '@reel/bus/history.ts';
import { findings } from '@reel/bus/protocol.ts';
import { type ApprovedCall, definePerformer, Failure } from '@reel/bus/service.ts';
import { MALICE, type Player, type Simulation, simulate } from '@reel/bus/simulator.ts';
import { theRun } from '@reel/contracts/address.ts';
import type { Json } from '@reel/contracts/envelope.ts';
import { runCompleted, runRequested } from '@reel/contracts/run.ts';
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
import { readArticles, searchArticles } from '@reel/scripts/demo/knowledge.ts';
import { filled } from '@reel/scripts/demo/person.ts';
import type { Story } from '@reel/scripts/demo/stories/story.ts';
import { supplier } from '@reel/scripts/demo/stories/supplier.ts';
import { CARD, support } from '@reel/scripts/demo/stories/support.ts';
import { trip } from '@reel/scripts/demo/stories/trip.ts';
import { tools as supplierTools } from '@reel/scripts/demo/supplier-tools.ts';
import { Declined, emptyDesk } from '@reel/scripts/demo/tickets.ts';
import { act } from '@reel/scripts/demo/world.ts';
import { freshWorld } from '@reel/scripts/demo/world-state.ts';
import { tools as worldTools } from '@reel/scripts/demo/world-tools.ts';
import type { Api } from '@reel/tool-executor/config.ts';
import { ofModule, ofOperation } from '@reel/tool-executor/definition.ts';
import { readOpenApi } from '@reel/tool-executor/openapi.ts';
import validator from '@reel/validator/validator.ts';
import { parse } from 'yaml';
import { z } from 'zod';

const demo = join(import.meta.dirname, '../scripts/demo');
const scenarios = await readScenarios(join(demo, 'scenarios'));
const judge = judgeBy(readFolder(join(demo, 'policies')));
const articles = readArticles();
const models = [{ name: 'scripted', capabilities: ['plan', 'answer', 'structured', 'judge'], price: 'low' as const, scripted: true }];

const ticketing = readOpenApi(parse(readFileSync(join(demo, 'ticketing.openapi.yaml'), 'utf8')), 'Idempotency-Key');
const api = { tools: {} } as unknown as Api;
const tools = new Map<string, ToolDefinition>(
  [
    ...Object.entries(worldTools).map(([name, tool]) => known(name, tool.input, tool.effect, tool.compensation)),
    known('search_articles', z.object({ query: z.string(), limit: z.int().default(3) }), 'read-only'),
    ...ticketing.operations.map((operation) => ofOperation('ticketing', operation, api)),
    ...supplierTools.map(ofModule),
  ].map((tool) => [tool.name, tool]),
);

function known(
  name: string,
  input: z.ZodType,
  effect: ToolDefinition['effect'],
  compensation?: ToolDefinition['compensation'],
): ToolDefinition {
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

/** The demo's world, behind all of its tools. */
function openWorld() {
  const tickets = emptyDesk(2);
  let world = freshWorld();
  async function call({ uses, arguments: args }: ApprovedCall, key: string): Promise<Json> {
    if (uses in worldTools) {
      const outcome = act(world, { tool: uses, arguments: args, key });
      world = outcome.state;
      if ('error' in outcome) throw new Failure({ ...outcome.error, retryable: false });
      return outcome.result as Json;
    }
    if (uses === 'search_articles') return { articles: searchArticles(articles, args['query'] as string, 3) } as unknown as Json;
    const module = supplierTools.find(({ name }) => name === uses);
    if (module !== undefined) return (await module.run(args as never, {} as never)) as Json;
    try {
      return (uses === 'createTicket' ? tickets.open(key, args['body']) : tickets.close(key, args['id'] as string)) as unknown as Json;
    } catch (error) {
      if (!(error instanceof Declined)) throw error;
      const retryable = error.status === 503;
      throw new Failure({ code: 'api-unavailable', message: error.message, retryable, ...(retryable ? { retryAfterMs: 1000 } : {}) });
    }
  }
  const effects = (): [string, number][] => [
    ...Object.entries(world.ledger).map(([key, one]): [string, number] => [key, one.effects]),
    ...[...tickets.ledger].map(([key, one]): [string, number] => [key, one.effects]),
  ];
  return { call, effects };
}

type Told = { simulation: Simulation; effects: [string, number][]; paid: Map<string, number> };

async function play({ submission, who, answers = {} }: Story, seed: number): Promise<Told> {
  const world = openWorld();
  const paid = new Map<string, number>();
  const executor = definePerformer({ name: 'tool-executor', kind: 'tool', perform: (call, { key }) => world.call(call, key) });
  const model = definePerformer({
    name: 'model-executor',
    kind: 'model',
    perform: (call) => {
      const attempt = `${call.at.id}.${call.at.n}`;
      paid.set(attempt, (paid.get(attempt) ?? 0) + 1);
      return think(call);
    },
  });
  const players = [
    { service: planner },
    { service: policy, deps: { judge } },
    { service: validator },
    { service: saga },
    { service: desk },
    { service: executor },
    { service: model },
  ] as unknown as Player[];
  let votes = 0;
  const simulation = simulate({
    players,
    seed,
    faults: MALICE,
    onFact: async (entry, door) => {
      if (isVoid(entry) || entry.type !== 'step.verdict.held') return;
      // A model whose executor dies four times running has failed for good: whoever wants the answer has it tried again.
      const failed = entry.at.id.includes('-escalation-');
      const form = failed ? { action: 'retry' } : (answers[entry.at.id] ?? filled((entry.data as { form: object }).form));
      const voter = failed ? submission.requestedBy : who;
      const vote = { question: entry.address, decision: 'grant' as const, who: voter, why: 'so', form };
      await door.say(0, entry.at.run, voteCast({ kind: 'vote', id: voter, n: ++votes }, vote), { cause: entry.address });
    },
  });
  const { goal, requestedBy, input = {} } = submission;
  assert.ok(goal !== undefined);
  const workflow = frameOf(goal, requestedBy, models);
  const { text, rubric } = goal;
  const request = {
    requestedBy,
    workflow,
    goal: { text, ...(rubric === undefined ? {} : { rubric }) },
    input,
    tools: Object.fromEntries(tools),
    models,
    deadlineMs: simulation.now() + 3_600_000,
  };
  await simulation.door.say(0, 'R', runRequested(theRun, request));
  await simulation.run();
  return { simulation, effects: world.effects(), paid };
}

const SEEDS = Number(process.env['REEL_SEEDS'] ?? 200);

describe(`the stories of the demo, over ${SEEDS} seeds of a malicious bus`, () => {
  const stories: [Story, effects: string[], words: RegExp][] = [
    [support, ['R.tool.open-ticket'], /T-1/],
    [trip, ['R.tool.book-hotel', 'R.tool.book-transfer', 'R.tool.pay-2'], /Quinta das Gaivotas/],
    [supplier, [], /risk of 85/],
  ];
  for (const [story, keys, words] of stories) {
    it(`${story.title} ends as told, with every effect once and no model asked twice`, async () => {
      for (let seed = 1; seed <= SEEDS; seed += 1) {
        const { simulation, effects, paid } = await play(story, seed);
        const history = simulation.history('R');
        const told = (): string => `seed ${seed}:\n${simulation.trace.join('\n')}`;
        const answer = JSON.stringify(history.find(runCompleted, theRun)?.data.answer ?? null);
        assert.match(answer, words, `${JSON.stringify(history.occupant(theRun, 'turn'))} ${told()}`);
        assert.ok(!answer.includes(CARD), told());
        assert.deepEqual(findings(history.entries()), [], told());
        assert.deepEqual(
          effects.filter(([, times]) => times > 0).sort(),
          keys.map((key) => [key, 1]),
          told(),
        );
        for (const [attempt, times] of paid) assert.equal(times, 1, `${attempt}: ${told()}`);
      }
    });
  }
});
