/** One attempt at one step, from the request to the check: the facts of performers, policy and validator. */
import { z } from 'zod';
import { fact, growing, Json, JsonSchema, Problem } from './envelope.ts';
import { Usage } from './model.ts';
import { Compensation, Effect } from './tool.ts';
import { Approved, Denied, Expired, Granted, Held, Refused } from './verdict.ts';

/** A complete call. Policy approves exactly this, and a performer performs exactly this. */
export const Call = growing({
  /** What performs it, within its kind: the tool's name. */
  uses: z.string(),
  arguments: z.record(z.string(), Json),
  effect: Effect,
  /** How long one attempt may take after its start, or how long a person may take to decide. */
  timeoutMs: z.int().positive(),
  /** The remaining time of the step, where it has a limit. A person who has to allow the call must decide within it. */
  leftMs: z.number().positive().optional(),
  /** The digest of the tool's definition. A changed definition counts as another tool. */
  definition: z.string().optional(),
  /** What a person is asked to fill in. */
  form: JsonSchema.optional(),
  /** The question to a person or the prompt for a model. */
  prompt: z.string().optional(),
  /** The JSON Schema of the result, where the performer needs it beforehand, as a model does. */
  output: JsonSchema.optional(),
  /** Why this performer (`uses`) was chosen, where there was a choice. */
  routing: z.string().optional(),
  compensation: Compensation.optional(),
});
export type Call = z.infer<typeof Call>;

/** `delivery`: the delivery count of the approval when the attempt began. A later delivery means that its performer went silent. */
export const Started = { nonce: z.string(), delivery: z.int().optional() };

const performed = ['verdict.approved', 'ruling.granted'];

/** planner: the step is requested now, with exactly these arguments. */
export const stepRequested = fact('step', 'request', 'requested', { call: Call });
/** planner: the step's condition does not hold, so the step is skipped. */
export const stepSkipped = fact('step', 'request', 'skipped', { when: z.string() });

/** policy: the step may be performed. */
export const stepApproved = fact('step', 'verdict', 'approved', Approved, ['request.requested']);
/** policy: the step may not be performed. */
export const stepDenied = fact('step', 'verdict', 'denied', Denied, ['request.requested']);
/** policy: a person must decide whether the step may be performed, or must answer it. */
export const stepHeld = fact('step', 'verdict', 'held', Held, ['request.requested']);
/** policy: a person allowed the step, or answered it. */
export const stepGranted = fact('step', 'ruling', 'granted', Granted, ['verdict.held']);
/** policy: a person refused the step. */
export const stepRefused = fact('step', 'ruling', 'refused', Refused, ['verdict.held']);
/** saga-tracker: the step was not decided on in time. */
export const stepExpired = fact('step', 'ruling', 'expired', Expired, ['verdict.held']);

/** performers: the point of no return. Only the performer with this nonce may act. Read-only calls need no start. */
export const stepStarted = fact('step', 'start', 'started', Started, performed);
/** saga-tracker: the attempt can no longer be started. */
export const stepWithdrawn = fact('step', 'start', 'withdrawn', { problem: Problem }, ['request.requested']);

/** performers: the attempt succeeded, with this output. */
export const stepSucceeded = fact('step', 'outcome', 'succeeded', { output: Json, usage: Usage.optional() }, performed);
/** performers: the attempt failed and had no effect. */
export const stepFailed = fact('step', 'outcome', 'failed', { problem: Problem, usage: Usage.optional() }, performed);
/** performers: the attempt was started, and it is unknown whether it took effect. */
export const stepUnknown = fact('step', 'outcome', 'unknown', { problem: Problem }, performed);
/** saga-tracker: the attempt had no outcome in time. */
export const stepTimedOut = fact('step', 'outcome', 'timed-out', { problem: Problem }, ['request.requested']);
/** performers: the attempt succeeded after its outcome had been decided otherwise. */
export const stepLate = fact('step', 'late', 'succeeded', { output: Json }, performed);
/** saga-tracker: the attempt took effect after its run had ended. A person has to look at it. */
export const stepResidue = fact('step', 'residue', 'left', { problem: Problem });

/** validator: the result is valid. `warnings`: deviations from the tool's declared output that its `outputCheck` lets pass. */
export const stepAccepted = fact('step', 'check', 'accepted', { warnings: z.array(z.string()).optional() }, [
  'outcome.succeeded',
  'late.succeeded',
]);
/** validator: the result is invalid. */
export const stepRejected = fact('step', 'check', 'rejected', { problem: Problem }, ['outcome.succeeded', 'late.succeeded']);

/** planner: the step will be tried again, not before `untilMs` (ms since the epoch). */
export const stepPostponed = fact('step', 'retry', 'postponed', { untilMs: z.int() });
/** saga-tracker: the time for the next attempt has come. */
export const stepDue = fact('step', 'wake', 'due', {}, ['retry.postponed']);
