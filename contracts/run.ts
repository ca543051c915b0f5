/** The beginning and the end of a run. */
import { z } from 'zod';
import { Omitted } from './answer.ts';
import { fact, Json, Problem } from './envelope.ts';
import { ModelDefinition } from './model.ts';
import { ToolDefinition } from './tool.ts';
import { Approved, Denied, Expired, Granted, Held, Refused } from './verdict.ts';
import { Workflow } from './workflow/format.ts';

/**
 * gateway: this Idempotency-Key (whose hash stands in the place of the run) belongs to that run; `body` is the digest of what was asked, as it
 * was asked, and `request` of the same with the workflow as it was understood (all that earlier versions know).
 */
export const keyClaimed = fact('claim', 'claim', 'claimed', { run: z.string(), request: z.string(), body: z.string().optional() });

/** `rubric`: by what a model is to judge the answer before it is given. `review`: whoever asked wants to see the plan first. */
export const Goal = z.object({ text: z.string(), rubric: z.string().optional(), review: z.boolean().optional() });
export type Goal = z.infer<typeof Goal>;

/** gateway: somebody wants this done. It carries everything that the run may depend on from outside: nothing is looked up later. */
export const runRequested = fact('run', 'request', 'requested', {
  requestedBy: z.string(),
  /** What to do. For a goal it has no steps: what it says of the answer and of escalation holds for whatever plan is made. */
  workflow: Workflow,
  /** What to achieve, in words, where no steps are given. */
  goal: Goal.optional(),
  input: Json,
  /** The tools that the workflow names, as they were when the run was requested; for a goal, all that there were. */
  tools: z.record(z.string(), ToolDefinition),
  /** The models that there were. */
  models: z.array(ModelDefinition).optional(),
  /** When the run has to be over, ms since the epoch. */
  deadlineMs: z.int(),
  idempotencyKey: z.string().optional(),
});

/** The tools which whoever asks may never use: for a goal, so that no plan is made with them. */
const withheld = z.array(z.string()).optional();

/** policy: this may begin. */
export const runApproved = fact('run', 'verdict', 'approved', { ...Approved, withheld }, ['request.requested']);
/** policy: this may not begin. */
export const runDenied = fact('run', 'verdict', 'denied', Denied, ['request.requested']);
/** policy: a person has to say whether this may begin. */
export const runHeld = fact('run', 'verdict', 'held', { ...Held, withheld }, ['request.requested']);
/** policy: a person said that it may. */
export const runGranted = fact('run', 'ruling', 'granted', Granted, ['verdict.held']);
/** policy: a person said that it may not. */
export const runRefused = fact('run', 'ruling', 'refused', Refused, ['verdict.held']);
/** saga-tracker: nobody said whether it may. */
export const runExpired = fact('run', 'ruling', 'expired', Expired, ['verdict.held']);

/** gateway: somebody wants the run to stop. */
export const cancelRequested = fact('run', 'control', 'cancel-requested', { who: z.string(), why: z.string() }, ['request.requested']);

/** saga-tracker: the answer stands. From a turn on nothing new begins but undos; there is one turn in a run. */
export const closingCompleted = fact('run', 'closing', 'completed', {}, ['request.requested']);
/** saga-tracker: it cannot succeed any more; what was done will be undone. */
export const closingFailing = fact('run', 'closing', 'failing', { problem: Problem }, ['request.requested']);
/** saga-tracker: it is being stopped; what was done will be undone. */
export const closingCancelling = fact('run', 'closing', 'cancelling', { problem: Problem }, ['request.requested']);
/** saga-tracker: its deadline has passed; what was done will be undone. */
export const closingExhausted = fact('run', 'closing', 'exhausted', { problem: Problem }, ['request.requested']);

/** An attempt whose effect remains in the world though the run did not succeed. */
export const Remainder = z.object({ kind: z.string(), id: z.string(), n: z.int(), problem: Problem });
export type Remainder = z.infer<typeof Remainder>;
/**
 * `undone`: which attempts were undone, in the order in which they were. `remaining`: those that took effect and that nothing undoes
 * (versions before this one did not say).
 */
const ended = {
  problem: Problem,
  undone: z.array(z.object({ kind: z.string(), id: z.string(), n: z.int() })),
  remaining: z.array(Remainder).optional(),
};

/** saga-tracker: it is done, with this answer. */
export const runCompleted = fact('run', 'outcome', 'completed', { answer: Json, omitted: z.array(Omitted).optional() }, [
  'closing.completed',
]);
/** saga-tracker: it failed, and left nothing behind but what nothing undoes. */
export const runFailed = fact('run', 'outcome', 'failed', ended, ['closing.failing']);
/** saga-tracker: it was stopped, and left nothing behind but what nothing undoes. */
export const runCancelled = fact('run', 'outcome', 'cancelled', ended, ['closing.cancelling']);
/** saga-tracker: its time ran out, and it left nothing behind but what nothing undoes. */
export const runExhausted = fact('run', 'outcome', 'exhausted', ended, ['closing.exhausted']);
/** saga-tracker: it did not succeed, and a person has to look at what it left behind. */
export const runStranded = fact('run', 'outcome', 'stranded', { ...ended, stranded: z.array(Remainder) }, [
  'closing.failing',
  'closing.cancelling',
  'closing.exhausted',
]);
