/** Rules about effects: a run that does not succeed takes them back, the last one first, one at a time, or says which it leaves. */
import { type Place, undoneBy } from '@reel/contracts/address.ts';
import type { Event } from '@reel/contracts/envelope.ts';
import { isInvalid } from '../history.ts';
import { rule } from './rule.ts';
import {
  type AttemptFacts,
  answerOf,
  attemptKey,
  callOf,
  effectAt,
  effectFact,
  effectKey,
  isHarmless,
  isQuestion,
  NEVER,
  nameOf,
  said,
  seqOf,
  settledAt,
  type View,
} from './view.ts';

type Undo = { readonly spot: AttemptFacts; readonly request: Event };

/** The undos of a run in the order in which they were asked for. */
const undosOf = (view: View): Undo[] => askedToUndo(view).filter(({ spot }) => !isQuestion(spot));

/** The same, and what people were asked meanwhile. */
function askedToUndo({ spots }: View): Undo[] {
  const undos: Undo[] = [];
  for (const spot of spots) {
    const request = spot.slots.get('request');
    if (spot.about === 'undo' && request !== undefined && !isInvalid(request)) undos.push({ spot, request });
  }
  return undos.sort((a, b) => a.request.seq - b.request.seq);
}

const afterTurn = rule(
  'undone-after-turn',
  'Something is undone only after a turn for the worse: a completed run undoes nothing.',
  (view, tell) => {
    for (const { request } of askedToUndo(view)) {
      if (seqOf(view.turn) > request.seq) tell(request, 'the run had not turned');
      else if (answerOf(view.turn) === 'completed') tell(request, 'a completed run undoes nothing');
    }
  },
);

const happened = rule('undone-what-happened', 'What is undone is an attempt that took effect.', (view, tell) => {
  for (const { spot, request } of undosOf(view)) {
    const step = view.spot(undoneBy(spot.at));
    if (step === undefined || effectAt(step) > request.seq) tell(request, 'there is nothing that it could undo');
  }
});

const whenSettled = rule('undone-when-settled', 'Nothing is undone while a step that was begun may still take effect.', (view, tell) => {
  const [first] = undosOf(view);
  if (first === undefined) return;
  for (const spot of view.spots) {
    if (spot.about !== 'step' || callOf(spot) === undefined || seqOf(spot.slots.get('request')) > seqOf(view.turn)) continue;
    if (settledAt(spot) > first.request.seq) tell(first.request, `${nameOf(spot.at)} was still open`);
  }
});

const oneByOne = rule('undone-one-by-one', 'Undos come one at a time.', (view, tell) => {
  const undos = undosOf(view);
  for (const [i, { request }] of undos.entries()) {
    const last = undos[i - 1];
    if (last !== undefined && settledAt(last.spot) > request.seq) tell(request, `${nameOf(last.spot.at)} was still open`);
  }
});

const lastFirst = rule('undone-last-first', 'Effects are undone in reverse order; only what came late comes next.', (view, tell) => {
  const undos = undosOf(view).filter(({ spot }) => spot.at.n === 1);
  let first: { readonly at: Place; readonly seq: number } | undefined;
  for (const { spot, request } of undos) {
    const at = undoneBy(spot.at);
    const seq = firstTold(view, at);
    if (first !== undefined && first.seq < seq && toldAt(view, at) < seqOf(view.turn))
      tell(request, `${nameOf(at)} took effect after ${nameOf(first.at)}, and is undone after it`);
    if (first === undefined || seq < first.seq) first = { at, seq };
  }
});

const toldAt = (view: View, at: Place): number => {
  const spot = view.spot(at);
  return spot === undefined ? NEVER : effectAt(spot);
};

/** Where the effect was first told of which this attempt had, perhaps with others under the same key. */
function firstTold(view: View, at: Place): number {
  const spot = view.spot(at);
  if (spot === undefined) return NEVER;
  return Math.min(...sharing(view, spot).map(effectAt));
}

const sharing = ({ spots }: View, spot: AttemptFacts): AttemptFacts[] => {
  const key = effectKey(spot);
  return spots.filter((other) => other.about === 'step' && other.at.id === spot.at.id && effectKey(other) === key);
};

type Effect = { readonly attempts: readonly AttemptFacts[]; readonly undone: boolean; readonly listed: boolean; readonly residue: boolean };

/** The effects that a run had or may have had, each with what became of it. Attempts under one key of an idempotent call are one. */
function effectsOf(view: View): Effect[] {
  const byKey = new Map<string, AttemptFacts[]>();
  for (const spot of view.spots) {
    if (spot.about !== 'step' || callOf(spot) === undefined || isHarmless(spot)) continue;
    const attempts = byKey.get(effectKey(spot));
    if (attempts === undefined) byKey.set(effectKey(spot), [spot]);
    else attempts.push(spot);
  }
  const stranded = new Set(((said(view.end)['stranded'] ?? []) as Place[]).map(({ kind, id, n }) => `${kind}.${id}.${n}`));
  const undone = new Set<string>();
  for (const spot of view.spots) {
    if (spot.about !== 'undo' || isQuestion(spot) || effectAt(spot) === NEVER) continue;
    const { kind, id, n } = undoneBy(spot.at);
    undone.add(`${kind}.${id}.${n}`);
  }
  const named = ({ at: { kind, id, n } }: AttemptFacts): string => `${kind}.${id}.${n}`;
  return [...byKey.values()].map((attempts) => ({
    attempts,
    undone: attempts.some((spot) => undone.has(named(spot))),
    listed: attempts.some((spot) => stranded.has(named(spot))),
    residue: attempts.some(({ slots }) => slots.has('residue')),
  }));
}

const accounted = rule('accounted', 'Every effect of a run that did not complete is undone, or listed as left behind.', (view, tell) => {
  const { end } = view;
  if (end === undefined || isInvalid(end) || answerOf(end) === 'completed') return;
  for (const { attempts, undone, listed, residue } of effectsOf(view)) {
    const effect = attempts.filter((spot) => effectAt(spot) < end.seq);
    if (effect.length === 0 || undone || listed || residue) continue;
    // What nothing undoes was meant to stay.
    if (effect.every((spot) => callOf(spot)?.compensation !== undefined))
      tell(effectFact(effect[0] as AttemptFacts) as Event, 'it is neither undone nor listed as left behind');
  }
});

const remaining = rule(
  'remaining',
  'The outcome of a run that did not complete lists what took effect and nothing undoes, and nothing else.',
  (view, tell) => {
    const { end } = view;
    if (end === undefined || isInvalid(end) || answerOf(end) === 'completed') return;
    // Versions before did not say.
    const { remaining: listed } = said(end) as { remaining?: Place[] };
    if (listed === undefined) return;
    const isListed = ({ at }: AttemptFacts): boolean => listed.some(({ kind, id, n }) => kind === at.kind && id === at.id && n === at.n);
    const stays = effectsOf(view).filter(({ attempts }) => attempts.some((spot) => effectAt(spot) < end.seq && isForGood(spot)));
    for (const at of listed)
      if (!stays.some(({ attempts }) => attempts.some((spot) => attemptKey(spot.at) === attemptKey(at))))
        tell(end, `it lists ${nameOf(at)} as remaining, and that did not take effect, or is undone by something`);
    // Of what came late nobody knows whether it was known; that of which the clock reminded as well.
    const heard = end.cause === end.address ? undefined : view.byAddress.get(end.cause);
    for (const { attempts, residue } of stays)
      if (heard !== undefined && !residue && attempts.some((spot) => effectAt(spot) <= heard.seq) && !attempts.some(isListed))
        tell(end, `${nameOf((attempts[0] as AttemptFacts).at)} took effect, nothing undoes it, and it is not listed as remaining`);
  },
);

const isForGood = (spot: AttemptFacts): boolean => callOf(spot)?.compensation === undefined;

const doubted = rule('doubted', 'An effect in doubt is listed as left behind.', (view, tell) => {
  const { end } = view;
  if (end === undefined || isInvalid(end) || answerOf(end) === 'completed') return;
  for (const { attempts, listed, residue } of effectsOf(view)) {
    if (listed || residue || attempts.some((spot) => effectAt(spot) < NEVER || spot.settled !== undefined)) continue;
    const doubt = attempts.find(({ slots }) => {
      const [start, outcome] = [slots.get('start'), slots.get('outcome')];
      const isBegun = seqOf(start) < end.seq && answerOf(start) !== 'withdrawn';
      return isBegun && outcome !== undefined && outcome.seq < end.seq && answerOf(outcome) !== 'failed';
    });
    if (doubt !== undefined) tell(doubt.slots.get('outcome') as Event, 'it was begun, may have taken effect, and is not listed');
  }
});

const residue = rule('residue', 'An effect that no outcome tells of is left as a residue for everybody to see.', (view, tell) => {
  const { end, now, graceMs } = view;
  if (end === undefined || now === undefined) return;
  const isCompleted = answerOf(end) === 'completed';
  for (const effect of effectsOf(view)) {
    if (effect.residue || effect.listed) continue;
    const isMeant =
      isCompleted && effect.attempts.some(({ slots, settled }) => answerOf(slots.get('check')) === 'accepted' || settled !== undefined);
    const untold = effect.attempts.find((spot) => effectAt(spot) < NEVER && (isCompleted || effectAt(spot) > end.seq));
    if (untold === undefined || isMeant) continue;
    const fact = effectFact(untold) as Event;
    if (now > Math.max(fact.time, end.time) + graceMs) tell(fact, 'the outcome of the run does not rest on it, and nothing tells of it');
  }
});

const truly = rule(
  'told-truly',
  'What the outcome lists as undone is undone, and nothing else is; a run is stranded when it leaves something behind.',
  (view, tell) => {
    const { end } = view;
    if (end === undefined || isInvalid(end) || answerOf(end) === 'completed') return;
    const { undone = [], stranded } = said(end) as { undone?: Place[]; stranded?: Place[] };
    const undos = view.spots
      .filter((spot) => spot.about === 'undo' && !isQuestion(spot))
      .map((spot) => ({ at: undoneBy(spot.at), slots: spot.slots, seq: effectAt(spot) }));
    const isIn = (list: readonly Place[], { kind, id, n }: Place): boolean =>
      list.some((one) => one.kind === kind && one.id === id && one.n === n);
    const done = undos.filter(({ seq }) => seq < end.seq).map(({ at }) => at);
    for (const at of undone) if (!isIn(done, at)) tell(end, `it lists ${nameOf(at)} as undone, and that is not`);
    // What came late, or while this was being said, is not in it; and of what the clock brought about nobody knows what it knew.
    const heard = end.cause === end.address ? undefined : view.byAddress.get(end.cause);
    for (const { at, slots } of undos) {
      const outcome = slots.get('outcome');
      if (answerOf(outcome) !== 'succeeded' || heard === undefined || seqOf(outcome) > heard.seq || isIn(undone, at)) continue;
      tell(
        end,
        isIn(stranded ?? [], at) ? `it lists ${nameOf(at)} as left behind, and that is undone` : `${nameOf(at)} is undone, and not listed`,
      );
    }
    if (stranded?.length === 0) tell(end, 'it is stranded, and lists nothing');
  },
);

export const aboutUndoing = [afterTurn, happened, whenSettled, oneByOne, lastFirst, accounted, remaining, doubted, residue, truly];
