/** The stories of the demo on a real nats-server, each to its end: goals planned by the scripted model, over real MCP, a real REST API and modules. */
import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import { isInvalid } from '@reel/bus/history.ts';
import type { Event, Json } from '@reel/contracts/envelope.ts';
import type { ApprovalPage, Ruling, Run, Submitted } from '@reel/gateway/shapes.ts';
import { follow } from '@reel/scripts/cli/api.ts';
import { decide } from '@reel/scripts/demo/person.ts';
import { openDesk, policies, reaching, scripted, toolsAreOffered } from '@reel/scripts/demo/stage.ts';
import type { Submission } from '@reel/scripts/demo/stories/story.ts';
import { supplier, supplierGoal } from '@reel/scripts/demo/stories/supplier.ts';
import { CARD, support, supportGoal } from '@reel/scripts/demo/stories/support.ts';
import { trip, tripGoal } from '@reel/scripts/demo/stories/trip.ts';
import type { Ticketing } from '@reel/scripts/demo/ticketing.ts';
import { type LocalReel, startReel } from '../fixtures/local-reel.ts';

let reel: LocalReel;
let ticketing: Ticketing;
before(async () => {
  ticketing = await openDesk();
  reel = await startReel({ policies, env: (world) => ({ ...reaching(world, ticketing), ...scripted }) });
  process.env['REEL_API'] = reel.api;
  await toolsAreOffered();
});
after(async () => {
  await reel.close();
  await ticketing.close();
});

/** A run that is over: how it stands, its facts, and `about` each of its steps the words that were said. */
type Played = { readonly run: Run; readonly facts: readonly Event[]; about(step: string): string[] };

/** Plays a story to its end. @param onHeld what somebody does about what is held, e.g. granting it. */
async function play(submission: Submission, onHeld: (run: string) => Promise<unknown>): Promise<Played> {
  const { body } = await reel.ask<Submitted>('POST', '/v1/runs', submission);
  for await (const told of follow(body.id)) if ('type' in told && told.type === 'step.verdict.held') await onHeld(body.id);
  const { entries, findings } = await reel.log(body.id);
  assert.deepEqual(findings, []);
  const facts = entries.filter((entry): entry is Event => !isInvalid(entry));
  noneWithheldIsShown(facts);
  const about = (step: string): string[] => facts.filter(({ at }) => at.id === step).map(({ type }) => type.replace(/^step\.\w+\./, ''));
  return { run: (await reel.ask('GET', `/v1/runs/${body.id}`)).body, facts, about };
}
const nobody = (): Promise<never> => Promise.reject(new Error('nobody should have been asked'));
const grantedBy =
  (who: string, answers: { [step: string]: Json } = {}) =>
  (run: string): Promise<void> =>
    decide(run, who, answers);

type Asked = { call: { uses: string; arguments: { [name: string]: Json } } };
const asked = (facts: readonly Event[]): Asked['call'][] =>
  facts.filter(({ type }) => type === 'step.request.requested').map(({ data }) => (data as Asked).call);

/** Tools that whoever asks may never use are not shown to any model. */
function noneWithheldIsShown(facts: readonly Event[]): void {
  const { withheld = [] } = (facts.find(({ type }) => type === 'run.verdict.approved') as Event<{ withheld?: string[] }>).data;
  assert.ok(['cancel_hotel', 'closeTicket', 'refund_payment'].every((name) => withheld.includes(name)));
  const shown = asked(facts).flatMap(({ arguments: { tools = [] } }) => (tools as { name: string }[]).map(({ name }) => name));
  assert.ok(shown.length > 0);
  assert.deepEqual(
    shown.filter((name) => withheld.includes(name)),
    [],
  );
}

/** What was said about the run, its plans and its answer, in order. */
const outline = (facts: readonly Event[]): string[] => facts.map(({ type }) => type).filter((type) => /^(run|plan|answer)\./.test(type));
const planned = ['plan.proposal.proposed', 'plan.verdict.approved'];
const answered = ['answer.proposal.proposed', 'answer.check.accepted'];
const begun = ['run.request.requested', 'run.verdict.approved', ...planned, ...planned];
const ended = [...answered, 'answer.verdict.approved', 'run.closing.completed', 'run.outcome.completed'];

type Answer<Data> = { text: string; claims: { claim: string; step: string }[]; data: Data };
const answerOf = <Data = { [name: string]: Json }>({ run }: Played): Answer<Data> => {
  assert.equal(run.status, 'completed', JSON.stringify(run.problem));
  return run.answer as Answer<Data>;
};
const citedIn = (played: Played): string[] => answerOf(played).claims.map(({ step }) => step);

describe('support', () => {
  let letter: Played;
  before(async () => {
    letter = await play(support.submission, nobody);
  });
  const askedOfDesk = (run: string) => [...ticketing.ledger].filter(([key]) => key.startsWith(run)).map(([, one]) => one);

  it('opens a ticket though the desk is busy twice, and mends the draft that repeats the card number', () => {
    const { run, facts, about } = letter;
    assert.deepEqual(outline(facts), [...begun, ...answered, 'answer.verdict.denied', ...planned, ...ended]);
    const turnedAway = ['requested', 'approved', 'started', 'failed', 'postponed', 'due'];
    assert.deepEqual(about('open-ticket'), [...turnedAway, ...turnedAway, 'requested', 'approved', 'started', 'succeeded', 'accepted']);
    const problems = facts.filter(({ type }) => type === 'step.outcome.failed').map(({ data }) => (data as { problem: object }).problem);
    assert.deepEqual(
      problems.map((problem) => ({ ...problem, message: '' })),
      [1, 2].map(() => ({ code: 'api-unavailable', message: '', retryable: true, retryAfterMs: 1000 })),
    );
    const [{ ticket, ...desk } = assert.fail(), ...others] = askedOfDesk(run.id);
    assert.deepEqual([desk.busy, desk.calls, desk.effects, others], [2, 1, 1, []]);
    assert.deepEqual([ticket?.customer, ticket?.urgency, ticket?.text.includes(CARD)], ['Ada Lovelace', 'high', false]);
    const { text, data } = answerOf<{ ticket: string }>(letter);
    assert.match(text, /valve of the drip tray.*ending in 1111/);
    assert.equal(data.ticket, ticket?.id);
    assert.deepEqual(citedIn(letter), ['look-up', 'open-ticket']);
  });

  it('lets the card number out nowhere: the draft that had it was denied, and why is told without it', () => {
    const { run, facts } = letter;
    const drafts = facts.filter(({ type }) => type === 'answer.proposal.proposed').map(({ data }) => JSON.stringify(data).includes(CARD));
    assert.deepEqual(drafts, [true, false]);
    const denied = facts.find(({ type }) => type === 'answer.verdict.denied') as Event<{
      policies: string[];
      problem: { message: string };
    }>;
    assert.deepEqual(denied.data.policies, ['no-card-numbers-in-answers']);
    assert.match(denied.data.problem.message, /card-number at \/text/);
    assert.ok(!JSON.stringify(denied.data).includes(CARD));
    assert.ok(!JSON.stringify([run.answer, facts.at(-1)?.data]).includes(CARD));
  });

  it('reads another letter otherwise', async () => {
    const letters = [supportGoal('Grace Hopper', 'My grinder G-50 stopped and shows E21.'), supportGoal('Alan Turing', 'My toaster hums.')];
    const [grinder, unheardOf] = (await Promise.all(letters.map((one) => play(one, nobody)))) as [Played, Played];
    assert.deepEqual(outline(grinder.facts), [...begun, ...ended]);
    assert.match(answerOf(grinder).text, /^Dear Grace Hopper, E21 means that a stone.*urgency: normal/);
    assert.match(answerOf(unheardOf).text, /^Dear Alan Turing, we have not seen this before.*urgency: low/);
    assert.deepEqual(citedIn(unheardOf), ['open-ticket']);
  });
});

describe('a trip from a sentence', () => {
  const effectsOf = (run: string) => Object.entries(reel.world.state().ledger).filter(([key]) => key.startsWith(run));
  /** By step, how often it was asked for, and how often it took effect. */
  const doneBy = ({ id }: Run) =>
    Object.fromEntries(effectsOf(id).map(([key, { calls, effects }]) => [key.split('.').at(-1) as string, [calls, effects]]));
  const wish = 'A quiet beach hotel near Lisbon, first week of October, under 200 a night, for two.';
  type Trip = { hotel: string; booking: string; transfer: string; payment: string; total: number };

  it('is booked at what the person chooses when the best hotel is gone, hotel and ride at the same time', async () => {
    const played = await play(tripGoal(wish, 'tok_ada'), grantedBy('ada'));
    const { run, facts, about } = played;
    assert.deepEqual(outline(facts), [...begun, ...ended]);
    const { data } = answerOf<Trip>(played);
    assert.deepEqual([data.hotel, data.total], ['Quinta das Gaivotas', 864]);
    assert.deepEqual(citedIn(played), ['book-hotel', 'book-transfer', 'pay', 'choose']);
    assert.deepEqual(about('choose'), ['requested', 'held', 'granted', 'succeeded', 'accepted']);
    const form = facts.find(({ at, type }) => at.id === 'choose' && type.endsWith('.held'))?.data as {
      form: { properties: { hotelId: { enum: string[] } } };
    };
    assert.deepEqual(form.form.properties.hotelId.enum, ['quinta-das-gaivotas', 'farol']);
    const causes = facts.filter(({ at, type }) => at.id.startsWith('book-') && type === 'step.request.requested').map(({ cause }) => cause);
    assert.equal(causes.length, 2);
    assert.equal(causes[0], causes[1]);
    assert.deepEqual(doneBy(run), { 'book-hotel': [1, 1], 'book-transfer': [1, 1], pay: [1, 1] });
  });

  for (const [other, hotel, checkIn, checkOut, total] of [
    ['near Porto, second week of December, under 120 a night, for three', 'Pensão da Granja', '2027-12-08', '2027-12-14', 576],
    ['near Lisbon, first week of March, under 200 a night, for two', 'Casa do Mar', '2028-03-01', '2028-03-07', 1014],
    ['near Lisbon, first week of March, under 150 a night, for two', 'Quinta das Gaivotas', '2028-03-01', '2028-03-07', 864],
  ] as const) {
    it(`is another one where another is wished for: ${other}`, async () => {
      const played = await play(tripGoal(`A quiet beach hotel ${other}.`, 'tok_ada'), nobody);
      const { data } = answerOf<Trip>(played);
      assert.deepEqual([data.hotel, data.total], [hotel, total]);
      const { bookings } = reel.world.state();
      assert.deepEqual([bookings[data.booking]?.checkIn, bookings[data.booking]?.checkOut], [checkIn, checkOut]);
      assert.deepEqual([played.about('alternatives'), played.about('choose')], [['skipped'], ['skipped']]);
    });
  }

  it('keeps what is booked when the card is declined, and asks for another', async () => {
    const played = await play(trip.submission, grantedBy('ada', { 'card-2': { card: 'tok_ada' } }));
    const { run, facts, about } = played;
    assert.deepEqual(outline(facts), [...begun, ...planned, ...planned, ...ended]);
    assert.deepEqual(about('pay'), ['requested', 'approved', 'started', 'failed']);
    assert.deepEqual(about('pay-2'), ['requested', 'approved', 'started', 'succeeded', 'accepted']);
    assert.deepEqual(about('book-hotel'), ['requested', 'approved', 'started', 'succeeded', 'accepted']);
    assert.deepEqual(citedIn(played), ['book-hotel', 'book-transfer', 'pay-2', 'choose']);
    assert.deepEqual(doneBy(run), { 'book-hotel': [1, 1], 'book-transfer': [1, 1], 'pay-2': [1, 1] });
    assert.deepEqual(run.undone, []);
  });

  it('is undone in reverse order when whoever wanted it has no other card and stops it', async () => {
    const { run, facts } = await play(trip.submission, async (id) => {
      const { body } = await reel.ask<ApprovalPage>('GET', `/v1/approvals?run=${id}`);
      if (body.approvals.some(({ step }) => step === 'choose')) return await decide(id, 'ada');
      return await reel.ask('POST', `/v1/runs/${id}/cancel`, { who: 'ada', why: 'no other card' });
    });
    assert.equal(run.status, 'cancelled');
    const booked = facts.filter(({ at, type }) => at.id.startsWith('book-') && type === 'step.outcome.succeeded').map(({ at }) => at.id);
    assert.deepEqual(
      run.undone.map(({ id }) => id),
      booked.reverse(),
    );
    const { bookings, transfers } = reel.world.state();
    const results = effectsOf(run.id).map(([, { result }]) => result as { bookingId?: string; transferId?: string });
    for (const { bookingId, transferId } of results) {
      if (bookingId !== undefined) assert.equal(bookings[bookingId]?.status, 'cancelled');
      if (transferId !== undefined) assert.equal(transfers[transferId]?.status, 'cancelled');
    }
    assert.equal(results.length, 4);
  });

  it('is not planned for somebody from whom one of its tools is withheld', async () => {
    const { run, facts } = await play(tripGoal(wish, 'tok_ada', 'intern'), nobody);
    assert.equal(run.status, 'failed');
    assert.equal(run.problem?.code, 'model-unscripted');
    assert.match(run.problem?.message ?? '', /trip\.yaml reply 1, wants the tool "book_transfer"/);
    const { withheld } = (facts.find(({ type }) => type === 'run.verdict.approved') as Event<{ withheld: string[] }>).data;
    assert.ok(withheld.includes('book_transfer'));
  });
});

describe('supplier risk', () => {
  const sides = ['procurement', 'finance', 'geopolitics', 'shipping'];
  type Report = { supplier: string; score: number; decision?: string };

  it('is assessed from four sides at the same time, and decided by the one who may', async () => {
    const played = await play(supplier.submission, async (id) => {
      const { body } = await reel.ask<ApprovalPage>('GET', `/v1/approvals?run=${id}`);
      const decision = { decision: 'grant', who: 'paul', why: 'quick', form: { decision: 'accept', comment: 'it will do' } };
      const early = await reel.ask<Ruling>('POST', `/v1/approvals/${body.approvals[0]?.id}`, decision);
      assert.equal(early.status, 403);
      assert.match(early.body.detail ?? '', /head of procurement decides, who is Hedy/);
      await decide(id, 'hedy', supplier.answers);
    });
    const { facts, about } = played;
    assert.deepEqual(outline(facts), [...begun, ...ended]);
    const lookUps = facts.filter(({ at, type }) => at.id.startsWith('look-up-') && type === 'step.request.requested');
    assert.deepEqual(new Set(lookUps.map(({ at }) => at.id)), new Set(sides.map((side) => `look-up-${side}`)));
    assert.equal(new Set(lookUps.map(({ cause }) => cause)).size, 1);
    for (const side of sides) assert.deepEqual(about(`assess-${side}`), ['requested', 'approved', 'started', 'succeeded', 'accepted']);
    assert.deepEqual(about('decide'), ['requested', 'held', 'granted', 'succeeded', 'accepted']);
    const { text, data } = answerOf<Report>(played);
    assert.deepEqual(data, { supplier: 'Nordwind Metall', score: 85, decision: 'mitigate' });
    assert.match(text, /source: company register, accounts of 2026.*Decision: mitigate \(find a second source by September\)/);
    assert.deepEqual(citedIn(played), [
      ...sides.map((side) => `look-up-${side}`),
      ...sides.map((side) => `assess-${side}`),
      'combine',
      'decide',
    ]);
    const judged = facts.find(({ at, type }) => at.id.startsWith('judge-') && type === 'step.outcome.succeeded');
    assert.deepEqual((judged as Event<{ output: Json }>).data.output, { pass: true, reasons: [] });
  });

  it('needs nobody where it is low', async () => {
    const played = await play(supplierGoal('Alpenstahl'), nobody);
    assert.deepEqual(answerOf<Report>(played).data, { supplier: 'Alpenstahl', score: 16 });
    assert.deepEqual(played.about('decide'), ['skipped']);
    assert.match(answerOf(played).text, /3 others deliver it as well.*Nobody had to decide/);
  });

  it('is assessed from the sides that were asked for, and no others', async () => {
    const played = await play(supplierGoal('Alpenstahl', 'finance, shipping'), nobody);
    assert.deepEqual(citedIn(played), ['look-up-finance', 'look-up-shipping', 'assess-finance', 'assess-shipping', 'combine']);
  });
});

it('says what to do about a goal that no script covers', async () => {
  const { run } = await play({ requestedBy: 'ada', goal: { text: 'Write a poem about rivers.' } }, nobody);
  assert.equal(run.status, 'failed');
  assert.match(run.problem?.message ?? '', /no script covers this request.*Write a poem.*OPENAI_API_KEY/);
  assert.deepEqual([run.usage.scripted, run.usage.calls], [true, 1]);
});
