/** The demo's stories as the simulator plays them: however bad the bus, each has to end as it is told. */
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Edge } from '@reel/bus/edge.ts';
import { type Entry, isInvalid } from '@reel/bus/history.ts';
import { MALICE, TROUBLE } from '@reel/bus/simulator/simulator.ts';
import { theRun } from '@reel/contracts/address.ts';
import type { Json } from '@reel/contracts/envelope.ts';
import { runCompleted } from '@reel/contracts/run.ts';
import { readWorkflow } from '@reel/contracts/workflow/source.ts';
import { frameOf } from '@reel/gateway/goal.ts';
import { storeVote } from '@reel/gateway/voting.ts';
import { readFolder } from '@reel/policy/policies.ts';
import fc from 'fast-check';
import { filled } from '../demo/person.ts';
import type { Story as Told } from '../demo/stories/story.ts';
import { supplier } from '../demo/stories/supplier.ts';
import { CARD, support } from '../demo/stories/support.ts';
import { trip } from '../demo/stories/trip.ts';
import { type DemoWorld, demo, models, openDemoWorld, tools } from './demo-world.ts';
import { judgeOf } from './players.ts';
import { type Played, RUN, type Scene, type Story } from './story.ts';

const judge = judgeOf(readFolder(join(demo, 'policies')));
const { workflow } = readWorkflow(readFileSync(join(demo, 'travel.yaml'), 'utf8'), new Map(Object.entries(tools)));
assert.ok(workflow);

/** People say yes, and take the first choice unless an answer is given. */
function votesOf(who: string, requestedBy: string, answers: { readonly [step: string]: Json } = {}) {
  return async (entry: Entry, edge: Edge): Promise<void> => {
    if (isInvalid(entry) || entry.type !== 'step.verdict.held') return;
    // A model whose executor dies four times in a row has failed for good. The requester has it tried again.
    const hasFailed = entry.at.id.includes('-escalation-');
    const form = hasFailed ? { action: 'retry' } : (answers[entry.at.id] ?? filled((entry.data as { form: object }).form));
    const voter = hasFailed ? requestedBy : who;
    const vote = { question: entry.address, decision: 'grant' as const, who: voter, why: 'so', form };
    await storeVote(edge, { shard: 0, run: entry.at.run }, vote);
  };
}

const story = (name: string, scene: () => Scene, steady = false): Story<null> => ({
  name,
  faults: MALICE,
  data: fc.constant(null),
  scene,
  steady,
});

/** The travel story as a fixed workflow. */
const travel = (card: string, check: (played: Played, world: DemoWorld) => void) => (): Scene => {
  const world = openDemoWorld();
  const input = { place: 'Lisbon', checkIn: '2027-10-01', checkOut: '2027-10-07', maxPrice: 200, guests: 2, card };
  return {
    request: { requestedBy: 'ada', workflow, input, tools },
    judge,
    players: world.players,
    onFact: votesOf('grace', 'ada'),
    check: (played) => check(played, world),
  };
};

/**
 * A goal, pursued by the scripted model. `words`: what its answer says. `effects`: the keys of what it leaves in the world. Without them it
 * may come to anything.
 */
const goal =
  ({ submission, who, answers }: Told, effects?: readonly string[], words = /./) =>
  (): Scene => {
    const world = openDemoWorld();
    const { goal: wanted, requestedBy, input = {} } = submission;
    assert.ok(wanted !== undefined);
    const { text, rubric } = wanted;
    return {
      request: {
        requestedBy,
        workflow: frameOf(wanted, requestedBy, { models, kinds: new Set(['tool', 'model', 'person']) }),
        goal: { text, ...(rubric === undefined ? {} : { rubric }) },
        input,
        tools,
        models,
      },
      judge,
      players: world.players,
      onFact: votesOf(who, requestedBy, answers),
      check: ({ history }) => {
        const found = world.effects();
        if (effects === undefined) return;
        const answer = JSON.stringify(history.find(runCompleted, theRun)?.data.answer ?? null);
        assert.match(answer, words);
        assert.ok(!answer.includes(CARD), 'the answer repeats the card');
        assert.deepEqual(found, effects);
      },
    };
  };

/** Under every fault there is, where it may end in any way, as long as nothing is done twice. */
const troubled = (name: string, scene: () => Scene): Story<null> => ({ ...story(name, scene), faults: { ...TROUBLE, rubbish: 0.002 } });

export const stories: readonly Story<null>[] = [
  story(
    'travel',
    travel('tok_ada', ({ outcome }, world) => {
      assert.equal(outcome?.type, 'run.outcome.completed');
      assert.equal(world.effects().length, 3);
      assert.equal(world.standing().length, 3);
    }),
    true,
  ),
  story(
    'travel-declined',
    travel('tok_declined', ({ outcome }, world) => {
      assert.equal(outcome?.type, 'run.outcome.failed');
      assert.deepEqual(world.standing(), []);
      world.effects();
    }),
  ),
  story('support', goal(support, [`${RUN}.tool.open-ticket`], /T-1/)),
  story('trip', goal(trip, [`${RUN}.tool.book-hotel`, `${RUN}.tool.book-transfer`, `${RUN}.tool.pay-2`], /Quinta das Gaivotas/)),
  story('supplier', goal(supplier, [], /risk of 85/)),
  troubled(
    'troubled-travel',
    travel('tok_ada', (_, world) => void world.effects()),
  ),
  troubled('troubled-support', goal(support)),
  troubled('troubled-trip', goal(trip)),
  troubled('troubled-supplier', goal(supplier)),
];
