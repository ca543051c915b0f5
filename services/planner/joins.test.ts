/** In every order of facts, each step is requested or skipped once, and the answer is proposed once. */
import assert from 'node:assert/strict';
import { it } from 'node:test';
import { append, emptyRunLog, historyOf, type RunLog } from '@reel/bus/history.ts';
import { addressOf, type Place, planRevision, theRun } from '@reel/contracts/address.ts';
import type { Draft, Event, Json } from '@reel/contracts/envelope.ts';
import { planApproved, planProposed } from '@reel/contracts/plan.ts';
import { runApproved, runRequested } from '@reel/contracts/run.ts';
import {
  stepAccepted,
  stepApproved,
  stepDenied,
  stepDue,
  stepFailed,
  stepRejected,
  stepSucceeded,
  stepTimedOut,
} from '@reel/contracts/step.ts';
import { definitionOf } from '@reel/contracts/story.ts';
import { Workflow } from '@reel/contracts/workflow/format.ts';
import fc from 'fast-check';
import planner from './planner.ts';

/** A step: which earlier ones it waits for, whether it is skipped, and what becomes of its attempts. */
type Sketch = {
  waits: boolean[];
  when: 'always' | 'never' | 'if-big';
  value: number;
  luck: 'good' | 'second' | 'later' | 'fallback' | 'denied' | 'doubly-over' | 'bad';
};

const LUCKY = ['good', 'good', 'good', 'second', 'later', 'fallback', 'denied', 'doubly-over'] as const;
const sketches = (luck: readonly Sketch['luck'][]): fc.Arbitrary<Sketch[]> => {
  const sketch = fc.record({
    waits: fc.array(fc.boolean(), { minLength: 9, maxLength: 9 }),
    when: fc.constantFrom('always' as const, 'always' as const, 'never' as const, 'if-big' as const),
    value: fc.nat({ max: 3 }),
    luck: fc.constantFrom(...luck),
  });
  return fc.array(sketch, { minLength: 1, maxLength: 9 });
};

const nameOf = (index: number): string => `s${index}`;
const waitsOf = ({ waits }: Sketch, index: number): string[] =>
  waits.slice(0, index).flatMap((does, other) => (does ? [nameOf(other)] : []));

function workflowOf(sketched: readonly Sketch[]): Workflow {
  const steps = sketched.map((sketch, index) => {
    const dependsOn = waitsOf(sketch, index);
    const when = { always: undefined, never: 'false', 'if-big': dependsOn.length === 0 ? 'true' : `steps.${dependsOn[0]}.v > 1` }[
      sketch.when
    ];
    const retry = { second: { attempts: 2 }, 'doubly-over': { attempts: 2 }, later: { attempts: 2, delayMs: 5000 } }[sketch.luck as string];
    const fallback = sketch.luck === 'fallback' || sketch.luck === 'denied' ? { uses: 'y', kind: 'other' } : undefined;
    return { id: nameOf(index), kind: 'some', effect: 'read-only', dependsOn, when, retry, fallback };
  });
  return Workflow.parse({ name: 'w', steps });
}

/** What has to come out: every step's value, or that it is skipped. */
function expected(sketched: readonly Sketch[]): Map<string, number | 'skipped'> {
  const ends = new Map<string, number | 'skipped'>();
  for (const [index, sketch] of sketched.entries()) {
    const [first] = waitsOf(sketch, index);
    const seen = first === undefined ? 2 : ends.get(first);
    const isSkipped = sketch.when === 'never' || (sketch.when === 'if-big' && !(typeof seen === 'number' && seen > 1));
    ends.set(nameOf(index), isSkipped ? 'skipped' : sketch.value);
  }
  return ends;
}

const grounds = { policies: [], policySet: 's', question: 'q' };
const problem = { code: 'no', message: 'no luck' };

/** What others say about an attempt, one after the other. */
function fateOf({ luck, value }: Sketch, at: Place): Draft[] {
  const approved = stepApproved(at, grounds);
  const isFirst = at.n === 1 && !at.id.endsWith('-fallback');
  if (isFirst && luck === 'denied') return [stepDenied(at, { ...grounds, problem })];
  if (isFirst && luck === 'doubly-over') return [stepTimedOut(at, { problem }), stepDenied(at, { ...grounds, problem })];
  if (luck === 'bad' || (isFirst && luck === 'later'))
    return [approved, stepSucceeded(at, { output: 'bad' }), stepRejected(at, { problem })];
  if (isFirst && (luck === 'second' || luck === 'fallback')) return [approved, stepFailed(at, { problem })];
  return [approved, stepSucceeded(at, { output: { v: value } }), stepAccepted(at, {})];
}

/** The log, what has been said and is not stored yet (each list in its own order), and what the planner has not heard yet. */
type World = { log: RunLog; unsaid: Draft[][]; unheard: Event[]; said: Draft[] };

function store({ log, unheard }: World, draft: Draft): void {
  const at = { shard: 0, run: 'R', ...draft.at, slot: draft.slot };
  const definition = definitionOf(draft.type);
  assert.ok(definition);
  const address = addressOf(at);
  assert.equal(log.byAddress.has(address), false, `${address} is said twice`);
  const seq = log.entries.length + 1;
  const event = { address, at, type: draft.type, seq, time: seq, source: 'x', cause: address, data: definition.shape.parse(draft.data) };
  append(log, event, definition.after);
  if (draft.type in planner.on) unheard.push(event);
}

async function answerTo({ log }: World, event: Event): Promise<readonly Draft[]> {
  const handler = planner.on[event.type as never] as unknown as (event: Event, context: object) => Promise<readonly Draft[]>;
  return await handler(event, { history: historyOf(log, event.seq) });
}

/** Plays a run to its end in an order that `choose` determines. @returns everything that the planner said. */
async function play(sketched: readonly Sketch[], choose: (below: number) => number): Promise<Draft[]> {
  const plan = workflowOf(sketched);
  const world: World = { log: emptyRunLog(0, 'R'), unsaid: [], unheard: [], said: [] };
  store(world, runRequested(theRun, { requestedBy: 'ada', workflow: plan, input: {}, tools: {}, deadlineMs: 1e15 }));
  store(world, runApproved(theRun, grounds));
  world.unheard.length = 0;
  store(world, planProposed(planRevision(1), { plan }));
  store(world, planApproved(planRevision(1), grounds));
  const heard: { event: Event; answer: readonly Draft[] }[] = [];
  while (world.unsaid.length + world.unheard.length > 0) {
    const choice = choose(world.unsaid.length + world.unheard.length);
    if (choice >= world.unsaid.length) {
      const [event] = world.unheard.splice(choice - world.unsaid.length, 1) as [Event];
      const answer = await answerTo(world, event);
      heard.push({ event, answer });
      world.said.push(...answer);
      if (answer.length > 0) world.unsaid.push([...answer]);
      continue;
    }
    const list = world.unsaid[choice] as Draft[];
    const draft = list.shift() as Draft;
    if (list.length === 0) world.unsaid.splice(choice, 1);
    // Several may find at the same time that there is no way on: the first one is stored.
    if (draft.type === 'plan.proposal.abandoned' && world.log.byAddress.has('reel.0.R.plan.plan.2.proposal')) continue;
    store(world, draft);
    const sketch = sketched[Number(/^s(\d+)/.exec(draft.at.id)?.[1])] as Sketch;
    if (draft.type === 'step.request.requested') world.unsaid.push(fateOf(sketch, draft.at));
    if (draft.type === 'step.retry.postponed') world.unsaid.push([stepDue(draft.at, {})]);
  }
  // A redelivered fact has the same answer, however late.
  for (const { event, answer } of heard) assert.deepEqual(await answerTo(world, event), answer);
  return world.said;
}

const firsts = (said: readonly Draft[], type: string): string[] =>
  said
    .filter((one) => one.type === type && one.at.n === 1 && !one.at.id.endsWith('-fallback'))
    .map(({ at }) => at.id)
    .sort();

const orders = fc.infiniteStream(fc.nat({ max: 1000 }));
const chooser =
  (stream: Iterator<number>) =>
  (below: number): number =>
    (stream.next().value as number) % below;

it('each step is requested or skipped once, and the answer proposed once, in every order of facts', async () => {
  const property = fc.asyncProperty(sketches(LUCKY), orders, async (sketched, order) => {
    const said = await play(sketched, chooser(order));
    const ends = [...expected(sketched)];
    assert.deepEqual(firsts(said, 'step.request.requested'), ends.flatMap(([id, end]) => (end === 'skipped' ? [] : [id])).sort());
    assert.deepEqual(firsts(said, 'step.request.skipped'), ends.flatMap(([id, end]) => (end === 'skipped' ? [id] : [])).sort());
    const sinks = sketched
      .map((_, index) => nameOf(index))
      .filter((id) => !sketched.some((other, index) => waitsOf(other, index).includes(id)));
    const answer: { [id: string]: Json } = {};
    for (const [id, end] of ends) if (end !== 'skipped' && sinks.includes(id)) answer[id] = { v: end };
    assert.deepEqual(
      said.filter(({ type }) => type === 'answer.proposal.proposed').map(({ data }) => data),
      [{ answer }],
    );
    assert.equal(
      said.some(({ type }) => type === 'plan.proposal.abandoned'),
      false,
    );
  });
  await fc.assert(property, { seed: 1, numRuns: 300 });
});

it('when a step fails for good there is no answer, nothing that waited for it is done, and nothing is done twice', async () => {
  const property = fc.asyncProperty(sketches([...LUCKY, 'bad']), orders, async (sketched, order) => {
    const ends = expected(sketched);
    const doomed = new Set<string>();
    for (const [index, sketch] of sketched.entries()) {
      const isStuck = waitsOf(sketch, index).some((id) => doomed.has(id));
      if (isStuck || (sketch.luck === 'bad' && ends.get(nameOf(index)) !== 'skipped')) doomed.add(nameOf(index));
    }
    fc.pre(doomed.size > 0);
    const said = await play(sketched, chooser(order));
    assert.equal(
      said.some(({ type }) => type === 'answer.proposal.proposed'),
      false,
    );
    assert.equal(
      said.some(({ type }) => type === 'plan.proposal.abandoned'),
      true,
    );
    for (const [index, sketch] of sketched.entries()) {
      const requests = [...firsts(said, 'step.request.requested'), ...firsts(said, 'step.request.skipped')].filter(
        (id) => id === nameOf(index),
      );
      assert.ok(requests.length <= (waitsOf(sketch, index).some((id) => doomed.has(id)) ? 0 : 1), nameOf(index));
    }
  });
  await fc.assert(property, { seed: 1, numRuns: 200 });
});
