import assert from 'node:assert/strict';
import { test } from 'node:test';
import { type Entry, historyOf, isInvalid, type RunLog } from '@reel/bus/history.ts';
import { ASKED, type Place, parseAddress, theRun, undoneBy } from '@reel/contracts/address.ts';
import type { Event } from '@reel/contracts/envelope.ts';
import { runRequested, runStranded } from '@reel/contracts/run.ts';
import { type Call, stepRequested } from '@reel/contracts/step.ts';
import fc from 'fast-check';
import { GRACE_MS } from './clock.ts';
import { live } from './world.fixture.ts';

const text = (log: RunLog): string =>
  log.entries
    .map(
      (entry) =>
        `${entry.seq} ${new Date(entry.time).toISOString().slice(14, 23)} ${isInvalid(entry) ? `VOID ${entry.invalid}` : entry.type} ${entry.at.kind}.${entry.at.id}.${entry.at.n}`,
    )
    .join('\n');

const place = ({ kind, id, n }: Place): string => `${kind}.${id}.${n}`;
const typed = (log: RunLog, pattern: RegExp): Event[] =>
  log.entries.filter((entry): entry is Event => !isInvalid(entry) && pattern.test(entry.type));
const seqOf = (entry: Entry | undefined): number => entry?.seq ?? Number.POSITIVE_INFINITY;

type Lived = Awaited<ReturnType<typeof live>>;

function callAt(log: RunLog, at: Place): Call {
  const request = historyOf(log).find(stepRequested, at);
  assert.ok(request, `${place(at)} was requested`);
  return request.data.call;
}

/** The position at which nobody could act on a step any more. */
function settledAt(log: RunLog, at: Place): number {
  const history = historyOf(log);
  const against = (slot: string, words: RegExp): number => {
    const entry = history.occupant(at, slot);
    return entry !== undefined && !isInvalid(entry) && words.test(entry.type) ? entry.seq : Number.POSITIVE_INFINITY;
  };
  return Math.min(
    seqOf(history.occupant(at, 'outcome')),
    against('start', /withdrawn/),
    against('verdict', /denied/),
    against('ruling', /refused|expired/),
  );
}

function endsOnce({ log }: Lived): void {
  assert.deepEqual(log.entries.filter(isInvalid), [], 'nothing is void');
  const turns = typed(log, /^run\.closing\./);
  const outcomes = typed(log, /^run\.outcome\./);
  assert.equal(turns.length, 1, 'there is one turn');
  assert.equal(outcomes.length, 1, 'there is one outcome');
  const [turn, outcome] = [turns[0] as Event, outcomes[0] as Event];
  for (const { at, seq } of typed(log, /^step\.request\.requested/)) {
    if (seq < turn.seq) assert.ok(settledAt(log, at) < outcome.seq, `${place(at)} was settled before the end`);
  }
  for (const { at, seq } of typed(log, /^(step|undo)\.start\.started/))
    assert.ok(seq < outcome.seq, `${place(at)} was begun before the end`);
}

function undoesInOrder({ log }: Lived): void {
  const history = historyOf(log);
  // People are asked beside what is undone meanwhile.
  const requests = typed(log, /^undo\.request\.requested/).filter(({ at }) => at.kind !== ASKED);
  const turn = typed(log, /^run\.closing\./)[0] as Event;
  const outcome = typed(log, /^run\.outcome\./)[0] as Event;
  if (outcome.type === 'run.outcome.completed') assert.deepEqual(requests, [], 'a completed run undoes nothing');
  const effect = (at: Place): number => {
    const entry = history.occupant(at, 'outcome');
    return entry !== undefined && !isInvalid(entry) && entry.type.endsWith('succeeded') ? entry.seq : seqOf(history.occupant(at, 'late'));
  };
  for (const { at, seq } of typed(log, /^step\.request\.requested/)) {
    if (seq < turn.seq && requests.length > 0)
      assert.ok(settledAt(log, at) < (requests[0] as Event).seq, `${place(at)} was settled before the first undo`);
  }
  for (const [i, { at, seq }] of requests.entries()) {
    assert.ok(seq < outcome.seq && settledAt(log, at) < outcome.seq, `${place(at)} came before the end`);
    const next = requests[i + 1];
    if (next !== undefined) assert.ok(settledAt(log, at) < next.seq, `${place(next.at)} waited for ${place(at)}`);
  }
  // What a person has tried again comes when they have said so.
  const firsts = requests.filter(({ at }) => at.n === 1);
  for (const [i, { at }] of firsts.entries()) {
    const next = firsts[i + 1];
    if (next === undefined) continue;
    const [earlier, later] = [undoneBy(at), undoneBy(next.at)];
    assert.ok(
      effect(first(log, earlier)) > effect(first(log, later)) || effect(later) > turn.seq,
      `${place(earlier)} was undone before ${place(later)}`,
    );
  }
}

/** The attempt that first told of the effect that this one shares. */
function first(log: RunLog, at: Place): Place {
  if (callAt(log, at).effect === 'once') return at;
  const told = typed(log, /^step\.(outcome|late)\.succeeded/).find((one) => one.at.kind === at.kind && one.at.id === at.id);
  return told?.at ?? at;
}

function accountsForEveryEffect({ log, effects, undone, missed, worldKey }: Lived): void {
  const history = historyOf(log);
  const outcome = typed(log, /^run\.outcome\./)[0] as Event;
  const completed = outcome.type === 'run.outcome.completed';
  const keyOf = (at: Place): string => worldKey(at, callAt(log, at).effect);
  const stranded = (history.find(runStranded, theRun)?.data.stranded ?? []).map(keyOf);
  const listed = ((outcome.data as { undone?: Place[] }).undone ?? []).map(keyOf);
  const remaining = ((outcome.data as { remaining?: Place[] }).remaining ?? []).map(keyOf);
  for (const key of remaining) assert.ok(effects.includes(key), `${key} is told to remain, and was never there`);
  const residues = typed(log, /^step\.residue/).map(({ at }) => keyOf(at));
  const doubts = typed(log, /^fault\./).map(({ data }) => keyOf(parseAddress((data as { event: string }).event) as Place));
  const requests = typed(log, /^step\.request\.requested/);
  const accepted = typed(log, /^step\.check\.accepted/).map(({ at }) => keyOf(at));
  assert.equal(new Set([...listed, ...stranded]).size, listed.length + stranded.length, 'every effect is listed once');
  for (const key of listed) assert.ok(undone.includes(key), `${key} is undone, as the outcome says`);
  for (const key of effects) {
    if ([residues, stranded, doubts, missed].some((told) => told.includes(key))) continue;
    const call = callAt(log, requests.find(({ at }) => keyOf(at) === key)?.at as Place);
    const meant = completed ? accepted.includes(key) : call.compensation === undefined && remaining.includes(key);
    assert.ok(meant || listed.includes(key), `${key} took effect, and nobody undid it or told of it`);
  }
  for (const { at } of typed(log, /^step\.residue/)) assert.notEqual(callAt(log, at).effect, 'read-only');
}

const options = fc.record({
  seed: fc.integer(),
  cancel: fc.boolean(),
  calm: fc.constant(false),
  steps: fc.array(
    fc.record({
      effect: fc.constantFrom('read-only' as const, 'idempotent' as const, 'idempotent' as const, 'once' as const),
      compensated: fc.boolean().map((not) => !not),
      kind: fc.constant('tool' as const),
    }),
    { minLength: 1, maxLength: 6 },
  ),
});

const RUNS = Number(process.env['REEL_SAGAS'] ?? 400);

test('whatever happens in whatever order, a run ends once, and every effect is undone the last first, or told of', async () => {
  await fc.assert(
    fc.asyncProperty(options, async (what) => {
      const lived = await live(what);
      try {
        endsOnce(lived);
        undoesInOrder(lived);
        accountsForEveryEffect(lived);
      } catch (error) {
        (error as Error).message += `\n${text(lived.log)}`;
        throw error;
      }
    }),
    { seed: 1, numRuns: RUNS },
  );
});

const calm = fc.record({
  seed: fc.integer(),
  cancel: fc.boolean(),
  calm: fc.constant(true),
  steps: fc.array(
    fc.constantFrom(
      { effect: 'read-only' as const, compensated: false, kind: 'tool' as const },
      { effect: 'once' as const, compensated: true, kind: 'tool' as const },
      { effect: 'idempotent' as const, compensated: true, kind: 'tool' as const },
      { effect: 'read-only' as const, compensated: false, kind: 'person' as const },
    ),
    { minLength: 1, maxLength: 6 },
  ),
});

test('whatever takes too long is noticed within a second, and what follows from a fact follows at once', async () => {
  await fc.assert(
    fc.asyncProperty(calm, async (what) => {
      const { log } = await live(what);
      const history = historyOf(log);
      const deadlineMs = history.find(runRequested, theRun)?.data.deadlineMs ?? 0;
      const turn = typed(log, /^run\.closing\./)[0] as Event;
      const timely = ({ at, time }: Event, dueMs: number): void => {
        if (dueMs <= deadlineMs)
          assert.ok(time >= dueMs && time <= dueMs + 1_100, `${place(at)} was due at ${new Date(dueMs).toISOString()}\n${text(log)}`);
      };
      for (const event of typed(log, /^step\.(outcome\.timed-out|start\.withdrawn)/)) {
        if (event.type.endsWith('withdrawn') && event.seq > turn.seq) continue;
        const start = history.occupant(event.at, 'start');
        if (event.type.endsWith('timed-out') && start !== undefined && !isInvalid(start) && start.type.endsWith('withdrawn')) continue;
        const since =
          (event.type.endsWith('timed-out') ? start : undefined) ??
          history.occupant(event.at, 'ruling') ??
          history.occupant(event.at, 'verdict');
        timely(event, (since?.time ?? 0) + callAt(log, event.at).timeoutMs + GRACE_MS);
      }
      for (const { type, at, seq, time } of typed(log, /^(undo\.request\.|run\.outcome\.)/)) {
        const before = log.entries[seq - 2] as Entry;
        if (at.n === 1) assert.ok(time - before.time < 50, `${type} ${place(at)} came late\n${text(log)}`);
      }
      for (const event of typed(log, /^step\.ruling\.expired/)) {
        if (event.at.kind === 'person' && event.seq < turn.seq)
          timely(event, (history.occupant(event.at, 'verdict')?.time ?? 0) + callAt(log, event.at).timeoutMs);
      }
    }),
    { seed: 1, numRuns: RUNS / 2 },
  );
});
