/** What became of a call, as the bus tells it, and whether that is what the case says: the fact is encoded, packed, read back, and compared. */
import assert from 'node:assert/strict';
import { decode, encode } from '@reel/bus/runtime/envelope-codec.ts';
import { pack, unpack } from '@reel/bus/runtime/large-values.ts';
import { attempt, type Result } from '@reel/bus/runtime/perform.ts';
import type { ApprovedCall, CallContext, Logger, Performer } from '@reel/bus/service.ts';
import { given } from '@reel/bus/testing/given.ts';
import { addressOf, planRevision, theRun } from '@reel/contracts/address.ts';
import type { Draft, Json } from '@reel/contracts/envelope.ts';
import { planApproved, planProposed } from '@reel/contracts/plan.ts';
import { runApproved, runRequested } from '@reel/contracts/run.ts';
import { stepApproved, stepRequested, stepSucceeded } from '@reel/contracts/step.ts';
import type { ToolDefinition } from '@reel/contracts/tool.ts';
import { Workflow } from '@reel/contracts/workflow/format.ts';
import validator from '@reel/validator/validator.ts';
import { type Expected, PROMISES, type Promised } from './expected.ts';
import { difference, type Tree, treeOf } from './tree.ts';

const silent = (): void => {};
export const log: Logger = { debug: silent, info: silent, warn: silent, error: silent };

/** So long at most does an answer take that is there, or will not come. */
const PATIENCE_MS = 20_000;
const at = { kind: 'tool', id: 'a', n: 1 } as const;

/** Makes a call as the bus does. @returns `nothing` when it was waited for in vain. */
export async function called(
  performer: Performer<never> | object,
  call: Pick<ApprovedCall, 'uses' | 'arguments' | 'effect' | 'definition' | 'output' | 'prompt'>,
  deps: object,
): Promise<Result> {
  const approved: ApprovedCall = { run: 'R', at, timeoutMs: 2 * PATIENCE_MS, ...call };
  const signal = AbortSignal.timeout(PATIENCE_MS);
  const acting: CallContext = { signal, key: 'R.tool.a', traceparent: undefined, used: silent, show: silent, log };
  const result = await attempt(performer as Performer<never>, approved, { ...deps, ...acting });
  return signal.aborted ? { said: 'nothing' } : result;
}

/** The result as it stands in the log, after its way there and back: its text, read by nothing of ours. */
async function stored(output: Json): Promise<{ readonly tree: Tree; readonly read: Json }> {
  const place = { shard: 0, run: 'R', ...at, slot: 'outcome' };
  const { body, blobs } = pack(encode(stepSucceeded(at, { output }), place, 'tool-executor', undefined, undefined, 0));
  const text = await unpack(Buffer.from(body).toString(), async (_, digest) => blobs.find((blob) => blob.digest === digest)?.body);
  const entry = decode(addressOf(place), text, 1, 0);
  assert.ok(
    entry !== undefined && !('invalid' in entry && entry.invalid !== undefined),
    `the fact cannot be read: ${JSON.stringify(entry)?.slice(0, 300)}`,
  );
  const fact = treeOf(text);
  const data = fact?.is === 'object' ? fact.members.get('data') : undefined;
  const tree = data?.is === 'object' ? data.members.get('output') : undefined;
  return { tree: tree ?? assert.fail('there is no output'), read: (entry as { data: { output: Json } }).data.output };
}

/** @throws AssertionError when what came of it is not what the case says. @returns what is in the log, where it is a success. */
export async function check(
  result: Result,
  expected: Expected,
  hasEffect: boolean,
  what: string,
): Promise<{ readonly tree: Tree; readonly read: Json } | undefined> {
  const said = `${JSON.stringify(result).slice(0, 600)} of ${what}`;
  assert.notEqual(result.said, 'nothing', `it was waited for in vain: ${said}`);
  if (result.said !== 'succeeded') {
    assert.notEqual(expected.is, 'done', `a success is lost: ${said}`);
    if (expected.is === 'failed' && expected.isOpen === true && hasEffect) assert.equal(result.said, 'unknown', `it may be done: ${said}`);
    return undefined;
  }
  if (expected.is === 'failed') assert.fail(`it was no success: ${said}`);
  const fact = await stored(result.output);
  const differences = expected.values.map((value) => difference(value, fact.tree));
  assert.ok(differences.includes(undefined), `changed: ${differences.join(' or ')}: ${said}`);
  return fact;
}

const grounds = { policies: [], policySet: 'sha256:0', question: 'sha256:0' };

/** Whether the result is accepted: what a tool promises and does not keep counts where it is checked, and is warned of where it is not. */
export async function checkJudgement(
  { tree, read }: { readonly tree: Tree; readonly read: Json },
  tool: ToolDefinition,
  promised: Promised,
  outputCheck: 'check' | 'warn' | 'off',
): Promise<void> {
  const plan = Workflow.parse({ name: 'w', steps: [{ id: 'a', uses: tool.name }] });
  const call = { uses: tool.name, arguments: {}, effect: tool.effect, timeoutMs: 1 };
  const facts: Draft[] = [
    runRequested(theRun, {
      requestedBy: 'ann',
      workflow: plan,
      input: null,
      tools: { [tool.name]: { ...tool, outputCheck } },
      deadlineMs: 1,
    }),
    runApproved(theRun, grounds),
    planProposed(planRevision(1), { plan }),
    planApproved(planRevision(1), grounds),
    stepRequested(at, { call }),
    stepApproved(at, grounds),
    stepSucceeded(at, { output: read }),
  ];
  const [said] = (await given(facts).then(validator, {})) as readonly Draft[];
  const { warnings = [] } = (said?.data ?? {}) as { warnings?: readonly string[] };
  const isKept = promised === 'nothing' || PROMISES[promised].keeps(tree);
  const isRejected = !isKept && outputCheck === 'check';
  assert.equal(said?.type, isRejected ? 'step.check.rejected' : 'step.check.accepted', `${promised} ${outputCheck}`);
  assert.equal(warnings.length > 0, !isKept && outputCheck === 'warn', `${promised} ${outputCheck}: ${warnings.join()}`);
}
