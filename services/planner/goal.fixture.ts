/** For tests: the run of a goal, as the facts that the other services would publish. */
import { given, told } from '@reel/bus/testing/given.ts';
import { answerRevision, type Place, theRun } from '@reel/contracts/address.ts';
import { answerAccepted, answerProposed } from '@reel/contracts/answer.ts';
import type { Draft, Json, JsonSchema, Problem } from '@reel/contracts/envelope.ts';
import type { ModelDefinition } from '@reel/contracts/model.ts';
import { planApproved, planProposed } from '@reel/contracts/plan.ts';
import { runApproved, runRequested } from '@reel/contracts/run.ts';
import { type Call, stepAccepted, stepApproved, stepFailed, stepRequested, stepSucceeded } from '@reel/contracts/step.ts';
import type { Effect, ToolDefinition } from '@reel/contracts/tool.ts';
import { Workflow } from '@reel/contracts/workflow/format.ts';
import planner from './planner.ts';

export const grounds = { policies: ['p'], policySet: 's', question: 'q' };
export const problem = { code: 'broken', message: 'it broke', retryable: false };

const tool = (name: string, effect: Effect = 'read-only', input: JsonSchema = { type: 'object' }): ToolDefinition => ({
  name,
  description: `it can ${name}`,
  server: 'module',
  input,
  effect,
  timeoutMs: 1000,
  concurrency: 1,
  digest: `sha256:${name}`,
});
export const tools = {
  search: tool('search', 'read-only', { type: 'object', required: ['place'], properties: { place: { type: 'string' } } }),
  book: tool('book', 'once'),
  secret: tool('secret'),
};
export const model = (name: string, price: ModelDefinition['price'] = 'low'): ModelDefinition => ({
  name,
  capabilities: ['plan', 'answer', 'judge'],
  price,
});

type Options = {
  models?: ModelDefinition[];
  rubric?: string;
  escalate?: { to: string; withinMs: number }[];
  withheld?: string[];
};

/** A goal that may be pursued. */
export function wanted({ models = [model('m')], rubric, escalate = [], withheld }: Options = {}): Draft[] {
  const answer = { value: null, schema: { type: 'object', required: ['text'] }, assert: [] };
  const request = {
    requestedBy: 'ada',
    workflow: Workflow.parse({ name: 'goal', steps: [], escalate, answer }),
    goal: { text: 'a bed near =Lisbon', ...(rubric === undefined ? {} : { rubric }) },
    input: { nights: 2 },
    tools,
    models,
    deadlineMs: 1e15,
  };
  return [runRequested(theRun, request), runApproved(theRun, { ...grounds, ...(withheld === undefined ? {} : { withheld }) })];
}

const asModel = (id: string): Place => ({ kind: 'model', id, n: 1 });
export const asTool = (id: string, n = 1): Place => ({ kind: 'tool', id, n });
const call = (effect: Effect, more: object = {}): { call: Call } => ({ call: { uses: 'x', arguments: {}, effect, timeoutMs: 1, ...more } });

/** What the planner said, and that policy had nothing against it. */
export const passes = (drafts: readonly Draft[]): Draft[] =>
  drafts.flatMap((draft) => (draft.type === 'plan.proposal.proposed' ? [draft, planApproved(draft.at, grounds)] : [draft]));

/** A step that is done, with this result. */
export const done = (at: Place, output: Json, more: object = {}): Draft[] => [
  stepRequested(at, call(at.kind === 'model' ? 'metered' : 'read-only', more)),
  stepApproved(at, grounds),
  stepSucceeded(at, { output }),
  stepAccepted(at, {}),
];
export const asked = (at: Place, effect: Effect = 'read-only'): Draft[] => [stepRequested(at, call(effect)), stepApproved(at, grounds)];
export const failed = (at: Place, effect: Effect = 'read-only'): Draft[] => [...asked(at, effect), stepFailed(at, { problem })];

/** A model has made a plan of these steps, in answer to what the planner asked. */
export const planBy = (n: number, steps: unknown, told: object = {}): Draft[] =>
  done(asModel(`plan-${n}`), { steps } as Json, { arguments: told });
export const answeredBy = (n: number, answer: Json): Draft[] => done(asModel(`answer-${n}`), answer);
export const answerStands = (n: number, answer: Json): Draft[] => [
  answerProposed(answerRevision(n), { answer }),
  answerAccepted(answerRevision(n), {}),
];

/** The steps of the plan that was proposed. */
export function planIn(draft: Draft | undefined): {
  n: number;
  plan: Workflow;
  ids: string[];
  step(id: string): Workflow['steps'][number];
} {
  if (draft?.type !== planProposed.type) throw new Error(`no plan was proposed, but ${draft?.type} was said`);
  const { plan } = draft.data as { plan: Workflow };
  const step = (id: string): Workflow['steps'][number] => {
    const found = plan.steps.find((one) => one.id === id);
    if (found === undefined) throw new Error(`there is no ${id} among ${plan.steps.map((one) => one.id).join(', ')}`);
    return found;
  };
  return { n: draft.at.n, plan, ids: plan.steps.map(({ id }) => id), step };
}

export const say = async (facts: readonly Draft[]): Promise<readonly Draft[]> => (await given(facts).then(planner, {})) as readonly Draft[];
export const tell = async (facts: readonly Draft[]): Promise<string[]> => told(await say(facts));
/** The story so far, and after it what the planner says, with policy's consent. */
export const on = async (facts: readonly Draft[]): Promise<Draft[]> => [...facts, ...passes(await say(facts))];
export const problemIn = (draft: Draft | undefined): Problem => (draft as Draft<{ problem: Problem }>).data.problem;
export const callIn = (draft: Draft | undefined): Call => (draft as Draft<{ call: Call }>).data.call;

export const errorsIn = (draft: Draft | undefined, n: number): string[] =>
  (planIn(draft).step(`plan-${n}`).with as { errors?: string[] }).errors ?? [];

export const escalate = [{ to: 'ada', withinMs: 1000 }];
export const search = { id: 'search', uses: 'search', with: { place: 'Lisbon' } };
export const book = { id: 'book', uses: 'book', with: { id: '= steps.search.id' }, dependsOn: ['search'] };
/** A goal whose plan is to search and then to book. */
export const planned = async (options: Parameters<typeof wanted>[0] = {}, steps: unknown[] = [search, book]): Promise<Draft[]> =>
  await on([...(await on(wanted(options))), ...planBy(1, steps)]);
