/** For the tests: a run with a few tools, and the facts that the other services would publish, as short words. */
import { answerRevision, askedAbout, type Place, planRevision, theRun } from '@reel/contracts/address.ts';
import { answerAccepted, answerApproved, answerProposed } from '@reel/contracts/answer.ts';
import type { Draft, Json, Problem } from '@reel/contracts/envelope.ts';
import type { ModelDefinition } from '@reel/contracts/model.ts';
import { planApproved, planProposed } from '@reel/contracts/plan.ts';
import { closingCompleted, closingFailing, runApproved, runRequested } from '@reel/contracts/run.ts';
import * as s from '@reel/contracts/step.ts';
import { CIRCUIT_OPEN, type Compensation, type Effect, type Retry, type ToolDefinition } from '@reel/contracts/tool.ts';
import * as u from '@reel/contracts/undo.ts';
import type { Escalated } from '@reel/contracts/workflow/attempt.ts';
import { Workflow } from '@reel/contracts/workflow/format.ts';

/** When `given` begins to count: its n-th fact is stored n seconds later. */
export const START_MS = Date.UTC(2026, 0, 1);
export const DEADLINE_MS = START_MS + 600_000;

export const grounds = { policies: ['everything'], policySet: 'sha256:p', question: 'sha256:q' };
export const problem: Problem = { code: 'no', message: 'it did not go well' };

const tool = (name: string, effect: Effect, timeoutMs = 10_000): ToolDefinition => ({
  name,
  description: '',
  server: 'module',
  input: {},
  effect,
  timeoutMs,
  concurrency: 4,
  digest: `sha256:${name}`,
});

const tools = {
  search: tool('search', 'read-only', 5_000),
  book: tool('book', 'idempotent'),
  pay: tool('pay', 'once'),
  cancel: tool('cancel', 'idempotent'),
  repay: tool('repay', 'once'),
};

const workflow = Workflow.parse({
  name: 'journey',
  steps: [
    { id: 'search', uses: 'search' },
    { id: 'book', uses: 'book' },
    { id: 'pay', uses: 'pay' },
    { id: 'flight', uses: 'book' },
    { id: 'hotel', uses: 'book' },
  ],
});

export const requested = (deadlineMs = DEADLINE_MS, offered: { readonly [name: string]: ToolDefinition } = tools): Draft =>
  runRequested(theRun, { requestedBy: 'me', workflow, input: { who: 'Ada' }, tools: offered, deadlineMs });

const carriedOut = (plan = workflow): Draft[] => [
  runApproved(theRun, grounds),
  planProposed(planRevision(1), { plan }),
  planApproved(planRevision(1), grounds),
];

/** A run whose plan is being carried out. */
export const begun: readonly Draft[] = [requested(), ...carriedOut()];

/** The same, with another plan and models. */
export const begunAs = (plan: Workflow, models: ModelDefinition[] = []): readonly Draft[] => [
  runRequested(theRun, { requestedBy: 'me', workflow: plan, input: {}, tools, models, deadlineMs: DEADLINE_MS }),
  ...carriedOut(plan),
];

/** The same, where the tool that undoes things is registered with these retries. */
export const begunWith = (retry: Retry): readonly Draft[] => [
  requested(DEADLINE_MS, { ...tools, cancel: { ...tools.cancel, retry } }),
  ...carriedOut(),
];

export const failing: Draft = closingFailing(theRun, { problem });
export const completed: Draft = closingCompleted(theRun, {});

export const answered = (answer: Json, n = 1): Draft[] => [
  answerProposed(answerRevision(n), { answer }),
  answerAccepted(answerRevision(n), {}),
  answerApproved(answerRevision(n), grounds),
];

export type CallOptions = {
  effect?: Effect;
  timeoutMs?: number;
  leftMs?: number;
  compensation?: Compensation | undefined;
  arguments?: { [name: string]: Json };
};

const undoneBy: Compensation = { uses: 'cancel', with: { booking: '=result.id', for: '=input.who' } };

/** What is said about one attempt at a step. Unless told otherwise it books something that can be cancelled. */
export function step(id: string, options: CallOptions = {}, n = 1, kind = 'tool') {
  const at: Place = { kind, id, n };
  const { effect = 'idempotent', timeoutMs = 10_000, arguments: given = {} } = options;
  const compensation = 'compensation' in options ? options.compensation : undoneBy;
  const call = {
    uses: 'book',
    arguments: given,
    effect,
    timeoutMs,
    ...(options.leftMs === undefined ? {} : { leftMs: options.leftMs }),
    ...(compensation === undefined || effect === 'read-only' ? {} : { compensation }),
  };
  const said = {
    at,
    requested: s.stepRequested(at, { call }),
    approved: s.stepApproved(at, grounds),
    denied: s.stepDenied(at, { ...grounds, problem }),
    held: s.stepHeld(at, { ...grounds, prompt: 'May it?' }),
    granted: s.stepGranted(at, { who: 'Eve', why: 'yes', vote: 'v' }),
    refused: s.stepRefused(at, { who: 'Eve', why: 'no', vote: 'v' }),
    started: s.stepStarted(at, { nonce: 'x' }),
    succeeded: (output: Json = { id }) => s.stepSucceeded(at, { output }),
    late: (output: Json = { id }) => s.stepLate(at, { output }),
    failed: s.stepFailed(at, { problem }),
    unknown: s.stepUnknown(at, { problem }),
    timedOut: s.stepTimedOut(at, { problem }),
    withdrawn: s.stepWithdrawn(at, { problem }),
    accepted: s.stepAccepted(at, {}),
    rejected: s.stepRejected(at, { problem }),
    postponed: (untilMs: number) => s.stepPostponed(at, { untilMs }),
  };
  const asked = [said.requested, said.approved];
  const running = effect === 'read-only' ? asked : [...asked, said.started];
  return { ...said, asked, running, done: [...running, said.succeeded(), said.accepted] };
}

/** What is said about one try at an undo. */
export function undo(id: string, n = 1, { effect = 'idempotent', attempt = 1 }: { effect?: Effect; attempt?: number } = {}) {
  const at: Place = { kind: 'undo-tool', id: `${id}-${attempt}`, n };
  const call = { uses: 'cancel', arguments: {}, effect, timeoutMs: 10_000 };
  const running = [u.undoRequested(at, { call }), u.undoApproved(at, grounds), u.undoStarted(at, { nonce: 'x' })];
  return {
    at,
    requested: u.undoRequested(at, { call }),
    denied: u.undoDenied(at, { ...grounds, problem }),
    held: u.undoHeld(at, { ...grounds, prompt: 'May it?' }),
    granted: u.undoGranted(at, { who: 'Eve', why: 'yes', vote: 'v' }),
    running,
    failed: (retryable = true) => u.undoFailed(at, { problem: { ...problem, retryable } }),
    resting: (retryAfterMs: number) =>
      u.undoFailed(at, { problem: { code: CIRCUIT_OPEN, message: 'it rests', retryable: true, retryAfterMs } }),
    unknown: u.undoUnknown(at, { problem }),
    late: u.undoLate(at, { output: null }),
    done: [...running, u.undoSucceeded(at, { output: null })],
  };
}

/** What is said of question `n` about an attempt and its undoing. */
export function question(id: string, n = 1, attempt = 1) {
  const at = askedAbout({ kind: 'tool', id, n: attempt }, n);
  const call = { uses: 'operators', arguments: {}, effect: 'read-only' as const, timeoutMs: 10_000 };
  const held = [u.undoRequested(at, { call }), u.undoHeld(at, { ...grounds, prompt: 'Well?' })];
  return {
    at,
    held,
    denied: [u.undoRequested(at, { call }), u.undoDenied(at, { ...grounds, problem })],
    refused: [...held, u.undoRefused(at, { who: 'Eve', why: 'no', vote: 'v' })],
    expired: [...held, u.undoExpired(at, { problem })],
    said: (what: Escalated) => [
      ...held,
      u.undoGranted(at, { who: 'Eve', why: 'I looked', vote: 'v', form: what }),
      u.undoSucceeded(at, { output: what }),
    ],
  };
}
