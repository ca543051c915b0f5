/**
 * For the tests: everybody else of a run, and the world, on a virtual clock. Performers keep their protocol and may be slow, die or be
 * in doubt; what the tracker says is stored piece by piece, late, twice, or after a crash; the clock may lose a ring.
 */

import { append, emptyRunLog, type History, historyOf, isInvalid } from '@reel/bus/history.ts';
import type { Answers } from '@reel/bus/service.ts';
import { type Address, ASKED, aboutOf, addressOf, type Place, planRevision, theRun, undoneBy } from '@reel/contracts/address.ts';
import type { Draft, Event } from '@reel/contracts/envelope.ts';
import { faultRaised } from '@reel/contracts/fault.ts';
import { planAbandoned } from '@reel/contracts/plan.ts';
import { cancelRequested } from '@reel/contracts/run.ts';
import * as s from '@reel/contracts/step.ts';
import { definitionOf } from '@reel/contracts/story.ts';
import type { Effect } from '@reel/contracts/tool.ts';
import * as u from '@reel/contracts/undo.ts';
import type { Question } from '@reel/contracts/workflow/attempt.ts';
import { answered, begun, grounds, problem, START_MS, step } from './saga.fixture.ts';
import sagaTracker from './saga-tracker.ts';

export type Planned = { readonly effect: Effect; readonly compensated: boolean; readonly kind: 'tool' | 'person' };
export type Options = { readonly seed: number; readonly steps: readonly Planned[]; readonly cancel: boolean; readonly calm: boolean };

const ON = sagaTracker.on as {
  [type: string]: ((event: unknown, context: { history: History }) => Answers | Promise<Answers>) | undefined;
};
const TOOL_TIMEOUT_MS = 10_000;

/** mulberry32: small, and the same everywhere. */
function dice(seed: number): () => number {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let t = Math.imul(state ^ (state >>> 15), 1 | state);
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t;
    return ((t ^ (t >>> 14)) >>> 0) / 4_294_967_296;
  };
}

/** Runs one run until nothing is left to happen. @returns its log, and which effects the world has had and lost again. */
export async function live({ seed, steps, cancel, calm }: Options) {
  const random = dice(seed);
  const chance = (p: number): boolean => random() < p;
  const rarely = (p: number): boolean => !calm && chance(p);
  const upTo = (ms: number): number => Math.floor(random() * ms);
  const delay = (): number => (calm ? upTo(5) : chance(0.1) ? upTo(6_000) : upTo(60));
  const log = emptyRunLog(0, 'R');
  const newest = (): History => historyOf(log);
  const effects: string[] = [];
  const undone: string[] = [];
  /** What was not there when somebody looked: if it came afterwards, nobody can know. */
  const missed: string[] = [];
  let now = START_MS;
  let tasks: { atMs: number; run: () => void | Promise<void> }[] = [];
  const alarms = new Map<string, object>();
  const after = (ms: number, run: () => void | Promise<void>): void => void tasks.push({ atMs: now + ms, run });
  const has = (at: Place, slot: string): boolean => newest().occupant(at, slot) !== undefined;
  const standing = (at: Place, slot: string): string | undefined => {
    const entry = newest().occupant(at, slot);
    return entry === undefined || isInvalid(entry) ? undefined : entry.type.split('.')[2];
  };

  /** Stores write-once, and lets everybody hear of it. @returns whether these words stand there. */
  function put(draft: Draft, source: string, cause?: Address): boolean {
    const at = { shard: 0, run: 'R', ...draft.at, slot: draft.slot };
    const address = addressOf(at);
    const occupant = log.byAddress.get(address);
    if (occupant !== undefined)
      return !isInvalid(occupant) && occupant.source === source && occupant.cause === cause && occupant.type === draft.type;
    const definition = definitionOf(draft.type);
    const data = (definition as NonNullable<typeof definition>).strict.parse(draft.data);
    const event: Event = { address, at, type: draft.type, seq: log.entries.length + 1, time: now, source, cause: cause ?? address, data };
    append(log, event, definition?.after);
    for (const hear of [tracker, policy, person, performer, validator, planner]) hear(event);
    return true;
  }

  function tracker(event: Event): void {
    if (ON[event.type] === undefined) return;
    const handle = async (): Promise<void> => {
      const answer = (await ON[event.type]?.(event, { history: historyOf(log, event.seq) })) ?? [];
      if (rarely(0.1)) after(delay(), handle);
      tell(answer, event.address, () => {
        const crashed = rarely(0.05);
        if (crashed) after(delay(), handle);
        return crashed;
      });
    };
    after(delay(), handle);
  }
  /** As the bus does it: the first decides whether this answer counts, the others are stored in any order. */
  function tell([first, ...rest]: Answers, cause: Address, crashed: () => boolean): void {
    const one = (what: Answers[number]): boolean => ('timer' in what ? setTimer(what.timer, what.atMs) : put(what, 'saga-tracker', cause));
    if (first === undefined || crashed()) return;
    after(delay(), () => {
      if (!one(first)) return;
      for (const what of rest) if (!crashed()) after(delay(), () => void one(what));
    });
  }
  function setTimer(name: string, atMs: number): boolean {
    const mine = {};
    alarms.set(name, mine);
    if (!rarely(0.05)) after(Math.max(0, atMs - now), () => (alarms.get(name) === mine ? ring(name) : undefined));
    return true;
  }
  async function ring(name: string): Promise<void> {
    const history = historyOf(log, rarely(0.1) ? log.entries.length - 1 : undefined);
    const answer = (await ON['timer.fired']?.({ name, shard: 0, run: 'R', time: now }, { history })) ?? [];
    tell(answer, (log.entries[0] as Event).address, () => rarely(0.05));
  }
  function sweep(): void | Promise<void> {
    if (has(theRun, 'outcome')) return;
    after(60_000, sweep);
    return ring('sweep');
  }

  function policy({ type, at, seq }: Event): void {
    if (type !== 'step.request.requested' && type !== 'undo.request.requested') return;
    const turnedBefore = (newest().occupant(theRun, 'closing')?.seq ?? Number.POSITIVE_INFINITY) < seq;
    const words =
      aboutOf(at.kind) === 'undo'
        ? { ...u, approved: u.undoApproved, denied: u.undoDenied, held: u.undoHeld }
        : { approved: s.stepApproved, denied: s.stepDenied, held: s.stepHeld };
    const hold = at.kind === 'person' || at.kind === ASKED || chance(0.1);
    const deny = (aboutOf(at.kind) === 'step' && turnedBefore) || chance(0.06);
    const draft = deny
      ? words.denied(at, { ...grounds, problem })
      : hold
        ? words.held(at, { ...grounds, prompt: '?' })
        : words.approved(at, grounds);
    after(delay(), () => void put(draft, 'policy'));
  }
  function person({ type, at }: Event): void {
    if (!type.endsWith('.verdict.held') || chance(0.2)) return;
    const words =
      aboutOf(at.kind) === 'undo' ? { granted: u.undoGranted, refused: u.undoRefused } : { granted: s.stepGranted, refused: s.stepRefused };
    const draft = (chance(0.8) ? words.granted : words.refused)(at, { who: 'Eve', why: 'so', vote: 'v' });
    after(upTo(15_000), () => void put(draft, 'policy'));
  }
  function validator({ type, at }: Event): void {
    if (type !== 'step.outcome.succeeded') return;
    const draft = chance(0.9) ? s.stepAccepted(at, {}) : s.stepRejected(at, { problem });
    after(delay(), () => void put(draft, 'validator'));
  }

  function performer({ type, at }: Event): void {
    if (!/^(step|undo)\.(verdict\.approved|ruling\.granted)$/.test(type)) return;
    if (rarely(0.05)) after(delay() + TOOL_TIMEOUT_MS / 2, () => perform(at));
    // Nobody may be there to perform it.
    if (!chance(0.07)) after(delay(), () => perform(at));
  }
  function perform(at: Place): void {
    const undo = aboutOf(at.kind) === 'undo';
    const words = undo ? { started: u.undoStarted, failed: u.undoFailed } : { started: s.stepStarted, failed: s.stepFailed };
    const { effect } = (newest().occupant(at, 'request') as Event<{ call: s.Call }>).data.call;
    const turned = !undo && has(theRun, 'closing');
    if (has(at, 'outcome')) return;
    if (effect === 'read-only') {
      if (turned) put(words.failed(at, { problem }), 'performer');
      else after(upTo(3_000), () => finish(at, undo, effect));
      return;
    }
    if (turned && !has(at, 'start')) return;
    // Between the look and the start anything may happen: that is what the slot is for.
    after(delay(), () => {
      const mine = !has(at, 'start');
      put(words.started(at, { nonce: String(random()) }), 'performer');
      if (standing(at, 'start') !== 'started' || (!mine && effect === 'once')) return;
      after(chance(0.15) ? upTo(90_000) : upTo(4_000), () => finish(at, undo, effect));
    });
  }
  /** What somebody finds who looks whether an attempt took effect, or its undoing did. */
  function looked(at: Place): object {
    const { attempt } = (newest().occupant(at, 'request') as Event<{ call: { arguments: Question } }>).data.call.arguments;
    const isUndo = aboutOf(attempt.kind) === 'undo';
    const subject = isUndo ? undoneBy(attempt) : attempt;
    const found = (isUndo ? undone : effects).includes(worldKey(subject, effectAt(subject)));
    if (chance(0.2)) return { action: 'end' };
    if (!found) missed.push(worldKey(subject, effectAt(subject)));
    return found ? { action: chance(0.5) ? 'supply' : 'end', result: { id: subject.id } } : { action: 'retry' };
  }
  function finish(at: Place, undo: boolean, effect: Effect): void {
    if (at.kind === ASKED) return void put(u.undoSucceeded(at, { output: looked(at) }), 'performer');
    const words = undo
      ? { succeeded: u.undoSucceeded, failed: u.undoFailed, unknown: u.undoUnknown, late: u.undoLate }
      : { succeeded: s.stepSucceeded, failed: s.stepFailed, unknown: s.stepUnknown, late: s.stepLate };
    const luck = random();
    const happens = luck < 0.78 || (luck < 0.84 && chance(0.5));
    // A failure says that nothing happened; of an idempotent call that happened before it would not be true.
    const fails = luck >= 0.84 && luck < 0.95 && !(effect === 'idempotent' && effects.includes(worldKey(at, effect)));
    if (happens && effect !== 'read-only') happen(at, undo, effect);
    const output = { id: at.id };
    const draft =
      luck < 0.75
        ? words.succeeded(at, { output })
        : luck < 0.84
          ? words.unknown(at, { problem })
          : fails
            ? words.failed(at, { problem: { ...problem, retryable: chance(0.7) } })
            : undefined;
    if (draft === undefined || put(draft, 'performer') || effect === 'read-only') return;
    const stands = standing(at, 'outcome');
    if (luck < 0.75 && stands !== 'succeeded') put(words.late(at, { output }), 'performer');
    // Another was told under the same key that nothing had been done, and nobody can tell now.
    if (luck >= 0.75 && luck < 0.84 && stands === 'failed') {
      const verdict = newest().occupant(at, 'verdict') as Event;
      put(faultRaised({ kind: 'fault', id: 'performer', n: verdict.seq }, { event: verdict.address, problem }), 'performer');
    }
  }
  function happen(at: Place, undo: boolean, effect: Effect): void {
    if (!undo) {
      if (!effects.includes(worldKey(at, effect))) effects.push(worldKey(at, effect));
      return;
    }
    const step = undoneBy(at);
    undone.push(worldKey(step, effectAt(step)));
  }
  const effectAt = (at: Place): Effect => (newest().occupant(at, 'request') as Event<{ call: s.Call }>).data.call.effect;
  const worldKey = ({ id, n }: Place, effect: Effect): string => (effect === 'once' ? `${id}.${n}` : id);

  function request(id: string, { effect, compensated, kind }: Planned, n = 1): void {
    const uses = effect === 'once' ? 'repay' : 'cancel';
    const compensation = compensated ? { uses, with: { id: '=result.id' } } : undefined;
    put(step(id, { effect, compensation, timeoutMs: kind === 'person' ? 20_000 : TOOL_TIMEOUT_MS }, n, kind).requested, 'planner');
  }
  const planOf = (id: string): Planned => steps[Number(id.replace(/\D/g, ''))] as Planned;
  /** Tries idempotent calls again, and does something else instead of what timed out. */
  function planner({ type, at }: Event): void {
    if (!/^step\.outcome\.(timed-out|unknown)$/.test(type) || has(theRun, 'closing')) return;
    const plan = planOf(at.id);
    if (plan.effect !== 'once' && at.n < 3 && chance(0.8)) after(delay(), () => request(at.id, plan, at.n + 1));
    else if (!at.id.endsWith('-fallback') && chance(0.5)) after(delay(), () => request(`${at.id}-fallback`, plan));
  }
  function ending(): void {
    if (has(theRun, 'closing')) return;
    const ends = steps.map((plan, i) => [`s${i}`, `s${i}-fallback`].map((id) => endOf({ kind: plan.kind, id, n: 1 })));
    if (ends.every((one) => one.includes('good'))) for (const draft of answered('done')) put(draft, 'planner');
    else if (ends.some((one) => one.includes('bad') && !one.includes('good') && !one.includes('open')))
      put(planAbandoned(planRevision(2), { problem }), 'planner');
    after(1_500, ending);
  }
  function endOf(first: Place): 'good' | 'bad' | 'open' | 'none' {
    let last = first;
    while (has({ ...last, n: last.n + 1 }, 'request')) last = { ...last, n: last.n + 1 };
    if (!has(last, 'request')) return first.id.endsWith('-fallback') ? 'none' : 'open';
    for (let n = 1; n <= last.n; n += 1) if (standing({ ...first, n }, 'check') === 'accepted') return 'good';
    const decided =
      ['denied'].includes(standing(last, 'verdict') ?? '') ||
      ['refused', 'expired'].includes(standing(last, 'ruling') ?? '') ||
      standing(last, 'check') === 'rejected';
    return decided || (has(last, 'outcome') && standing(last, 'outcome') !== 'succeeded') ? 'bad' : 'open';
  }

  for (const draft of begun) put(draft, 'others');
  for (const [i, plan] of steps.entries())
    after(upTo(calm ? 6_000 : 20_000), () => (has(theRun, 'closing') && chance(0.7) ? undefined : request(`s${i}`, plan)));
  after(2_000, ending);
  after(60_000, sweep);
  if (cancel) after(upTo(40_000), () => void put(cancelRequested(theRun, { who: 'Bob', why: 'so' }), 'gateway'));

  for (let count = 0; tasks.length > 0; count += 1) {
    if (count > 20_000) throw new Error('it does not come to rest');
    const soonest = tasks.reduce((earliest, { atMs }) => Math.min(earliest, atMs), Number.POSITIVE_INFINITY);
    now = Math.max(now, soonest);
    const ready = tasks.filter(({ atMs }) => atMs <= now);
    const next = ready[Math.floor(random() * ready.length)] as (typeof tasks)[number];
    tasks = tasks.filter((task) => task !== next);
    await next.run();
  }
  return { log, effects, undone, missed, worldKey };
}
