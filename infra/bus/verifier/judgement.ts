/** Rules about what is judged: exactly what was asked, by those who were asked, and nothing done but what was let be done. */
import { addressOf, parseAddress, undoneBy } from '@reel/contracts/address.ts';
import { stepRequested } from '@reel/contracts/step.ts';
import { voteCast, voteDenied } from '@reel/contracts/vote.ts';
import type { Entry } from '../history.ts';
import { digestOf } from '../runtime/digest.ts';
import { rule } from './rule.ts';
import { type AttemptFacts, answerOf, callOf, isQuestion, isReadOnly, said, seqOf } from './view.ts';

const FAVOUR = ['approved', 'held'];

/** What was asked at a place: what a verdict there is about. */
const asked = ({ slots }: AttemptFacts): Entry | undefined => slots.get('request') ?? slots.get('proposal');

const judgedAsAsked = rule('judged-as-asked', 'A verdict is about exactly what was asked: it carries the digest of that.', (view, tell) => {
  for (const spot of view.spots) {
    const verdict = spot.slots.get('verdict');
    const question = asked(spot);
    const judged = said(verdict)['question'];
    if (verdict === undefined || question === undefined || judged === undefined) continue;
    const was = digestOf(said(question));
    if (judged !== was) tell(verdict, `it is about ${judged as string}, and ${question.address} is ${was}`);
  }
});

const votedOnHeld = rule('voted-on-held', 'A vote is about something that is held.', ({ facts, byAddress }, tell) => {
  for (const fact of facts) {
    if (fact.type !== voteCast.type) continue;
    const question = said(fact)['question'] as string;
    const held = byAddress.get(question);
    if (held === undefined || held.seq > fact.seq || answerOf(held) !== 'held') tell(fact, `nothing was held at ${question}`);
  }
});

const ruledAsVoted = rule('ruled-as-voted', 'A ruling is what the person said whose vote it names.', (view, tell) => {
  for (const spot of view.spots) {
    const ruling = spot.slots.get('ruling');
    const { vote: address, who } = said(ruling) as { vote?: string; who?: string };
    if (ruling === undefined || address === undefined) continue;
    const vote = view.byAddress.get(address);
    const { question, decision, who: voter } = said(vote) as { question?: string; decision?: string; who?: string };
    const meant = decision === 'grant' ? 'granted' : 'refused';
    const about = parseAddress(question ?? '');
    if (vote === undefined || vote.seq > ruling.seq) tell(ruling, `it names the vote ${address}, which does not stand before it`);
    else if (about?.kind !== spot.at.kind || about.id !== spot.at.id || about.n !== spot.at.n)
      tell(ruling, `its vote is about ${question}`);
    else if (who !== voter) tell(ruling, `it is said to be by ${who}, and the vote is by ${voter}`);
    else if (answerOf(ruling) !== meant) tell(ruling, `it was ${answerOf(ruling)}, and the vote was to ${decision}`);
  }
});

const deniedIsNoVote = rule('denied-is-no-vote', 'A vote that was denied leads to nothing.', (view, tell) => {
  for (const spot of view.spots) {
    const ruling = spot.slots.get('ruling');
    const vote = parseAddress((said(ruling) as { vote?: string }).vote ?? '');
    const denied = vote === undefined ? undefined : view.byAddress.get(addressOf({ ...vote, slot: voteDenied.slot }));
    if (ruling !== undefined && denied !== undefined) tell(ruling, `its vote does not count: ${denied.address}`);
  }
});

/** A failure may be told of without a start: nothing was done. */
const DEEDS = ['succeeded', 'unknown'];

const startedFirst = rule(
  'started-first',
  'An effect is the work of the performer that took the point of no return before.',
  (view, tell) => {
    for (const spot of view.spots) {
      if (callOf(spot) === undefined || isReadOnly(spot)) continue;
      const start = spot.slots.get('start');
      for (const slot of ['outcome', 'late']) {
        const deed = spot.slots.get(slot);
        if (deed === undefined || !DEEDS.includes(answerOf(deed) as string)) continue;
        if (seqOf(start) > deed.seq) tell(deed, 'it was not started');
        else if (answerOf(start) === 'withdrawn') tell(deed, 'it had been withdrawn');
      }
    }
  },
);

const lateAfterAll = rule('late-after-all', 'A late result comes after an outcome that said otherwise.', ({ spots }, tell) => {
  for (const { slots } of spots) {
    const late = slots.get('late');
    const outcome = slots.get('outcome');
    if (late === undefined) continue;
    if (seqOf(outcome) > late.seq) tell(late, 'its outcome was not decided yet');
    else if (answerOf(outcome) === 'succeeded') tell(late, 'its outcome is that it succeeded');
  }
});

const undoneAsDeclared = rule(
  'undone-as-declared',
  'An undo that is let happen is the one that the approved step declared.',
  (view, tell) => {
    for (const spot of view.spots) {
      const verdict = spot.slots.get('verdict');
      if (spot.about !== 'undo' || isQuestion(spot) || verdict === undefined || !FAVOUR.includes(answerOf(verdict) as string)) continue;
      const declared = view.whole.find(stepRequested, undoneBy(spot.at))?.data.call.compensation?.uses;
      const uses = callOf(spot)?.uses;
      if (declared === undefined) tell(verdict, 'the step declares nothing that undoes it');
      else if (declared !== uses) tell(verdict, `the step is undone by "${declared}", and this is "${uses}"`);
    }
  },
);

export const aboutJudgement = [judgedAsAsked, votedOnHeld, ruledAsVoted, deniedIsNoVote, startedFirst, lateAfterAll, undoneAsDeclared];
