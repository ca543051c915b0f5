/** One attempt at one step, from the request to the check: what performers, policy and validator say about it. */
import { z } from 'zod';
import { fact, growing, Json, JsonSchema, Problem } from './envelope.ts';
import { Usage } from './model.ts';
import { Compensation, Effect } from './tool.ts';
import { Approved, Denied, Expired, Granted, Held, Refused } from './verdict.ts';

/** A call, complete: what is approved is this and what is performed is this. */
export const Call = growing({
  /** What performs it, within its kind: the tool's name. */
  uses: z.string(),
  arguments: z.record(z.string(), Json),
  effect: Effect,
  /** How long one attempt may take once it is started, or a person may take to decide. */
  timeoutMs: z.int().positive(),
  /** How much is left of the time of its step, where that has one: whoever has to let it be done has no longer than that. */
  leftMs: z.number().positive().optional(),
  /** The digest of the tool's definition; another definition is another tool. */
  definition: z.string().optional(),
  /** What a person is asked to fill in. */
  form: JsonSchema.optional(),
  /** What a person or a model is asked, in words. */
  prompt: z.string().optional(),
  /** What the result has to be, where whoever performs it should know beforehand: a model does. */
  output: JsonSchema.optional(),
  /** Why it is to be performed by just this one (`uses`), where there was a choice. */
  routing: z.string().optional(),
  compensation: Compensation.optional(),
});
export type Call = z.infer<typeof Call>;

/** `delivery`: the how manieth delivery of the approval it was begun at: every later one means that nothing was heard of its performer. */
export const Started = { nonce: z.string(), delivery: z.int().optional() };

const performed = ['verdict.approved', 'ruling.granted'];

/** planner: this should be done now, with exactly these arguments. */
export const stepRequested = fact('step', 'request', 'requested', { call: Call });
/** planner: its condition does not hold, so it will not be done. */
export const stepSkipped = fact('step', 'request', 'skipped', { when: z.string() });

/** policy: it may be done. */
export const stepApproved = fact('step', 'verdict', 'approved', Approved, ['request.requested']);
/** policy: it may not be done. */
export const stepDenied = fact('step', 'verdict', 'denied', Denied, ['request.requested']);
/** policy: a person has to say whether it may be done, or has to answer it. */
export const stepHeld = fact('step', 'verdict', 'held', Held, ['request.requested']);
/** policy: a person let it be done, or answered it. */
export const stepGranted = fact('step', 'ruling', 'granted', Granted, ['verdict.held']);
/** policy: a person did not let it be done. */
export const stepRefused = fact('step', 'ruling', 'refused', Refused, ['verdict.held']);
/** saga-tracker: nobody decided in time. */
export const stepExpired = fact('step', 'ruling', 'expired', Expired, ['verdict.held']);

/** performers: the point of no return; whoever's nonce this is may act, and nobody else. Read-only calls do without it. */
export const stepStarted = fact('step', 'start', 'started', Started, performed);
/** saga-tracker: it will not be started any more. */
export const stepWithdrawn = fact('step', 'start', 'withdrawn', { problem: Problem }, ['request.requested']);

/** performers: it is done, and this came of it. */
export const stepSucceeded = fact('step', 'outcome', 'succeeded', { output: Json, usage: Usage.optional() }, performed);
/** performers: it is not done, and has had no effect. */
export const stepFailed = fact('step', 'outcome', 'failed', { problem: Problem, usage: Usage.optional() }, performed);
/** performers: it was started, and nobody can tell whether it had its effect. */
export const stepUnknown = fact('step', 'outcome', 'unknown', { problem: Problem }, performed);
/** saga-tracker: nothing was heard of it in time. */
export const stepTimedOut = fact('step', 'outcome', 'timed-out', { problem: Problem }, ['request.requested']);
/** performers: it was done after all, after its outcome had been decided otherwise. */
export const stepLate = fact('step', 'late', 'succeeded', { output: Json }, performed);
/** saga-tracker: it was done after its run had ended; a person has to look at it. */
export const stepResidue = fact('step', 'residue', 'left', { problem: Problem });

/** validator: the result is what was promised. `warnings`: what the tool declares of it, and it is not, where that is let pass. */
export const stepAccepted = fact('step', 'check', 'accepted', { warnings: z.array(z.string()).optional() }, [
  'outcome.succeeded',
  'late.succeeded',
]);
/** validator: the result is not what was promised. */
export const stepRejected = fact('step', 'check', 'rejected', { problem: Problem }, ['outcome.succeeded', 'late.succeeded']);

/** planner: it will be tried again, though not before `untilMs` (ms since the epoch). */
export const stepPostponed = fact('step', 'retry', 'postponed', { untilMs: z.int() });
/** saga-tracker: the time to try it again has come. */
export const stepDue = fact('step', 'wake', 'due', {}, ['retry.postponed']);
