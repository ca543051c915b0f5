/** The travel story on the simulated bus: whatever dies, comes twice or comes late, it ends as it should, and nothing is done twice. */
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import { digestOf } from '@reel/bus/digest.ts';
import { isVoid } from '@reel/bus/history.ts';
import { findings } from '@reel/bus/protocol.ts';
import { definePerformer, Failure } from '@reel/bus/service.ts';
import { CALM, type Faults, MALICE, type Player, type Simulation, simulate } from '@reel/bus/simulator.ts';
import { theRun } from '@reel/contracts/address.ts';
import type { Json } from '@reel/contracts/envelope.ts';
import { runRequested } from '@reel/contracts/run.ts';
import type { ToolDefinition } from '@reel/contracts/tool.ts';
import { voteCast } from '@reel/contracts/vote.ts';
import { readWorkflow } from '@reel/contracts/workflow/source.ts';
import desk from '@reel/desk/desk.ts';
import planner from '@reel/planner/planner.ts';
import { judgeBy } from '@reel/policy/cedar.ts';
import { readFolder } from '@reel/policy/policies.ts';
import policy from '@reel/policy/policy.ts';
import saga from '@reel/saga-tracker/saga-tracker.ts';
import { act } from '@reel/scripts/demo/world.ts';
import { freshWorld } from '@reel/scripts/demo/world-state.ts';
import { tools as worldTools } from '@reel/scripts/demo/world-tools.ts';
import validator from '@reel/validator/validator.ts';
import { z } from 'zod';

const demo = join(import.meta.dirname, '../scripts/demo');
const tools = Object.fromEntries(Object.entries(worldTools).map(([name, tool]) => [name, definitionOf(name, tool)]));

function definitionOf(name: string, { input, effect, compensation }: (typeof worldTools)[string]): ToolDefinition {
  const known = {
    name,
    description: '',
    server: 'world',
    input: z.toJSONSchema(input) as { [key: string]: Json },
    effect,
    timeoutMs: 20_000,
    concurrency: 16,
    ...(compensation === undefined ? {} : { compensation }),
  };
  return { ...known, digest: digestOf(known) };
}

const { workflow } = readWorkflow(readFileSync(join(demo, 'travel.yaml'), 'utf8'), new Map(Object.entries(tools)));
assert.ok(workflow);
const judge = judgeBy(readFolder(join(demo, 'policies')));
const input = { place: 'Lisbon', checkIn: '2027-10-01', checkOut: '2027-10-07', maxPrice: 200, guests: 2, card: 'tok_ada' };

type Told = { simulation: Simulation; world: ReturnType<typeof freshWorld> };

/** One run of the story under a seed. */
async function travel(seed: number, changed: object, faults: Faults): Promise<Told> {
  const told = { world: freshWorld() };
  const executor = definePerformer({
    name: 'tool-executor',
    kind: 'tool',
    perform: async (call, { key }) => {
      const outcome = act(told.world, { tool: call.uses, arguments: call.arguments, key });
      told.world = outcome.state;
      if ('error' in outcome) throw new Failure({ ...outcome.error, retryable: false });
      return outcome.result as Json;
    },
  });
  const players = [
    { service: planner },
    { service: policy, deps: { judge } },
    { service: validator },
    { service: saga },
    { service: desk },
    { service: executor },
  ] as unknown as Player[];
  let votes = 0;
  const simulation = simulate({
    players,
    seed,
    faults,
    onFact: async (entry, door) => {
      if (isVoid(entry) || entry.type !== 'step.verdict.held') return;
      const { enum: choices } = (entry.data as { form: { properties: { hotelId: { enum: string[] } } } }).form.properties.hotelId;
      await door.say(
        0,
        entry.at.run,
        voteCast(
          { kind: 'vote', id: 'grace', n: ++votes },
          { question: entry.address, decision: 'grant', who: 'grace', why: 'the first', form: { hotelId: choices[0] as string } },
        ),
        { cause: entry.address },
      );
    },
  });
  await simulation.door.say(
    0,
    'R',
    runRequested(theRun, {
      requestedBy: 'ada',
      workflow: workflow as never,
      input: { ...input, ...changed },
      tools,
      deadlineMs: simulation.now() + 3_600_000,
    }),
  );
  await simulation.run();
  return { simulation, world: told.world };
}

/** The facts of a run without what differs from one telling to the next. */
const conclusions = ({ simulation }: Told): string[] =>
  simulation
    .history('R')
    .entries()
    .map((entry) => `${entry.address} ${isVoid(entry) ? 'void' : entry.type}`)
    .sort();

function check(seed: number, told: Told, expected: string): void {
  const { simulation, world } = told;
  const outcome = simulation.history('R').occupant(theRun, 'outcome');
  const story = (): string => `seed ${seed}:\n${simulation.trace.join('\n')}`;
  assert.ok(outcome !== undefined && !isVoid(outcome), `no outcome. ${story()}`);
  assert.equal(outcome.type, `run.outcome.${expected}`, story());
  assert.deepEqual(findings(simulation.history('R').entries()), [], story());
  for (const [key, { effects }] of Object.entries(world.ledger))
    assert.equal(effects, 1, `${key} took effect ${effects} times. ${story()}`);
  const standing = [...Object.values(world.bookings), ...Object.values(world.transfers), ...Object.values(world.payments)].filter(
    ({ status }) => status === 'confirmed' || status === 'paid',
  );
  assert.equal(standing.length, expected === 'completed' ? 3 : 0, `${standing.length} things stand in the world. ${story()}`);
}

const SEEDS = 200;

describe(`the travel story, over ${SEEDS} seeds of a malicious bus`, () => {
  for (const [title, changed, expected] of [
    ['ends well', {}, 'completed'],
    ['takes everything back when the payment fails', { card: 'tok_declined' }, 'failed'],
  ] as const) {
    it(title, async () => {
      const calm = conclusions(await travel(0, changed, CALM));
      for (let seed = 1; seed <= SEEDS; seed += 1) {
        const told = await travel(seed, changed, MALICE);
        check(seed, told, expected);
        if (expected === 'completed')
          assert.deepEqual(
            conclusions(told).filter((line) => !/\.(vote|retry|wake)\b/.test(line)),
            calm.filter((line) => !/\.(vote|retry|wake)\b/.test(line)),
            `seed ${seed} came to other conclusions`,
          );
      }
    });
  }

  it('is the same again under the same seed', async () => {
    const [one, other] = [await travel(7, {}, MALICE), await travel(7, {}, MALICE)];
    const lines = ({ simulation }: Told): string[] => simulation.trace.filter((line) => !line.includes('start'));
    assert.deepEqual(lines(one), lines(other));
  });
});
