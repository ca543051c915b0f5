/** The second story: a trip from one sentence. It shows a plan with models, tools and a person, and a revised plan that keeps what is done. */
import assert from 'node:assert/strict';
import { effectsOf, type Stage } from '../stage.ts';
import type { Story, Submission } from './story.ts';

/** A trip, as somebody would say it. */
export const tripGoal = (wish: string, card: string, requestedBy = 'ada'): Submission => ({
  requestedBy,
  input: { today: '2027-06-01' },
  goal: {
    text: `${wish} Book it with a ride from the airport and pay with ${card}.`,
    answer: {
      schema: {
        type: 'object',
        required: ['hotel', 'booking', 'transfer', 'payment', 'total'],
        properties: {
          hotel: { type: 'string' },
          booking: { type: 'string', pattern: '^HB-' },
          transfer: { type: 'string', pattern: '^TR-' },
          payment: { type: 'string', pattern: '^PM-' },
          total: { type: 'integer', minimum: 1 },
        },
      },
    },
  },
});

/** What a run did in the world, by its keys; each must have taken effect once. */
export function bookedBy(run: string, { world }: Pick<Stage, 'world'>): string[] {
  const own = Object.entries(world.state().ledger).filter(([key]) => key.startsWith(run));
  for (const [key, { effects }] of own) assert.equal(effects, 1, `${key} took effect ${effects} times`);
  return own.map(([key, { effects, tool }]) => `${tool}: ${effectsOf(key, effects)}`);
}

export const trip: Story = {
  title: 'Travel from a sentence',
  words:
    'A model reads the sentence, tools search, models filter for quiet and rank. The best hotel turns out to be gone, so the run reroutes and Ada chooses. Hotel and ride are booked at the same time. Then the card is declined: the plan is revised, Ada gives another card, and nothing that was booked is booked again.',
  submission: tripGoal('A quiet beach hotel near Lisbon, first week of October, under 200 a night, for two.', 'tok_declined'),
  who: 'ada',
  answers: { 'card-2': { card: 'tok_ada' } },
  end: (run, stage) => {
    assert.equal(run.status, 'completed');
    const { data } = run.answer as { data: { hotel: string; total: number } };
    assert.deepEqual([data.hotel, data.total], ['Quinta das Gaivotas', 864]);
    const effects = bookedBy(run.id, stage);
    assert.equal(effects.length, 3);
    return effects;
  },
};
