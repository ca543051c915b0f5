/** The beginning and the end of a run. */
import { z } from 'zod';
import { Omitted } from './answer.ts';
import { fact, Json, Problem } from './envelope.ts';
import { ModelDefinition } from './model.ts';
import { ToolDefinition } from './tool.ts';
import { Approved, Denied, Expired, Granted, Held, Refused } from './verdict.ts';
import { Workflow } from './workflow/format.ts';

/**
 * gateway: this Idempotency-Key belongs to that run. The hash of the key takes the place of the run id. `body` is the digest of the request
 * as sent; `request` is the digest with the parsed workflow, and the only one that earlier versions have.
 */
export const keyClaimed = fact('claim', 'claim', 'claimed', { run: z.string(), request: z.string(), body: z.string().optional() });

/** `rubric`: the criteria by which a model judges the answer before it is given. `review`: the requester wants to see the plan first. */
export const Goal = z.object({ text: z.string(), rubric: z.string().optional(), review: z.boolean().optional() });
export type Goal = z.infer<typeof Goal>;

/** gateway: a run is requested. The fact carries everything from outside that the run may depend on; nothing is looked up later. */
export const runRequested = fact('run', 'request', 'requested', {
  requestedBy: z.string(),
  /** What to do. For a goal it has no steps; its settings for the answer and for escalation apply to every plan that is made. */
  workflow: Workflow,
  /** What to achieve, in words, where no steps are given. */
  goal: Goal.optional(),
  input: Json,
  /** The tools that the workflow names, as they were when the run was requested; for a goal, all tools. */
  tools: z.record(z.string(), ToolDefinition),
  /** All models, as they were when the run was requested. */
  models: z.array(ModelDefinition).optional(),
  /** When the run has to be over, ms since the epoch. */
  deadlineMs: z.int(),
  idempotencyKey: z.string().optional(),
});

/** The tools that the requester may never use. They are left out when a plan for a goal is made. */
const withheld = z.array(z.string()).optional();

/** policy: the run may begin. */
export const runApproved = fact('run', 'verdict', 'approved', { ...Approved, withheld }, ['request.requested']);
/** policy: the run may not begin. */
export const runDenied = fact('run', 'verdict', 'denied', Denied, ['request.requested']);
/** policy: a person must decide whether the run may begin. */
export const runHeld = fact('run', 'verdict', 'held', { ...Held, withheld }, ['request.requested']);
/** policy: a person allowed the run. */
export const runGranted = fact('run', 'ruling', 'granted', Granted, ['verdict.held']);
/** policy: a person refused the run. */
export const runRefused = fact('run', 'ruling', 'refused', Refused, ['verdict.held']);
/** saga-tracker: the run was not decided on in time. */
export const runExpired = fact('run', 'ruling', 'expired', Expired, ['verdict.held']);

/** gateway: a stop of the run is requested. */
export const cancelRequested = fact('run', 'control', 'cancel-requested', { who: z.string(), why: z.string() }, ['request.requested']);

/** saga-tracker: the answer is final. After a closing nothing new begins except undos. A run has one closing. */
export const closingCompleted = fact('run', 'closing', 'completed', {}, ['request.requested']);
/** saga-tracker: the run can no longer succeed. Its effects will be undone. */
export const closingFailing = fact('run', 'closing', 'failing', { problem: Problem }, ['request.requested']);
/** saga-tracker: the run is being cancelled. Its effects will be undone. */
export const closingCancelling = fact('run', 'closing', 'cancelling', { problem: Problem }, ['request.requested']);
/** saga-tracker: the run's deadline has passed. Its effects will be undone. */
export const closingExhausted = fact('run', 'closing', 'exhausted', { problem: Problem }, ['request.requested']);

/** An attempt whose effect remains although the run did not succeed. */
export const Remainder = z.object({ kind: z.string(), id: z.string(), n: z.int(), problem: Problem });
export type Remainder = z.infer<typeof Remainder>;
/**
 * `undone`: the attempts that were undone, in that order. `remaining`: the attempts that took effect and have no undo (missing in facts
 * of earlier versions).
 */
const ended = {
  problem: Problem,
  undone: z.array(z.object({ kind: z.string(), id: z.string(), n: z.int() })),
  remaining: z.array(Remainder).optional(),
};

/** saga-tracker: the run is completed, with this answer. */
export const runCompleted = fact('run', 'outcome', 'completed', { answer: Json, omitted: z.array(Omitted).optional() }, [
  'closing.completed',
]);
/** saga-tracker: the run failed. Only effects without an undo remain. */
export const runFailed = fact('run', 'outcome', 'failed', ended, ['closing.failing']);
/** saga-tracker: the run was cancelled. Only effects without an undo remain. */
export const runCancelled = fact('run', 'outcome', 'cancelled', ended, ['closing.cancelling']);
/** saga-tracker: the run's time ran out. Only effects without an undo remain. */
export const runExhausted = fact('run', 'outcome', 'exhausted', ended, ['closing.exhausted']);
/** saga-tracker: the run did not succeed, and a person has to look at the effects that remain. */
export const runStranded = fact('run', 'outcome', 'stranded', { ...ended, stranded: z.array(Remainder) }, [
  'closing.failing',
  'closing.cancelling',
  'closing.exhausted',
]);
