/**
 * The performer protocol, for everything that touches the world: look, start, act under the idempotency key with a time-out, and publish
 * the outcome: done, failed, late or unknown.
 */

import { randomUUID } from 'node:crypto';
import { aboutOf, addressOf, keyOf, type Parts, type Place, parseAddress, theRun } from '@reel/contracts/address.ts';
import type { Draft, Event, Json, Problem } from '@reel/contracts/envelope.ts';
import type { Usage } from '@reel/contracts/model.ts';
import { runRequested } from '@reel/contracts/run.ts';
import type { Call } from '@reel/contracts/step.ts';
import * as steps from '@reel/contracts/step.ts';
import type { ToolDefinition } from '@reel/contracts/tool.ts';
import * as undos from '@reel/contracts/undo.ts';
import { type History, historyOf, isInvalid } from '../history.ts';
import { type Log, LogFull, LogUnavailable } from '../log.ts';
import { type ApprovedCall, type CallContext, Failure, InDoubt, type Logger, type Performer, Unsent } from '../service.ts';
import { digestOf } from './digest.ts';
import { encode } from './envelope-codec.ts';
import { isHarmless, lostBefore, lostPerformer } from './lost-performer.ts';
import { occupantOf, type PublishContext, publishOne } from './publish.ts';
import { DEATHS, fault, type Handled } from './react.ts';
import { redact } from './redact.ts';
import { cleaned } from './secrets.ts';
import { unsayable } from './storable.ts';
import { traced } from './trace.ts';

/** The delivery of an approved call. */
export type Work = {
  readonly beat: () => void;
  /** The number of this delivery, from 1 on, as far as the broker remembers. */
  readonly delivery: number;
  readonly stopping: AbortSignal;
  /** Streams a piece of the result of the attempt at `at`. */
  readonly show: (at: Parts, text: string) => void;
  readonly log: Logger;
  /** The earlier deliveries that may each have ended their process. */
  readonly deaths?: number;
  /** Performs in quarantine. */
  readonly apart?: ((call: ApprovedCall, acting: CallContext) => Promise<Result>) | undefined;
};

/** The interval at which a performer reports progress, and checks whether its call is still wanted. */
export const BEAT_MS = 150;

/**
 * After this many deliveries since an attempt began, its performer is given up. Each delivery means that the performer was silent, for
 * 700 ms before the first and for AGAIN_MS before the others. A short disconnection or an election of the broker takes less.
 */
const GIVEN_UP_AFTER = 3;
const AGAIN_MS = 900;

const STEP = {
  requested: steps.stepRequested,
  held: steps.stepHeld,
  approved: steps.stepApproved,
  granted: steps.stepGranted,
  started: steps.stepStarted,
  succeeded: steps.stepSucceeded,
  failed: steps.stepFailed,
  unknown: steps.stepUnknown,
  late: steps.stepLate,
};
const UNDO = {
  requested: undos.undoRequested,
  held: undos.undoHeld,
  approved: undos.undoApproved,
  granted: undos.undoGranted,
  started: undos.undoStarted,
  succeeded: undos.undoSucceeded,
  failed: undos.undoFailed,
  unknown: undos.undoUnknown,
  late: undos.undoLate,
};

/** The facts that a performer publishes. */
export const publishedFacts = [STEP, UNDO].flatMap(({ started, succeeded, failed, unknown, late }) => [
  started,
  succeeded,
  failed,
  unknown,
  late,
]);
/** The facts that a performer handles. */
export const subscribedFacts = [STEP, UNDO].flatMap(({ approved, granted }) => [approved, granted]);

/** The result of an attempt. `isTheirs`: another performer began it, this one did nothing, and the effect of the other is in doubt. */
export type Result =
  | { said: 'succeeded'; output: Json; usage?: Usage | undefined }
  | { said: 'failed'; problem: Problem; unsent?: boolean; usage?: Usage | undefined }
  | { said: 'unknown'; problem: Problem; isTheirs?: boolean }
  | { said: 'nothing' };

/** Handles the verdict or ruling at `address`. Rejects only when the log cannot be reached. */
export async function perform(
  performer: Performer<never>,
  deps: object,
  log: Log,
  address: string,
  seq: number,
  work: Work,
): Promise<Handled> {
  const place = parseAddress(address);
  // A subject that is no address belongs to no run.
  if (place === undefined) return 'handled';
  const { shard, run } = place;
  const runLog = await log.read(shard, run, seq);
  const entry = runLog.byAddress.get(address);
  if (entry === undefined) return { againInMs: 50 };
  // It acts on the fact that was delivered. The newest facts may only make it decline.
  const newest = historyOf(runLog);
  if (isInvalid(entry)) return await fault(log, performer.name, newest, entry, { code: 'invalid-fact', message: entry.invalid });
  const words = aboutOf(entry.at.kind) === 'undo' ? UNDO : STEP;
  if (entry.type !== words.approved.type && entry.type !== words.granted.type) return 'handled';
  const request = newest.find(words.requested, entry.at) as Event<{ call: Call }> | undefined;
  if (request === undefined || newest.occupant(entry.at, 'outcome') !== undefined) return 'handled';

  const voice: PublishContext = {
    source: performer.name,
    shard,
    run,
    cause: entry.address,
    traceparent: entry.traceparent,
  };
  const conclude = (result: Result): Promise<Handled> => sayOutcome(log, voice, words, entry, result, request.data.call, work);
  const question = newest.find(words.held, entry.at)?.data.question ?? newest.find(words.approved, entry.at)?.data.question;
  if (question !== digestOf(request.data)) {
    return await conclude({
      said: 'failed',
      problem: { code: 'question-differs', message: `what was approved (${question}) is not what was requested`, retryable: false },
    });
  }
  const { call } = request.data;
  let doubt = false;
  if (call.effect === 'read-only') {
    if (words === STEP && newest.occupant(theRun, 'closing') !== undefined) return await conclude({ said: 'failed', problem: turned });
  } else {
    const started = await start({ log, voice, words, newest }, entry.at, work.delivery);
    if (started === 'declined') return 'handled';
    if (started !== 'mine' && call.effect === 'once') {
      // Another performer began what must not begin twice. Its outcome counts until it is given up or its time is up; then the effect is unknown.
      const leftMs = started.time + call.timeoutMs - log.now();
      const missed = started.delivery === undefined ? 0 : work.delivery - started.delivery;
      if (leftMs > 0 && missed < GIVEN_UP_AFTER) return { againInMs: Math.min(leftMs, AGAIN_MS) };
      const why = leftMs > 0 ? 'nothing was heard of them since' : `they did not come back within ${call.timeoutMs} ms`;
      return await conclude({
        said: 'unknown',
        problem: { code: 'unknown-effect', message: `somebody had started it, and ${why}`, retryable: false },
      });
    }
    // A metered call is given up at once: another attempt does no harm, and this one is never repeated.
    if (started !== 'mine' && call.effect === 'metered') {
      return await conclude({
        said: 'unknown',
        problem: lostPerformer,
      });
    }
    doubt = started !== 'mine';
  }
  const form = (newest.find(words.granted, entry.at) as Event<{ form?: Json }> | undefined)?.data.form;
  const deaths = (work.deaths ?? 0) + lostBefore(newest, words.unknown, entry.at);
  const isWanted = async (): Promise<boolean> => wantedStill(historyOf(await log.read(shard, run)), entry.at);
  return await traced(`${performer.name} ${call.uses}`, entry.traceparent, async (traceparent) =>
    conclude(
      await act(performer, deps, log, { ...entry, traceparent }, { call, form, doubt, deaths, tool: toolOf(call, newest) }, work, isWanted),
    ),
  );
}

const turned: Problem = { code: 'run-closing', message: 'the run was closing before it was started', retryable: false };

type Start = { readonly log: Log; readonly voice: PublishContext; readonly words: typeof STEP | typeof UNDO; readonly newest: History };
type Begun = { readonly time: number; readonly delivery?: number | undefined };

/** Takes the point of no return. @returns whether this performer has it, another one (since when), or none can have it any more. */
async function start({ log, voice, words, newest }: Start, at: Parts, delivery: number): Promise<'mine' | 'declined' | Begun> {
  let occupant = newest.occupant(at, 'start');
  if (occupant === undefined) {
    // After the closing the saga tracker withdraws what was not started. A performer does not race it.
    if (words === STEP && newest.occupant(theRun, 'closing') !== undefined) return 'declined';
    const nonce = randomUUID();
    const parts = { ...at, slot: 'start' };
    const started = words.started(at, { nonce, delivery });
    const put = await log.put(encode(started, parts, voice.source, voice.cause, voice.traceparent, log.now()));
    if (put !== 'taken') return 'mine';
    // All deliveries of a verdict share the cause, so the nonce tells whose start it is.
    occupant = await occupantOf(log, addressOf(parts));
    if (!isInvalid(occupant) && (occupant.data as { nonce?: string }).nonce === nonce) return 'mine';
  }
  if (isInvalid(occupant) || occupant.type !== words.started.type) return 'declined';
  return { time: occupant.time, delivery: (occupant.data as { delivery?: number }).delivery };
}

/** The approved tool: the definition that the run was requested with. */
function toolOf({ uses, definition }: Call, newest: History): ToolDefinition | undefined {
  const tools = definition === undefined ? {} : (newest.find(runRequested, theRun)?.data.tools ?? {});
  return Object.hasOwn(tools, uses) ? tools[uses] : undefined;
}

function wantedStill(newest: History, at: Place): boolean {
  return (
    newest.occupant(theRun, 'closing') === undefined &&
    newest.occupant(theRun, 'control') === undefined &&
    newest.occupant(at, 'outcome') === undefined
  );
}

/** The work. `doubt`: another attempt under the same key may have done it. `deaths`: how many processes it may have ended. */
type Task = {
  readonly call: Call;
  readonly form: Json | undefined;
  readonly doubt: boolean;
  readonly deaths: number;
  readonly tool: ToolDefinition | undefined;
};

/** Calls the performer. An idempotent call that ends in doubt is repeated under the same key, until its outcome is known or its time is up. */
async function act(
  performer: Performer<never>,
  deps: object,
  log: Log,
  entry: Event,
  task: Task,
  work: Work,
  isWanted: () => Promise<boolean>,
): Promise<Result> {
  const { call, form, tool } = task;
  let { doubt } = task;
  let mine: Problem | undefined;
  const timeout = new AbortController();
  const unwanted = new AbortController();
  const done = new AbortController();
  const signal = AbortSignal.any([timeout.signal, unwanted.signal, work.stopping]);
  const beating = beat(log, work, done.signal);
  // An effect under way may finish, so that it can be undone. A call without an effect is aborted as soon as it is not wanted.
  if (isHarmless(call)) void watch(log, done.signal, isWanted, () => unwanted.abort(new Error('it is not wanted any more')));
  const timing = log.pause(call.timeoutMs, done.signal).then(() => done.signal.aborted || timeout.abort(timedOut(call.timeoutMs)));
  const approved: ApprovedCall = {
    run: entry.at.run,
    at: entry.at,
    uses: call.uses,
    arguments: call.arguments,
    effect: call.effect,
    timeoutMs: call.timeoutMs,
    definition: call.definition,
    tool,
    prompt: call.prompt,
    output: call.output,
    form,
  };
  let usage: Usage | undefined;
  const used = (soFar: Usage): void => {
    usage = cleaned(soFar);
  };
  const show = (text: string): void => (done.signal.aborted ? undefined : work.show(entry.at, text));
  const apart = task.deaths >= DEATHS ? work.apart : undefined;
  const acting: CallContext = { signal, key: keyOf(entry.at), traceparent: entry.traceparent, used, show, log: work.log };
  try {
    for (let waitMs = 100; ; waitMs = Math.min(waitMs * 2, 2000)) {
      const made = apart === undefined ? attempt(performer, approved, { ...deps, ...acting }) : apart(approved, acting);
      // An answer from outside may repeat secrets that it was given, in every field.
      const given = told(cleaned(await made), work.log);
      if (given.said === 'unknown') mine = given.problem;
      // An attempt that was not sent says nothing about an earlier one under the same key.
      const isOpen = doubt && given.said === 'failed' && given.unsent;
      const result: Result = isOpen ? { said: 'unknown', problem: mine ?? given.problem, isTheirs: mine === undefined } : given;
      const isLost = given.said === 'unknown' && !given.problem.retryable;
      const again = result.said === 'unknown' && !isLost && call.effect === 'idempotent' && !signal.aborted;
      doubt ||= result.said === 'unknown';
      if (again) await log.pause(waitMs, signal);
      if (again && !signal.aborted) continue;
      if (work.stopping.aborted && result.said !== 'succeeded') return { said: 'nothing' };
      return usage === undefined || result.said === 'unknown' || result.said === 'nothing' ? result : { ...result, usage };
    }
  } finally {
    // The default reason is a DOMException, whose stack costs more than all the rest.
    done.abort('done');
    await Promise.all([beating, timing]);
  }
}

/** Has the name that `AbortSignal.timeout` uses, so that a performer can tell a time-out from an abort. */
const timedOut = (ms: number): Error => Object.assign(new Error(`timed out after ${ms} ms`), { name: 'TimeoutError' });

/** Problems are published without internal details. Those go to the log of this process, for its operator. */
function told(result: Result, log: Logger): Result {
  if (!('problem' in result)) return result;
  const problem = redact(result.problem);
  if (problem === result.problem) return result;
  log.warn({ problem: result.problem }, 'a problem, in full');
  return { ...result, problem };
}

async function beat(log: Log, work: Work, done: AbortSignal): Promise<void> {
  while (!done.aborted) {
    await log.pause(BEAT_MS, done);
    if (!done.aborted) work.beat();
  }
}

/** Checks at each heartbeat whether the call is still wanted. If the log cannot be read, the next one checks. */
async function watch(log: Log, done: AbortSignal, isWanted: () => Promise<boolean>, giveUp: () => void): Promise<void> {
  while (!done.aborted) {
    await log.pause(BEAT_MS, done);
    if (!done.aborted && !(await isWanted().catch(() => true))) return giveUp();
  }
}

/** Calls the performer once. */
export async function attempt(performer: Performer<never>, call: ApprovedCall, context: CallContext & object): Promise<Result> {
  const doubt = (error: unknown): Result => {
    const message = error instanceof Error ? error.message : String(error);
    const code = context.signal.aborted ? 'timed-out' : 'performer-error';
    return isHarmless(call)
      ? { said: 'failed', problem: { code, message, retryable: true } }
      : { said: 'unknown', problem: { code: 'unknown-effect', message, retryable: call.effect === 'idempotent' } };
  };
  let abandon = (): void => {};
  const abandoned = new Promise<never>((_, reject) => {
    abandon = () => reject(context.signal.reason);
    context.signal.addEventListener('abort', abandon, { once: true });
  });
  try {
    context.signal.throwIfAborted();
    const output = (await Promise.race([performer.perform(call, context as never), abandoned])) ?? null;
    const problem = unsayable(output);
    if (problem === undefined) return { said: 'succeeded', output };
    return { said: isHarmless(call) ? 'failed' : 'unknown', problem };
  } catch (error) {
    if (error instanceof Failure) return { said: 'failed', problem: error.problem, unsent: error instanceof Unsent };
    return error instanceof InDoubt ? { said: isHarmless(call) ? 'failed' : 'unknown', problem: error.problem } : doubt(error);
  } finally {
    context.signal.removeEventListener('abort', abandon);
  }
}

async function sayOutcome(
  log: Log,
  voice: PublishContext,
  words: typeof STEP | typeof UNDO,
  entry: Event,
  result: Result,
  call: Call,
  work: Work,
): Promise<Handled> {
  if (result.said === 'nothing') return { againInMs: 1 };
  const { at } = entry;
  const outcome = await keptUntil(LogFull, log, work, () => publishOne(log, voice, outcomeOf(words, at, result)));
  if (outcome.published || result.said === 'failed' || isHarmless(call)) return 'handled';
  const stands = isInvalid(outcome.occupant) ? undefined : outcome.occupant.type;
  // An outcome `failed` was published by another performer, which was told under the same key that nothing was done. Any other outcome
  // states the doubt already. Once there is an outcome, the effect of the other performer is not for this one to doubt.
  if (stands === words.succeeded.type || (result.said === 'unknown' && (result.isTheirs || stands !== words.failed.type))) return 'handled';
  // The slot has another outcome by now. The effect is real all the same, unless a later attempt under this key reported it.
  const newest = historyOf(await keptUntil(LogUnavailable, log, work, () => log.read(voice.shard, voice.run)));
  for (let n = at.n + 1; call.effect === 'idempotent' && newest.occupant({ ...at, n }, 'request') !== undefined; n += 1) {
    if (newest.find(words.succeeded, { ...at, n }) !== undefined) return 'handled';
  }
  if (result.said === 'unknown') {
    const problem = { ...result.problem, code: 'unknown-effect' };
    return await keptUntil(LogFull, log, work, () => fault(log, voice.source, newest, entry, problem));
  }
  await keptUntil(LogFull, log, work, () => publishOne(log, voice, words.late(at, { output: result.output })));
  return 'handled';
}

/** Only this process knows the result. It is kept and published again until the log takes it: not repeated, and not forgotten. */
async function keptUntil<T>(obstacle: typeof LogUnavailable, log: Log, work: Work, does: () => Promise<T>): Promise<T> {
  for (let tries = 1; ; tries += 1) {
    try {
      return await does();
    } catch (error) {
      if (!(error instanceof obstacle) || work.stopping.aborted) throw error;
      if (tries === 1) work.log.warn({ error: error.message }, 'what was done cannot be told now: it is kept until it can');
      await log.pause(BEAT_MS, work.stopping);
      work.beat();
    }
  }
}

function outcomeOf(words: typeof STEP | typeof UNDO, at: Parts, result: Exclude<Result, { said: 'nothing' }>): Draft {
  if (result.said === 'unknown') return words.unknown(at, { problem: result.problem });
  // Undoing is not metered.
  const usage = words === STEP && result.usage !== undefined ? { usage: result.usage } : {};
  if (result.said === 'failed') return words.failed(at, { problem: result.problem, ...usage });
  return words.succeeded(at, { output: result.output, ...usage });
}
