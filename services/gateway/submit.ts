/** Submits a run: checks it, and stores with it the tools and models that it depends on. */

import { hash } from 'node:crypto';
import type { Edge } from '@reel/bus/edge.ts';
import { type Entry, isInvalid } from '@reel/bus/history.ts';
import { digestOf } from '@reel/bus/runtime/digest.ts';
import { checkPublishable } from '@reel/bus/runtime/publish.ts';
import { type Place, theRun } from '@reel/contracts/address.ts';
import { type Goal, keyClaimed, runRequested } from '@reel/contracts/run.ts';
import type { EventOf } from '@reel/contracts/story.ts';
import type { ToolDefinition } from '@reel/contracts/tool.ts';
import type { PlannedAttempt } from '@reel/contracts/workflow/attempt.ts';
import type { Workflow } from '@reel/contracts/workflow/format.ts';
import { pathText } from '@reel/contracts/workflow/place.ts';
import { monotonicFactory } from 'ulid';
import { checkDepth } from './body.ts';
import { BUILT_IN, type Capabilities, unavailable } from './capabilities.ts';
import { wrongBy } from './field-errors.ts';
import { frameOf } from './goal.ts';
import { lifetimeOf } from './lifetime.ts';
import { HttpProblem, serviceUnavailable } from './problems.ts';
import { readWithoutBlocking } from './reading.ts';
import { refusedTools } from './refused-tools.ts';
import type { GoalRequest, RunRequest } from './shapes.ts';

const ulid = monotonicFactory();
const claim: Place = { kind: 'claim', id: 'key', n: 1 };

type Submitted = { readonly run: string; readonly shard: number; readonly created: boolean };

/** Requests a run. @returns its id, and whether it is new. @throws HttpProblem */
export async function submit(edge: Edge, body: RunRequest, key: string | undefined, traceparent: string): Promise<Submitted> {
  const before = key === undefined ? undefined : await askedBefore(edge, key, digestOf(body));
  return before ?? (await request(edge, body, key, traceparent));
}

/** The run of an earlier request with this key. It stays the same when tools or models have changed since. */
async function askedBefore(edge: Edge, key: string, digest: string): Promise<Submitted | undefined> {
  const claimed = await edge.occupant(0, placeOf(key), claim, keyClaimed.slot);
  if (claimed === undefined) return undefined;
  const { run, body } = claimedBy(claimed) ?? {};
  // Claims of earlier versions have no digest of the body: they are compared after the workflow is parsed.
  if (run === undefined || body !== digest) return undefined;
  const shard = shardOf(run, edge.shards);
  return (await edge.occupant(shard, run, theRun, 'request')) === undefined ? undefined : { run, shard, created: false };
}

async function request(edge: Edge, body: RunRequest, key: string | undefined, traceparent: string): Promise<Submitted> {
  const means = {
    tools: await edge.tools(),
    registered: await edge.registered(),
    kinds: edge.kinds(),
    models: edge.models(),
    refused: new Map(refusedTools(edge.components()).map(({ tool, why }) => [tool, why])),
  };
  const goal = typeof body.goal === 'string' ? { text: body.goal } : body.goal;
  const workflow = goal === undefined ? await checked(body.workflow as string | object, means) : frameOf(goal, body.requestedBy, means);
  const input = body.input ?? {};
  const wrong = workflow.input === undefined ? undefined : wrongBy(workflow.input, input);
  if (wrong !== undefined)
    throw new HttpProblem(422, 'invalid-input', 'The input does not fit the workflow', wrong, [{ path: 'body.input', message: wrong }]);
  const life = lifetimeOf(workflow, body.deadlineMs);
  if ('wrong' in life) throw new HttpProblem(422, 'deadline-too-far', 'Invalid deadline or timeout', life.wrong.message, [life.wrong]);
  const reasons = goal !== undefined || attemptsIn(workflow).some(({ kind }) => kind === 'model');
  const asked = {
    requestedBy: body.requestedBy,
    workflow,
    ...(goal === undefined ? {} : { goal: goalOf(goal) }),
    input,
    tools: goal === undefined ? toolsOf(workflow, means.tools) : Object.fromEntries(means.tools),
    ...(reasons ? { models: [...means.models] } : {}),
    deadlineMs: Date.now() + life.lifeMs,
  };
  const requested = runRequested(theRun, { ...asked, ...(key === undefined ? {} : { idempotencyKey: key }) });
  let run = ulid();
  let created = true;
  // A claim is permanent, so every check comes before it.
  checkPublishable(requested, { source: 'gateway', shard: 0, run, traceparent });
  if (key !== undefined) {
    const claimed = await claimKey(edge, key, { run, request: digestOf({ ...body, workflow }), body: digestOf(body) });
    created = claimed === run;
    run = claimed;
  }
  const shard = shardOf(run, edge.shards);
  if (!created && (await edge.occupant(shard, run, theRun, 'request')) !== undefined) return { run, shard, created };
  const result = await edge.publish(shard, run, requested, { traceparent });
  if (!result.published && key === undefined) throw new Error(`run ${run} exists already`);
  return { run, shard, created };
}

const shardOf = (run: string, shards: number): number => (shards === 1 ? 0 : Number.parseInt(hash('sha256', run).slice(0, 8), 16) % shards);

const placeOf = (key: string): string => hash('sha256', key).slice(0, 40);

/** Whether a run was requested under this Idempotency-Key. */
export const isClaimed = async (edge: Edge, key: string): Promise<boolean> =>
  (await edge.occupant(0, placeOf(key), claim, keyClaimed.slot)) !== undefined;

type Claim = EventOf<'claim.claim.claimed'>['data'];

const claimedBy = (claimed: Entry): Claim | undefined => (isInvalid(claimed) ? undefined : (claimed.data as Claim));

/** A slot keyed by the hash of the key names the run. A second caller gets the same run, if its request is the same. @throws HttpProblem */
async function claimKey(edge: Edge, key: string, mine: Claim): Promise<string> {
  const result = await edge.publish(0, placeOf(key), keyClaimed(claim, mine));
  if (result.published) return mine.run;
  const first = claimedBy(result.occupant);
  if (first !== undefined && (first.request === mine.request || first.body === mine.body)) return first.run;
  const message = `"${key}" belongs to run ${first?.run ?? '(unreadable)'}, whose request was different: use a new key`;
  throw new HttpProblem(422, 'idempotency-key-reused', 'The Idempotency-Key has been used for another request', message, [
    { path: 'header.Idempotency-Key', message },
  ]);
}

const goalOf = ({ text, rubric, review }: GoalRequest): Goal => ({
  text,
  ...(rubric === undefined ? {} : { rubric }),
  ...(review === undefined ? {} : { review }),
});

const known = new Map<string, { tools: Capabilities['tools']; others: string; workflow: Workflow }>();
const KNOWN = 500;
/** A longer workflow, in characters, is checked each time, to bound the cache. */
const LONGEST = 32_768;

/** The workflow, if it is valid. A workflow that was checked against the same capabilities is not checked again. */
async function checked(source: string | object, means: Capabilities): Promise<Workflow> {
  const { tools, kinds, models } = means;
  const text = typeof source === 'string' ? source : JSON.stringify(source);
  const others = JSON.stringify([[...kinds], models]);
  const before = known.get(text);
  if (before?.tools === tools && before.others === others) return before.workflow;
  checkDepth(text);
  const { workflow, findings } = await withinReach(() => readWithoutBlocking(source, means));
  if (workflow === undefined) {
    const errors = findings.map(({ path, message, line, column }) => ({
      path: ['body.workflow', pathText(path)].filter((part) => part !== '').join('.'),
      message,
      ...(line === undefined ? {} : { line, column: column ?? 1 }),
    }));
    const detail = `${errors.length} ${errors.length === 1 ? 'error' : 'errors'}: see \`errors\``;
    if (await mayDo(source, means)) throw serviceUnavailable(detail, errors);
    throw new HttpProblem(422, 'invalid-workflow', 'Invalid workflow', detail, errors);
  }
  if (text.length > LONGEST) return workflow;
  known.set(text, { tools, others, workflow });
  if (known.size > KNOWN) known.delete(known.keys().next().value as string);
  return workflow;
}

/** True when the workflow is valid but for a known tool, or a service of Reel's own, that is unavailable. */
async function mayDo(source: string | object, { tools, registered, kinds, models }: Capabilities): Promise<boolean> {
  if (unavailable(kinds).length === 0 && registered.size === tools.size) return false;
  const all = new Set([...kinds, ...Object.keys(BUILT_IN)]);
  const means = { tools: kinds.has('tool') ? registered : undefined, kinds: all, models: kinds.has('model') ? models : undefined };
  return (await readWithoutBlocking(source, means)).workflow !== undefined;
}

/** YAML can refer to itself and become infinite. */
async function withinReach<T>(read: () => Promise<T>): Promise<T> {
  try {
    return await read();
  } catch (error) {
    if (!/circular|call stack/i.test((error as Error).message)) throw error;
    const message = 'it refers to itself (an alias inside of its own anchor), or is nested too deeply: write it out';
    throw new HttpProblem(422, 'invalid-workflow', 'Invalid workflow', message, [{ path: 'body.workflow', message }]);
  }
}

const attemptsIn = ({ steps }: Workflow): PlannedAttempt[] =>
  steps.flatMap((step) => (step.fallback === undefined ? [step] : [step, step.fallback]));

/** The tools that a workflow may call: the tools it names, and the tools that undo them. */
function toolsOf(workflow: Workflow, tools: ReadonlyMap<string, ToolDefinition>): { [name: string]: ToolDefinition } {
  const waiting = attemptsIn(workflow).flatMap(({ kind, uses, compensate }) => [
    ...(kind === 'tool' ? [uses] : []),
    ...(compensate === undefined ? [] : [compensate.uses]),
  ]);
  const found: { [name: string]: ToolDefinition } = {};
  for (let name = waiting.pop(); name !== undefined; name = waiting.pop()) {
    const tool = tools.get(name);
    if (tool === undefined || name in found) continue;
    found[name] = tool;
    if (tool.compensation !== undefined) waiting.push(tool.compensation.uses);
  }
  return found;
}
