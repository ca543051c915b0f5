/** Random workflows as stories: tools, people and cancels behave as their plan says. */
import type { Edge } from '@reel/bus/edge.ts';
import { type Entry, isInvalid } from '@reel/bus/history.ts';
import { type ApprovedCall, definePerformer } from '@reel/bus/service.ts';
import { MALICE, type Simulation, TROUBLE } from '@reel/bus/simulator/simulator.ts';
import { ASKED, theRun } from '@reel/contracts/address.ts';
import { cancelRequested } from '@reel/contracts/run.ts';
import { stepRequested } from '@reel/contracts/step.ts';
import { undoRequested } from '@reel/contracts/undo.ts';
import { storeVote } from '@reel/gateway/voting.ts';
import { anyPlan, type Plan, type PlannedStep, steadyPlan, withoutOne, workflowOf } from './plan.ts';
import { judgeOfText } from './players.ts';
import { RUN, type Scene, type Story } from './story.ts';
import { type Doing, escalated, openWorld, policies, tools, type World } from './world.ts';

const judge = judgeOfText(policies);

/** How long people think, ms. */
const THINKING_MS = 500;

function sceneOf(plan: Plan): Scene {
  const world = openWorld();
  const executor = definePerformer({
    name: 'tool-executor',
    kind: 'tool',
    perform: (call, { key, signal }) => world.act(call, key, doingOf(plan, call), signal),
  });
  return {
    request: {
      requestedBy: 'ada',
      workflow: workflowOf(plan),
      input: {},
      tools,
      ...(plan.deadlineInMs === undefined ? {} : { deadlineInMs: plan.deadlineInMs }),
    },
    judge,
    players: [{ service: executor }],
    onFact: peopleOf(plan, world),
    check: world.check,
  };
}

/** `s1` is a step, `s1-fallback` is in its place, `s1-retry-1` a person wanted; `s1-…-1` undoes an attempt. */
function doingOf({ steps }: Plan, { at: { kind, id, n } }: ApprovedCall): Doing {
  const [, number, place = ''] = /^s(\d+)(.*)$/.exec(id) ?? [];
  const step = steps[Number(number)] as PlannedStep;
  if (kind.startsWith('undo-')) return step.undo[n - 1] ?? 'works';
  if (place.startsWith('-fallback')) return step.fallback?.does[n - 1] ?? 'works';
  return step.does[n - 1 + (place.startsWith('-retry') ? 1 : 0)] ?? 'works';
}

/** Who is asked answers after a while, or does not; and somebody may cancel the whole. */
function peopleOf({ steps, cancelAfter }: Plan, world: World) {
  return async (entry: Entry, edge: Edge, later: Simulation['later']): Promise<void> => {
    if (entry.seq === cancelAfter) await edge.publish(0, RUN, cancelRequested(theRun, { who: 'ada', why: 'so' }));
    if (isInvalid(entry) || !['step.verdict.held', 'undo.verdict.held'].includes(entry.type)) return;
    const { at, address } = entry;
    const step = steps[Number(/^s(\d+)/.exec(at.id)?.[1])] as PlannedStep;
    later(THINKING_MS, async () => {
      const asked = (await edge.history(0, RUN)).find(at.kind === ASKED ? undoRequested : stepRequested, at)?.data.call.arguments ?? {};
      const isEscalated = at.kind === ASKED || at.id.includes('-escalation-');
      const form = isEscalated ? escalated(step.escalated, asked, world) : { n: 1 };
      const decision = isEscalated ? 'grant' : step.answer;
      if (decision === undefined || form === undefined) return;
      const vote = { question: address, who: 'eve', why: 'so', decision, form };
      await storeVote(edge, { shard: 0, run: RUN }, vote);
    });
  };
}

export const workflows: Story<Plan> = { name: 'workflows', faults: TROUBLE, data: anyPlan, scene: sceneOf, smaller: withoutOne };

/** Workflows without races come to the same conclusions under every fault. */
export const steady: Story<Plan> = { name: 'steady', faults: MALICE, data: steadyPlan, scene: sceneOf, smaller: withoutOne, steady: true };

/** Rubbish in a slot ends a run, and breaks the protocol nowhere else. */
export const rubbish: Story<Plan> = {
  name: 'rubbish',
  faults: { ...TROUBLE, rubbish: 0.01 },
  data: anyPlan,
  scene: sceneOf,
  smaller: withoutOne,
};
