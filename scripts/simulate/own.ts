/** For services of your own: played among Reel's in a workflow of yours, over many seeds of everything that can go wrong. */
import { digestOf } from '@reel/bus/runtime/digest.ts';
import { type ApprovedCall, definePerformer } from '@reel/bus/service.ts';
import { type Faults, MALICE, type Player } from '@reel/bus/simulator/simulator.ts';
import type { Json } from '@reel/contracts/envelope.ts';
import type { ToolDefinition } from '@reel/contracts/tool.ts';
import { Workflow } from '@reel/contracts/workflow/format.ts';
import fc from 'fast-check';
import type { z } from 'zod';
import { judgeOfText } from './players.ts';
import { failureOf, shrink } from './shrink.ts';
import type { Played, Scene, Story } from './story.ts';

/** One simulation. It is created for each run, and keeps state for that run only. */
export type Own = {
  readonly workflow: z.input<typeof Workflow>;
  readonly input?: Json;
  /** What a tool does, by its name. It is idempotent: it may be called again under the same `key`. */
  readonly tools?: { readonly [name: string]: (call: ApprovedCall, key: string) => Json | Promise<Json> };
  /** Your services with what they need from outside. One that is named twice has two replicas. */
  readonly services: readonly Player[];
  /** Cedar policies; all is permitted unless they are given. */
  readonly policies?: string;
  /** What people do about a fact. */
  readonly onFact?: Scene['onFact'];
  /** What has to be true at the end, beside what has to be of every run. */
  readonly check: (played: Played) => void;
};

/**
 * Plays it under each seed from 1 to `seeds`, on a bus that delays, repeats, forgets and lies as much as a bus can.
 * @throws Error when something that has to be true is not: with the seed, and the least that has to go wrong for it.
 */
export async function inEverySeed(seeds: number, own: () => Own, faults: Faults = MALICE): Promise<void> {
  const story: Story<null> = { name: 'own', faults, data: fc.constant(null), scene: () => sceneOf(own()) };
  for (let seed = 1; seed <= seeds; seed += 1) {
    const failure = await failureOf(story, null, seed);
    if (failure === undefined) continue;
    const least = await shrink(story, seed);
    const told = least?.faults.map((fault) => `\n  ${fault}`).join('') || ' nothing';
    throw new Error(`seed ${seed}: ${failure.message}\nIt takes no more than this to go wrong:${told}`, { cause: failure });
  }
}

function sceneOf({
  workflow,
  input = {},
  tools = {},
  services,
  policies = 'permit (principal, action, resource);',
  onFact,
  check,
}: Own): Scene {
  const executor = definePerformer({
    name: 'tool-executor',
    kind: 'tool',
    perform: async (call, { key }) => (await tools[call.uses]?.(call, key)) ?? null,
  });
  return {
    request: { requestedBy: 'somebody', workflow: Workflow.parse(workflow), input, tools: definitionsOf(Object.keys(tools)) },
    judge: judgeOfText(policies),
    players: [{ service: executor }, ...services],
    ...(onFact === undefined ? {} : { onFact }),
    check,
  };
}

const definitionsOf = (names: readonly string[]): { [name: string]: ToolDefinition } =>
  Object.fromEntries(
    names.map((name) => {
      const effect = 'idempotent' as const;
      const known = { name, description: '', server: 'module', input: { type: 'object' }, effect, timeoutMs: 10_000, concurrency: 16 };
      return [name, { ...known, digest: digestOf(known) }];
    }),
  );
