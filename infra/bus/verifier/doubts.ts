/** Rules about effects in doubt: the people of the plan are asked, and about nothing else. */
import { type Place, undoneBy } from '@reel/contracts/address.ts';
import { levelsOf, type Question } from '@reel/contracts/workflow/attempt.ts';
import { isInvalid } from '../history.ts';
import { rule } from './rule.ts';
import {
  type AttemptFacts,
  answerOf,
  callOf,
  isHarmless,
  isInDoubt,
  isQuestion,
  nameOf,
  said,
  seqOf,
  settledAt,
  type View,
} from './view.ts';

/** The attempt that a question is about, itself or by its undoing. */
const stepOf = (subject: AttemptFacts): Place => (subject.about === 'undo' ? undoneBy(subject.at) : subject.at);

const aboutOf = (view: View, question: AttemptFacts): AttemptFacts | undefined => {
  const { attempt } = (callOf(question)?.arguments ?? {}) as Partial<Question>;
  return attempt === undefined ? undefined : view.spot(attempt);
};

const askedInDoubt = rule(
  'asked-in-doubt',
  'After the turn people are asked about what is in doubt and nothing else, one after the other, and those whom the plan names.',
  (view, tell) => {
    for (const question of view.spots) {
      const request = question.slots.get('request');
      const call = callOf(question);
      if (!isQuestion(question) || request === undefined || call === undefined) continue;
      const subject = aboutOf(view, question);
      const before = question.at.n === 1 ? undefined : view.spot({ ...question.at, n: question.at.n - 1 });
      const isOwn = subject !== undefined && question.at.id === `${stepOf(subject).id}-${stepOf(subject).n}`;
      if (subject === undefined || !isOwn || !isInDoubt(subject) || seqOf(subject.slots.get('outcome')) > request.seq)
        tell(request, 'what it is about was not in doubt');
      else if (question.at.n > 1 && (before === undefined || settledAt(before) > request.seq))
        tell(request, `question ${question.at.n - 1} was still open`);
      else if (!view.plansAt(request.seq).some((plan) => levelsOf(plan).some(({ to }) => to === call.uses)))
        tell(request, `no plan names "${call.uses}"`);
    }
  },
);

/** People have this long after the closing, whatever the deadline is. */
const LEAST_MS = 3_600_000;

const askedFirst = rule(
  'asked-first',
  'Nothing is left behind for being in doubt unless somebody was asked about it, as long as there was time.',
  (view, tell) => {
    const { end, turn, request, spots } = view;
    // Versions before did not ask; they do not say what remains either.
    if (end === undefined || isInvalid(end) || answerOf(end) !== 'stranded' || said(end)['remaining'] === undefined) return;
    const untilMs = Math.max(request?.data.deadlineMs ?? 0, (turn?.time ?? 0) + LEAST_MS);
    for (const place of said(end)['stranded'] as Place[]) {
      // What its late result has told is in doubt no more, though its undo may have failed since.
      const doubt = spots.find(
        (spot) =>
          isLeft(spot, place) &&
          isInDoubt(spot) &&
          !isHarmless(spot) &&
          seqOf(spot.slots.get('outcome')) < end.seq &&
          seqOf(spot.slots.get('late')) > end.seq,
      );
      if (doubt === undefined || (doubt.slots.get('outcome')?.time ?? 0) >= untilMs) continue;
      if (!spots.some((question) => isAbout(question, place))) tell(end, `no person was asked about ${nameOf(place)}`);
    }
  },
);

/** It may be in the world: the attempt itself was begun, or this is a try at undoing it. */
function isLeft({ at, about, slots }: AttemptFacts, { kind, id, n }: Place): boolean {
  const is = (one: Place): boolean => one.kind === kind && one.id === id && one.n === n;
  return about === 'undo'
    ? is(undoneBy(at))
    : is(at) && seqOf(slots.get('start')) < Number.POSITIVE_INFINITY && answerOf(slots.get('start')) !== 'withdrawn';
}

/** A question before the closing was about the step; the attempt may be its fallback or another try. */
function isAbout(spot: AttemptFacts, { id, n }: Place): boolean {
  if (isQuestion(spot)) return spot.at.id === `${id}-${n}`;
  const step = (callOf(spot)?.arguments as Partial<Question> | undefined)?.step;
  return spot.at.kind === 'person' && spot.at.id.includes('-escalation-') && step !== undefined && id.startsWith(step);
}

export const aboutDoubts = [askedInDoubt, askedFirst];
