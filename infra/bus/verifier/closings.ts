/** Rules about the closing and the end of a run: for a reason, when nothing can act any more, in time, and with nothing done afterwards. */
import { expiresAt } from '@reel/contracts/run/expiry.ts';
import { isInvalid } from '../history.ts';
import { canonical } from '../runtime/digest.ts';
import { rule } from './rule.ts';
import { type AttemptFacts, answerOf, callOf, isHarmless, nameOf, said, seqOf, settledAt, type View } from './view.ts';

/** Brokers' clocks differ a little, and the clock that rings may be another's than the one that stamps. */
const SKEW_MS = 1000;

/** The answers that were approved, or granted by a person, up to a position. */
const approvedAnswers = ({ spots }: View, seq: number): AttemptFacts[] =>
  spots.filter(
    ({ about, slots }) =>
      about === 'answer' &&
      [slots.get('verdict'), slots.get('ruling')].some(
        (entry) => seqOf(entry) < seq && ['approved', 'granted'].includes(answerOf(entry) as string),
      ),
  );

/** What makes a run fail, beside what cannot be read. */
const DEFEATS = new Set([
  'run.verdict.denied',
  'run.ruling.refused',
  'run.ruling.expired',
  'plan.proposal.abandoned',
  'plan.ruling.refused',
  'plan.ruling.expired',
  'answer.ruling.refused',
  'answer.ruling.expired',
  'fault.fault.raised',
]);

const isDefeated = ({ entries }: View, seq: number): boolean =>
  entries.some((entry) => entry.seq < seq && (isInvalid(entry) || DEFEATS.has(entry.type)));

const turned = rule(
  'turned',
  'A run turns for a reason: an answer that stands, a defeat, a wish to stop it, a deadline that has passed.',
  (view, tell) => {
    const { turn, request, whole } = view;
    if (turn === undefined) return;
    const to = answerOf(turn);
    const control = whole.occupant({ kind: 'run', id: 'run', n: 1 }, 'control');
    const deadlineMs = request?.data.deadlineMs ?? 0;
    if (to === 'failing' && !isDefeated(view, turn.seq)) tell(turn, 'nothing had come to an end that it fails for');
    if (to === 'completed' && approvedAnswers(view, turn.seq).length === 0) tell(turn, 'no answer had been checked and approved');
    if (to === 'cancelling' && seqOf(control) > turn.seq) tell(turn, 'no cancel was requested');
    if (to === 'exhausted' && turn.time < deadlineMs - SKEW_MS) tell(turn, `its deadline was yet to come, at ${iso(deadlineMs)}`);
  },
);

const answered = rule('answered', 'The answer of a run is the one that was approved.', (view, tell) => {
  const { end } = view;
  if (end === undefined || answerOf(end) !== 'completed') return;
  const given = canonical(said(end)['answer']);
  const approved = approvedAnswers(view, end.seq);
  if (approved.length > 0 && !approved.some(({ slots }) => canonical(said(slots.get('proposal'))['answer']) === given))
    tell(end, 'its answer is not one that was approved');
});

const BEGINNINGS: { readonly [slot: string]: readonly string[] } = {
  request: ['requested', 'skipped'],
  proposal: ['proposed', 'abandoned'],
  verdict: ['approved', 'held'],
  ruling: ['granted'],
  start: ['started'],
  retry: ['postponed'],
};

const notBegun = rule(
  'nothing-begun',
  'After the turn nothing begins but undos: what answers a later fact does not go on.',
  (view, tell) => {
    const { turn, spots, byAddress } = view;
    if (turn === undefined) return;
    for (const { about, slots } of spots) {
      if (!['run', 'plan', 'step', 'answer'].includes(about)) continue;
      for (const [slot, words] of Object.entries(BEGINNINGS)) {
        const entry = slots.get(slot);
        if (entry === undefined || isInvalid(entry) || entry.seq < turn.seq || !words.includes(answerOf(entry) as string)) continue;
        if (seqOf(byAddress.get(entry.cause)) > turn.seq && entry.cause !== entry.address)
          tell(entry, `it was ${answerOf(entry)} in answer to ${entry.cause}, and the run was closing`);
      }
    }
  },
);

const notDone = rule('nothing-done', 'After the end nothing is done any more.', ({ end, spots }, tell) => {
  if (end === undefined) return;
  for (const spot of spots) {
    const after = (slot: string, answer: string): void => {
      const entry = spot.slots.get(slot);
      if (entry !== undefined && entry.seq > end.seq && answerOf(entry) === answer) tell(entry, `it was ${answer} after the run had ended`);
    };
    if (spot.about === 'step') after('start', 'started');
    if (spot.about === 'step' && !isHarmless(spot)) after('outcome', 'succeeded');
    // What comes of an undo needs no looking at: one that was asked for before the end was still open then, and `settled` says so.
    if (spot.about === 'undo') after('request', 'requested');
  }
});

const settled = rule('settled', 'A run ends when no service can act on its steps or undos any more.', ({ turn, end, spots }, tell) => {
  if (turn === undefined || end === undefined) return;
  for (const spot of spots) {
    const asked = seqOf(spot.slots.get('request'));
    const isMeant = spot.about === 'step' ? asked < turn.seq : spot.about === 'undo' && asked < end.seq;
    if (isMeant && callOf(spot) !== undefined && settledAt(spot) > end.seq) tell(end, `${nameOf(spot.at)} was still open`);
  }
});

const inTime = rule('in-time', 'A run has ended when its deadline has passed and what was under way has had its time.', (view, tell) => {
  const { now, request, end, turn, graceMs, spots, entries } = view;
  if (now === undefined || request === undefined || end !== undefined) return;
  const { deadlineMs } = request.data;
  // What was begun before the turn is let finish, and what it did is undone: each has the time that it was given.
  const busyMs = turn === undefined ? 0 : Math.max(entries.at(-1)?.time ?? 0, ...spots.map((spot) => dueMs(spot, deadlineMs)));
  if (now > Math.max(deadlineMs, busyMs) + graceMs)
    tell(
      request,
      `its deadline was ${iso(deadlineMs)}, and it ${turn === undefined ? 'has not turned' : `turned to ${answerOf(turn)} and has not ended`}`,
    );
});

function dueMs(spot: AttemptFacts, deadlineMs: number): number {
  const call = callOf(spot);
  if (call === undefined || settledAt(spot) < Number.POSITIVE_INFINITY) return 0;
  const { request, verdict, ruling, start } = Object.fromEntries(spot.slots);
  if (answerOf(verdict) === 'held' && ruling === undefined) return expiresAt(spot.at, verdict?.time ?? 0, call, deadlineMs);
  return ((start ?? ruling ?? verdict ?? request)?.time ?? 0) + call.timeoutMs;
}

const iso = (ms: number): string => new Date(ms).toISOString();

export const aboutClosings = [turned, answered, notBegun, notDone, settled, inTime];
